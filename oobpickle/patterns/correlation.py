"""Which reply belongs to which request, when many are in flight and some never come.

Rule 1: a request has a number of its own, never used twice by one client. A reply carries it back.
Rule 2: a number is expected from `expect` until `settle` or `give_up`. A reply to a number that is not expected came late
(its request was given up, or answered already by a retry) or is forged; it is counted and dropped, never handed out.
Rule 3: `expect` and `give_up` may be called by any thread at any time, without a lock: each is one step of a counter or
a dict, which CPython does not interrupt. `settle` counts, and needs the lock.
"""

from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Correlation(Generic[T]):
    """The requests in flight of one client. T: what stands for a waiting caller."""

    __slots__ = ("_expected", "_numbers", "late")

    def __init__(self) -> None:
        self._expected: dict[int, T] = {}
        self._numbers = count(1)
        self.late = 0

    def __len__(self) -> int:
        return len(self._expected)

    def expect(self, caller: T) -> int:
        """Draw the number of a new request."""
        number = next(self._numbers)
        self._expected[number] = caller
        return number

    def settle(self, number: int) -> T | None:
        """A reply with this number has come: the caller that waits for it, or None when it came late."""
        caller = self._expected.pop(number, None)
        self.late += caller is None
        return caller

    def give_up(self, number: int) -> None:
        """Nobody waits for this number any longer. Fine if it was settled."""
        self._expected.pop(number, None)

    def callers(self) -> list[T]:
        """Everyone who waits, the one who has waited longest first."""
        return list(self._expected.values())

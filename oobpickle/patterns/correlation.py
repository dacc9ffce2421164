"""Which reply belongs to which request, when many are in flight and some never come.

Rule 1: a request has a number of its own, never used twice by one client. A reply carries it back.
Rule 2: a number is expected from `expect` until `settle` or `give_up`. A reply to a number that is not expected came late
(its request was given up, or answered already by a retry) or is forged; it is counted and dropped, never handed out.
"""

from typing import Generic, TypeVar

T = TypeVar("T")


class Correlation(Generic[T]):
    """The requests in flight of one client. T: what stands for a waiting caller."""

    __slots__ = ("_expected", "_number", "late")

    def __init__(self) -> None:
        self._expected: dict[int, T] = {}
        self._number = 0
        self.late = 0

    def __len__(self) -> int:
        return len(self._expected)

    def expect(self, caller: T) -> int:
        """Draw the number of a new request."""
        self._number += 1
        self._expected[self._number] = caller
        return self._number

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

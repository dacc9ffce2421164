"""A bound in bytes on what a socket holds, where ZeroMQ's own bound (the high-water mark) counts messages.

Rule 1: `held` is the sum of what was put in and has not been released. A message is admitted when it fits under the
limit, or when nothing is held: one that is larger than the limit can be sent, alone.
Rule 2: `release` may be called from any thread and from any garbage collector's callback, at any moment: it takes no
lock. It leaves a note; the endpoint's own thread does the sum.

The books are kept by ticket, in the order of the messages, so that they also tell how many messages a socket may
still hold: those from the oldest ticket on. Not every message needs a ticket for that (a small one would cost more to
follow than to send), so it is an upper bound, and exact when every message has one.
"""

from collections import deque


class Budget:
    """The books of one socket: bytes held, a ticket for each part that was handed over."""

    __slots__ = ("_released", "_tickets", "held", "limit")

    def __init__(self, limit: int | None) -> None:
        """limit: bytes; None: no bound, only books."""
        self.limit = limit
        self.held = 0
        self._tickets: dict[int, tuple[int, int]] = {}  # ticket -> (number of its message, bytes), oldest first
        self._released: deque[int] = deque()

    def admits(self, nbytes: int) -> bool:
        """Whether a message of so many bytes may go now."""
        if self._released:
            self.settle()
        return self.limit is None or not self.held or self.held + nbytes <= self.limit

    def hold(self, ticket: int, message: int, nbytes: int) -> None:
        """Put in a part of a message. ticket: unique among those held. message: the message's number."""
        self._tickets[ticket] = (message, nbytes)
        self.held += nbytes

    def release(self, ticket: int) -> None:
        """The part of this ticket is no longer held. From any thread; settled later."""
        self._released.append(ticket)

    def settle(self) -> None:
        """Do the sums of what was released."""
        while self._released:
            _, nbytes = self._tickets.pop(self._released.popleft())
            self.held -= nbytes

    def oldest(self) -> int | None:
        """The number of the oldest message that has a ticket out, or None."""
        self.settle()
        return min((message for message, _ in self._tickets.values()), default=None)

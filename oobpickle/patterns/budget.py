"""A bound in bytes on what a socket holds, where ZeroMQ's own bound (the high-water mark) counts messages.

Rule 1: `held` is the sum of what was put in and has not been released. A message is admitted when it fits under the
limit, or when nothing is held: one that is larger than the limit can be sent, alone.
Rule 2: `release` may be called from any thread and from any garbage collector's callback, at any moment: it takes no
lock. It leaves a note; the endpoint's own thread does the sum.
Rule 3: who was refused hears of the next release: `refused` is set before a message is refused for good, and whoever
releases looks at it after his note. Nobody else needs to be woken.

The books are kept by ticket, so that they also tell how many messages a socket may still hold: those from the oldest
ticket on. Not every message has a ticket (a small one would cost more to follow than to send), so that is an upper
bound: exact when the oldest that is held has one.
"""

from collections import deque


class Budget:
    """The books of one socket: bytes held, a ticket for each message that is followed."""

    __slots__ = ("_released", "_tickets", "held", "limit", "refused", "settled")

    def __init__(self, limit: int | None) -> None:
        """limit: bytes; None: no bound, only books."""
        self.limit = limit
        self.held = 0
        self.refused = False  # whether somebody was, since it was last made False
        self.settled = 0  # the highest number of a message that was released
        # ticket -> (number of its message, bytes, anchor, peer)
        self._tickets: dict[int, tuple[int, int, object, bytes]] = {}
        self._released: deque[int] = deque()

    def __len__(self) -> int:
        """How many tickets are out."""
        return len(self._tickets)

    def admits(self, nbytes: int, beside: int = 0) -> bool:
        """Whether a message of so many bytes may go now. beside: bytes that are held elsewhere, and count too."""
        if self._released:
            self.settle()
        held = self.held + beside
        if self.limit is None or not held or held + nbytes <= self.limit:
            return True
        self.refused = True
        # What was released before that told nobody: look again.
        return bool(self._released) and self.admits(nbytes, beside)

    def hold(self, ticket: int, message: int, nbytes: int, anchor: object = None, peer: bytes = b"") -> None:
        """Put in a message. ticket: never used before. message: its number, 1 for the first that was sent.

        anchor: is kept as long as the ticket is out. peer: whom it is for, where that is known.
        """
        self._tickets[ticket] = (message, nbytes, anchor, peer)
        self.held += nbytes

    def release(self, ticket: int) -> None:
        """What this ticket stands for is no longer held; fine if it never was. From any thread; settled later."""
        self._released.append(ticket)

    def cancel(self, ticket: int) -> None:
        """Its message was not sent after all."""
        _, nbytes, _, _ = self._tickets.pop(ticket)
        self.held -= nbytes

    def settle(self) -> None:
        """Do the sums of what was released."""
        while self._released:
            entry = self._tickets.pop(self._released.popleft(), None)
            if entry is not None:
                self.settled = max(self.settled, entry[0])
                self.held -= entry[1]

    def unsettled(self, sent: int) -> int:
        """The most messages of `sent` that may still be held."""
        self.settle()
        if not self._tickets:
            return sent - self.settled
        return sent - min(message for message, _, _, _ in self._tickets.values()) + 1

    def holds_for(self, peer: bytes) -> bool:
        """Whether anything is held for this peer."""
        return any(whose == peer for _, _, _, whose in self._tickets.values())

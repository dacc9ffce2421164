"""Flow control, for every peer alike: how much may be in flight, and the credits by which far ends say what they have dropped."""

from collections.abc import Sequence
from multiprocessing.connection import Connection

WINDOW = 32 << 20
"""Bytes in flight: enough that both ends work at once, and what a large cache holds. Several far ends do not get their core at
the same time, and the near end is not to wait at each message for the last of them: there it is so many for each, up to
`FARS_MOST` (less than what a publisher keeps in shared memory)."""

FARS_MOST = 4

MOST = 400
"""Messages in flight: fewer than half of ZeroMQ's default high-water mark, so that it adds no wait or loss of its own. (A sender learns
of what was read in batches of half the mark, and counts that much too many until then.)"""

PATIENCE = 60.0
"""Seconds without credit after which a message counts as lost."""


class Lost(Exception):  # noqa: N818 - it says what it is
    """A message was sent and has not come."""


def window(nbytes: int, fars: int) -> tuple[int, int]:
    """For messages of this size to so many far ends: how many may be in flight, and after how many each gives credit for them."""
    messages = max(2, min(MOST, WINDOW * min(fars, FARS_MOST) // max(nbytes, 1)))
    return messages, max(1, messages // 4)


class Credits:
    """The near end's account with its far ends."""

    def __init__(self, fars: Sequence[Connection], nbytes: int) -> None:
        self._fars = fars
        self._window, self._each = window(nbytes, len(fars))
        self._given = 0  # by every one of them

    def allowed(self, sent: int) -> int:
        """Wait until one more than sent may be sent, and tell how many may be in all."""
        while self._given + self._window <= sent:
            self._take()
        return self._given + self._window

    def settle(self, sent: int) -> None:
        """Wait for all credit that is given for so many messages."""
        while self._given < sent - sent % self._each:
            self._take()

    def _take(self) -> None:
        for far in self._fars:
            if not far.poll(PATIENCE):
                raise Lost(f"no credit for {PATIENCE:g} s: after {self._given} messages one was lost")
            far.recv_bytes()
        self._given += self._each

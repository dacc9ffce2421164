"""The inline lane: every buffer is a frame of its own. The message carries all there is, so there is nothing to do."""

import sys
from collections.abc import Sequence

from oobpickle.errors import LaneError
from oobpickle.lanes.interface import INLINE, Placed


class InlineOutbox:
    """Gives no buffer a place elsewhere; oobpickle.lanes.Outbox tells the rest."""

    least = sys.maxsize

    @property
    def in_flight(self) -> int:
        """None: frames are ZeroMQ's to keep."""
        return 0

    def place(self, buffers: Sequence[memoryview], *, snapshot: bool = False, peer: bytes = b"") -> Placed:  # noqa: ARG002 - the interface's
        """Leave all of them inline."""
        return INLINE

    def cancel(self, placed: Placed) -> None:
        """Nothing was placed."""

    def abandon(self, placed: Placed) -> None:
        """Nothing was placed."""

    @property
    def bytes_in_flight(self) -> int:
        """None."""
        return 0

    def went(self, placed: Placed) -> None:
        """Nothing was copied."""

    def holds_for(self, peer: bytes) -> bool:  # noqa: ARG002 - the interface's
        """Nothing does."""
        return False

    def lingers(self, peers: int) -> bool:  # noqa: ARG002 - the interface's
        """Nothing is waited for."""
        return False

    def wait(self, timeout: float | None = None, *, peers: int = 0) -> bool:  # noqa: ARG002 - the interface's
        """Nothing is waited for."""
        return True

    def peer_gone(self, remaining: int) -> None:
        """Nothing is lost that the socket does not know of."""

    def close(self) -> None:
        """Nothing is held."""

    def settle(self) -> None:
        """Nothing is in flight."""


class InlineInbox:
    """Follows nothing; oobpickle.lanes.Inbox tells the rest."""

    def follow(
        self,
        packed: memoryview | bytes,  # noqa: ARG002 - the interface's
        lengths: Sequence[int],  # noqa: ARG002
        *,
        readonly: bool = False,  # noqa: ARG002
    ) -> list[memoryview]:
        """Refuse: raises LaneError."""
        raise LaneError("the message refers to shared memory, which this receiver does not accept")

    def skip(self, packed: memoryview | bytes, count: int) -> None:
        """Nobody waits."""

    def peer_gone(self) -> None:
        """Nothing is left."""

    def close(self) -> None:
        """Nothing is held."""


INLINE_OUTBOX, INLINE_INBOX = InlineOutbox(), InlineInbox()
"""They have no state, so one of each is enough."""

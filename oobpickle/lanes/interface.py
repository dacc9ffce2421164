"""What every lane gives: the two ends that an endpoint has, and what they tell each other's callers."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable


class Tracker(Protocol):
    """Tells when the memory of a sent message may be written again."""

    @property
    def done(self) -> bool:
        """Whether it may. Once True, always True."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait until done. timeout: seconds, None for ever. Raises Timeout."""


class Placed(NamedTuple):
    """Which buffers of a message are shared, and how the receiver finds them: for `wire.pack`.

    tracker: when loaned memory may be written again; None: as far as shared buffers go, at once. length: bytes of the
    shared buffers together; copied: of those that were copied for this message. send: the lane's own.
    """

    shared: Collection[int] = ()
    references: bytes = b""
    tracker: Tracker | None = None
    length: int = 0
    copied: int = 0
    send: Any = None


INLINE = Placed()
"""Nothing is shared."""


@runtime_checkable
class Outbox(Protocol):
    """The messages of one sending endpoint, until their receivers have them. Any thread may use it.

    least: bytes. Of a message whose only buffer is smaller, nothing has a place: `place` need not be asked.
    """

    least: int

    def place(self, buffers: Sequence[memoryview], *, snapshot: bool = False, peer: bytes = b"") -> Placed:
        """Give the buffers of one message places, as far as that is worth it and there is room.

        buffers: flat contiguous views of bytes. What is to be copied is copied now; loaned and received arrays are only
        referred to. The message must then be sent, once, or given to `cancel`. Never waits, and raises nothing because
        there is no room: what has no place goes inline. snapshot: loaned and received arrays are copied too.
        peer: whom the message is for, where the socket has several and each message one of them.
        """

    def cancel(self, placed: Placed) -> None:
        """The message was not sent: before anybody can have received it. May be called while garbage is collected."""

    def abandon(self, placed: Placed) -> None:
        """The message was sent, and nobody minds any longer whether it is received: who follows it too late gets LaneError."""

    @property
    def in_flight(self) -> int:
        """How many sends await their receiver; 0 with many receivers, who are not awaited."""

    def went(self, placed: Placed) -> None:
        """The message was sent: what was copied for it counts from now on. Those that wait to be sent do not, or they would
        wait for each other.
        """

    def holds_for(self, peer: bytes) -> bool:
        """Whether anything counts that was copied for this peer."""

    def settle(self) -> None:
        """Look which sends are acknowledged, all of them. `place` looks at some."""

    @property
    def bytes_in_flight(self) -> int:
        """Bytes that were copied for those of the sends in flight that `went`; what is referred to where it was costs nothing."""

    def lingers(self, peers: int) -> bool:
        """Whether a close should still wait for receivers to come for what was sent. To be asked again and again.

        One receiver a message: while any is not acknowledged. Many: while one of so many peers lags behind, and any of
        them makes progress. Those that have got on are known; who wants what was sent last is not.
        """

    def wait(self, timeout: float | None = None, *, peers: int = 0) -> bool:
        """Wait until it `lingers` no longer: whether that is so. timeout: seconds, None for ever."""

    def peer_gone(self, remaining: int) -> None:
        """A peer of the socket has gone, and what it had received is gone with it. remaining: how many queues are left.

        A queue a peer that connected to us, which goes with it, and one an address that we connected to, which libzmq
        keeps for the peer's return. Sends that the one who went may have had are over as soon as a later one of every
        remaining queue is acknowledged.
        """

    def close(self) -> None:
        """Let everything go: what nobody has acknowledged may be lost from here on. `wait` first, to linger.

        May be called twice, and while garbage is collected.
        """


@runtime_checkable
class Inbox(Protocol):
    """The references that one receiving endpoint follows. Any thread may use it."""

    def follow(self, packed: memoryview | bytes, lengths: Sequence[int], *, readonly: bool = False) -> list[memoryview]:
        """Views of the shared buffers of a message, in order; the memory stays as it is while its view lives.

        packed: `Message.references`. lengths: of the shared buffers, in bytes. readonly: True gives read-only views;
        False does so for buffers that were read-only at the sender, and for the others memory that can be written and
        that nobody else sees. Views outlive the inbox, the endpoint and the sender's process.
        Raises LaneError when it cannot be done. Nothing is held then, and the sender is not kept waiting: the message
        is lost.
        """

    def skip(self, packed: memoryview | bytes, count: int) -> None:
        """Tell the sender that a message is not followed, so that it need not keep it. count: of the shared buffers.

        Raises nothing: a sender that cannot be told keeps it.
        """

    def peer_gone(self) -> None:
        """A sender may have gone: let go of memory that it left, unless a view has it."""

    def close(self) -> None:
        """Stop acknowledging. Views stay as they are. May be called twice, and while garbage is collected."""

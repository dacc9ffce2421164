"""Which lane an endpoint's buffers take: what `lane=` means, and whose references are followed.

Rule 1: "auto" refers to shared memory where all who receive a message are on this host, as the address says: on ipc. A
publisher serves its ipc subscribers so and its others inline (publishing.py); a server each client as it asked.
Rule 2: references are followed when they came over ipc, or when lane="shared" says that all peers are on this host. What
came over another address of the same endpoint is refused, whatever it says.
Rule 3: a message that is refused is acknowledged if that can be: the sender must not wait for what will never be read.
"""

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from oobpickle.errors import LaneError
from oobpickle.lanes import INLINE_INBOX, Inbox, open_inbox
from oobpickle.lanes.following import lengths_of_shared
from oobpickle.wire import Message

LaneChoice: TypeAlias = Literal["auto", "inline", "shared"]
"""What a user may ask for. auto: shared memory on ipc:// addresses, frames elsewhere. inline: frames. shared: shared memory
everywhere; all peers are on this host, which the user knows."""


def checked(lane: LaneChoice) -> LaneChoice:
    """The same. Raises ValueError for anything else."""
    if lane not in ("auto", "inline", "shared"):
        raise ValueError(f'lane={lane!r}: it is "auto", "inline" or "shared"')
    return lane


def is_near(address: str) -> bool:
    """Whether this address leads to processes of this host, and the kernel says so."""
    return address.startswith("ipc:")


def refers(lane: LaneChoice, addresses: Iterable[str]) -> bool:
    """Whether what is sent to these addresses may refer to shared memory."""
    return lane == "shared" or (lane == "auto" and all(map(is_near, addresses)))


class References:
    """What one endpoint does with the references that its peers send."""

    def __init__(self, lane: LaneChoice, addresses: Iterable[str], *, readonly: bool) -> None:
        """readonly: everything arrives read-only. where: the addresses, for people."""
        self.where = ", ".join(addresses)
        near = list(map(is_near, addresses))
        self.inbox: Inbox = open_inbox(shared=True) if lane == "shared" or any(near) else INLINE_INBOX
        self.readonly = readonly
        self.takes = self.inbox is not INLINE_INBOX and lane != "inline"
        self._looks = lane == "auto" and not all(near)  # whether peers are told apart

    def check(self, message: Message, head: memoryview) -> None:
        """See whether a message's references are to be followed. head: of a zmq.Frame. Raises LaneError: it is lost."""
        if self.takes and not (self._looks and _is_far(head.obj)):
            return
        if not self._looks:  # else it is none of a far peer's business what we can reach
            self.skip(message)
        raise LaneError(
            "the message refers to shared memory, which this receiver does not accept",
            advice='the receiver can set lane="auto" on an ipc address, or the sender lane="inline"',
        )

    def skip(self, message: Message) -> None:
        """The message will not be read: tell its sender."""
        if message.references:
            self.inbox.skip(message.references, len(lengths_of_shared(message)))


def read_only(buffers: list[memoryview | int]) -> list[memoryview | int]:
    """The same buffers, followed, so that arrays on them are read-only."""
    return [buffer.toreadonly() for buffer in buffers if not isinstance(buffer, int)]


def _is_far(frame: Any) -> bool:
    # What libzmq says of a peer: of one on ipc "localhost:uid:gid:pid", of others an IP address. Never what the peer says.
    try:
        return not str(frame.get("Peer-Address")).startswith("localhost:")
    except Exception:  # noqa: BLE001 - zmq.ZMQError where it is not told; no zmq here
        return True

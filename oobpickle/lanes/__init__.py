"""How the buffers of a message travel: inline, as frames of their own, or shared, as references to where they are.

Rule: a lane knows buffers. What is in them, and what carries the message, it does not know: no pickle and no ZeroMQ here.

An endpoint that sends has an `Outbox`, one that receives has an `Inbox`; `open_outbox` and `open_inbox` give those of the
lane that is wanted, or of the inline lane where this platform has no other.
"""

from typing import Literal

from oobpickle.lanes.inline import INLINE_INBOX, INLINE_OUTBOX
from oobpickle.lanes.interface import INLINE, Inbox, Outbox, Placed, Tracker
from oobpickle.lanes.shared.inbox import SharedInbox
from oobpickle.lanes.shared.locks import AVAILABLE
from oobpickle.lanes.shared.outbox import RETAIN, SharedOutbox

__all__ = [
    "AVAILABLE",
    "INLINE",
    "INLINE_INBOX",
    "INLINE_OUTBOX",
    "RETAIN",
    "Inbox",
    "Outbox",
    "Placed",
    "Tracker",
    "open_inbox",
    "open_outbox",
]


def open_outbox(*, shared: bool, receivers: Literal["one", "many"], retain: int | None = None) -> Outbox:
    """The outbox of one endpoint.

    shared: whether buffers may go through shared memory: all its peers are on this host. receivers: "one" for sockets
    where each message goes to one peer, which acknowledges; "many" for publishers. retain: for "many", bytes of the
    newest sends that stay in place; None: 256 MB, or half the arena if that is less.
    """
    if not (shared and AVAILABLE):
        return INLINE_OUTBOX
    return SharedOutbox(receivers=receivers, retain=retain)


def open_inbox(*, shared: bool) -> Inbox:
    """The inbox of one endpoint. shared: whether its peers may refer it to shared memory."""
    return SharedInbox() if shared and AVAILABLE else INLINE_INBOX

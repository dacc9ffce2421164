"""The buffers of a message that are partly elsewhere, made whole by the inbox of its receiver."""

from typing import Any

from oobpickle.lanes.interface import Inbox
from oobpickle.wire import Message


def followed(message: Message, inbox: Inbox, *, readonly: bool) -> list[memoryview | int]:
    """The message's buffers, with views in the place of the shared ones. Raises LaneError: then it is lost."""
    buffers = message.buffers
    lengths: Any = [buffer for buffer in buffers if type(buffer) is int]
    views: Any = inbox.follow(message.references, lengths, readonly=readonly)
    if len(views) == len(buffers):
        return views  # type: ignore[no-any-return]
    rest = iter(views)
    return [next(rest) if type(buffer) is int else buffer for buffer in buffers]

"""The buffers of a message that are partly elsewhere, made whole by the inbox of its receiver."""

from typing import Any

from oobpickle.lanes.interface import Inbox
from oobpickle.wire import Message


def lengths_of_shared(message: Message) -> list[int]:
    """The lengths of the buffers that are to be followed, in order."""
    return [buffer for buffer in message.buffers if isinstance(buffer, int)]


def followed(message: Message, lengths: list[int], inbox: Inbox, *, readonly: bool) -> list[memoryview | int]:
    """The message's buffers, with views in the place of the shared ones. Raises LaneError: then it is lost.

    lengths: as `lengths_of_shared` gives them.
    """
    views: Any = inbox.follow(message.references, lengths, readonly=readonly)
    if len(lengths) == len(message.buffers):
        return views  # type: ignore[no-any-return]
    rest = iter(views)
    return [next(rest) if isinstance(buffer, int) else buffer for buffer in message.buffers]

"""A message whose buffers are partly elsewhere, made whole by the inbox of its receiver."""

from typing import Any

from oobpickle.lanes.interface import Inbox
from oobpickle.wire import Message


def followed(message: Message, inbox: Inbox, *, readonly: bool) -> Message:
    """The message with views in the place of its shared buffers. Raises LaneError: then it is lost."""
    buffers = list(message.buffers)
    shared = [index for index, buffer in enumerate(buffers) if type(buffer) is int]
    lengths: Any = [buffers[index] for index in shared]
    for index, view in zip(shared, inbox.follow(message.references, lengths, readonly=readonly), strict=True):
        buffers[index] = view
    return message._replace(buffers=buffers)

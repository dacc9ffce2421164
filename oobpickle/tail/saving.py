"""Saving undecoded messages: a file of messages for each topic, which `oobpickle.load` and `iter_file` read."""

import errno
import os
from hashlib import blake2b
from urllib.parse import quote

from oobpickle import wire
from oobpickle.endpoints.arrivals import Message
from oobpickle.files import write_frames

_LONGEST = 200  # characters of a name: with what is added to it, file systems take it


def make_directory(directory: str) -> None:
    """Make it, where it is not there yet. Raises OSError if it cannot be made, or new files cannot be made in it."""
    os.makedirs(directory, exist_ok=True)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), directory)


def save(message: Message, directory: str) -> str:
    """Append an undecoded message to its topic's file in a directory; gives the file's path. Raises OSError."""
    path = os.path.join(directory, file_name(message.topic))
    undecoded = message.obj
    frames = wire.pack(
        undecoded.codec,
        bytes(undecoded.stream),
        undecoded.buffers,
        sequence=message.sequence,
        sent_at=int(message.sent_at * 1e9),
    )
    with open(path, "ab", buffering=0) as file:
        write_frames(frames, file)
    return path


def file_name(topic: str) -> str:
    """A file's name for any topic, another for each: what is not a letter, a digit or one of "_.-" is written as %XX."""
    name = quote(topic, safe="")
    if name.startswith("."):  # it would be hidden, or a directory
        name = f"%2E{name[1:]}"
    if len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}%{blake2b(topic.encode(), digest_size=8).hexdigest()}"
    return f"{name or '%'}.oob"

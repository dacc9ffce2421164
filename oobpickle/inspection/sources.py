"""Where messages to look at come from: files, and sockets of our own that take what comes along."""

import contextlib
import mmap
import os
import stat
from collections.abc import Iterator
from typing import Literal

import zmq

from oobpickle import files
from oobpickle.endpoints.addresses import as_addresses, told
from oobpickle.endpoints.security import Curve
from oobpickle.errors import DecodeError, Timeout
from oobpickle.files import iter_frames
from oobpickle.inspection.opcodes import opcodes
from oobpickle.inspection.outline import outline
from oobpickle.sockets import recv_frames
from oobpickle.wire import is_head

Pattern = Literal["sub", "pull"]


def in_file(path: str) -> Iterator[list[memoryview]]:
    """The frames of each message in a file: of messages (`dump`), a single head, or plain pickles.

    Raises DecodeError when it is none of these or damaged (those before the damage have been given), and OSError.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # what is read from a pipe is gone, and to open one may wait for ever
        raise DecodeError(f"{path}: not a regular file")
    with open(path, "rb") as file:
        start = file.read(len(files.MAGIC))
        if start == files.MAGIC:
            yield from iter_frames(path)
            return
        if not start:
            raise DecodeError(f"{path}: the file is empty")
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    if is_head(view):
        yield [view]
        return
    # A pickle of the old protocols has no sign at its start; but it makes sense to its end.
    if start[0] != _PROTO and outline(view).problem is not None:
        raise DecodeError(f"{path}: neither a file of messages nor a pickle")
    yield from _pickles(view)


_PROTO = 0x80


def _pickles(view: memoryview) -> Iterator[list[memoryview]]:
    """Pickles one after the other, as `pickle.dump` appends them. The last one is all of the rest if it has no end."""
    while len(view):
        end = len(view)
        with contextlib.suppress(DecodeError):
            for opcode in opcodes(view):
                end = opcode.end if opcode.name == "STOP" else len(view)
        yield [view[:end]]
        view = view[end:]


def from_address(
    address: str,
    *,
    pattern: Pattern = "sub",
    topics: tuple[str, ...] = ("",),
    bind: bool = False,
    timeout: float | None = None,
    curve: Curve | None = None,
) -> list[memoryview]:
    """The frames of the next message at an address.

    pattern: "sub" listens as one more subscriber of these topics; "pull" takes a message away from those that it was meant
    for. bind: bind there instead of connecting. timeout: seconds, None for ever.
    Raises Timeout, and zmq.ZMQError or ValueError for an address that cannot be used.
    """
    (address,) = as_addresses(address)
    context = zmq.Context()
    admission = None
    try:
        socket = context.socket(zmq.SUB if pattern == "sub" else zmq.PULL)
        socket.linger = 0
        if pattern == "sub":
            for topic in topics:
                socket.subscribe(topic)
        if curve is not None:
            admission = curve.apply(socket)
        with told(address, connecting=not bind):
            (socket.bind if bind else socket.connect)(address)
        if not socket.poll(None if timeout is None else int(timeout * 1000)):
            raise Timeout(f"a message at {address}", timeout or 0.0)
        return recv_frames(socket)
    finally:
        if admission is not None:
            admission.close()
        context.destroy(linger=0)

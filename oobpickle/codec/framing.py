"""What the C pickler hands to its file, taken apart: opcodes here, large ``bytes`` and ``bytearray`` there.

The C pickler never asks ``reducer_override`` about exact ``bytes`` and ``bytearray``. But it writes a value of 64 KiB
and more by a ``write(value)`` of its own, right after it has written that value's opcode header. A file that recognises
the header can keep the value as an out-of-band buffer and write the opcodes that rebuild it from a buffer instead.

Theory of operation. Each ``write`` of the C pickler is one of

    [PROTO] FRAME length <length bytes of opcodes> [header]
    [PROTO] <up to 3 bytes of opcodes>             [header]      (a frame of less than 4 bytes is not written as one)
    value                                                        (only right after a header)

where the header, the opcode and length of the value to come, is 5 or 9 bytes. So the header is found by counting,
never by its looks: a float whose bytes look like a header is no header. The rule was held against CPython 3.11 to 3.13
(``_Pickler_write_bytes`` and ``_Pickler_OpcodeBoundary`` in Modules/_pickle.c) over thousands of frame boundaries.

Rule: an ordinary protocol-5 stream comes out. Memo, identity and order are as pickle makes them.
"""

from collections.abc import Callable
from pickle import PickleBuffer
from typing import Any

PROTO_5 = b"\x80\x05"
FRAME = b"\x95"
_FRAME_HEADER = 9
_PROTO_5_FRAME = PROTO_5 + FRAME
_VALUE_OPCODES: dict[type, bytes] = {bytes: b"B\x8e", bytearray: b"\x96"}  # BINBYTES, BINBYTES8; BYTEARRAY8

TINY, FEW = 1024, 16
"""A stream is to be under 4 KB, so the first few small buffers of an object (the validity bits of an Arrow column) go
beside it; the wire glues them on again. Thousands of them stay in it, where they cost the copy alone."""

FROM_BUFFER: dict[type, bytes] = {
    bytes: b"\x8c\x08builtins\x8c\x05bytes\x93\x97\x85R",
    bytearray: b"\x8c\x08builtins\x8c\x09bytearray\x93\x97\x85R",
}
"""What stands in the stream for a value that went out-of-band: STACK_GLOBAL, NEXT_BUFFER, TUPLE1, REDUCE."""


def canonical(opcodes: bytes, rest: bytes = b"") -> bytes:
    """Join opcodes (no PROTO, no FRAME among them) into one stream: PROTO 5, and one FRAME that reaches to the end."""
    length = len(opcodes) + len(rest)
    return b"".join((_PROTO_5_FRAME, length.to_bytes(8, "little"), opcodes, rest))


def split(data: bytes) -> tuple[int, int]:
    """Where the opcodes start and end in one write; what follows is the header of a value that comes next."""
    start = 2 if data[:1] == PROTO_5[:1] else 0
    if data[start : start + 1] == FRAME:
        start += _FRAME_HEADER
        return start, start + int.from_bytes(data[start - 8 : start], "little")
    rest = len(data) - start
    return start, len(data) - (0 if rest <= 3 else 5 if rest <= 8 else 9)


def _announces(header: bytes, value: Any) -> bool:
    """Whether value is bytes or a bytearray of the user's (a large str is written in the same way, as bytes)."""
    return header[0] in _VALUE_OPCODES.get(type(value), b"")


class OutOfBandFile:
    """The file of a pickler with a ``buffer_callback``: passes everything on, except large bytes and bytearrays.

    write: the user's file's. callback: called with a PickleBuffer of each such value, in the order of the stream;
    a true result leaves that value in-band, as PEP 574 has it for every buffer.
    """

    def __init__(self, write: Callable[[Any], object], callback: Callable[[PickleBuffer], object]) -> None:
        self._write = write
        self._callback = callback
        self._header = b""

    def start(self) -> None:
        """Begin a new dump; what a failed one left pending is dropped."""
        self._header = b""

    def write(self, data: Any) -> None:
        """Take one write of the C pickler."""
        header, self._header = self._header, b""
        if not header:
            _, end = split(data)
            self._header = data[end:]
            self._write(data[:end])
        elif _announces(header, data) and not self._callback(PickleBuffer(data)):
            self._write(FROM_BUFFER[type(data)])
        else:
            self._write(header)
            self._write(data)


class Recording:
    """The file of a codec's pickler: a list of all that happens in one dump, looked at afterwards.

    write: the list's own append, so that the C pickler calls no Python code. keep: the buffer callback.
    """

    __slots__ = ("_events", "_few", "_small", "write")

    def __init__(self, small: int) -> None:
        """small: a buffer of fewer bytes stays in-band, unless it is one of the first `FEW` that are not `TINY`."""
        self._events: list[Any] = []
        self._small = small
        self._few = FEW
        self.write = self._events.append

    def keep(self, buffer: PickleBuffer) -> bool:
        """Take a buffer of the dump; true leaves it in-band."""
        view = buffer.raw()
        if view.nbytes < self._small:
            if not self._few or view.nbytes < TINY:
                return True
            self._few -= 1
        self.write(view)
        return False

    def take(self) -> tuple[bytes, list[memoryview]]:
        """The opcodes of the dump, without PROTO and FRAME, and its buffers in their order; forgets them."""
        self._few = FEW
        events = self._events
        if len(events) == 1:
            data = events.pop()  # the commonest case: PROTO, and one FRAME unless it is tiny
            return data[11 if data[2:3] == FRAME else 2 :], []
        pieces: list[bytes] = []
        buffers: list[memoryview] = []
        header = b""
        for event in events:
            if type(event) is memoryview:
                buffers.append(event)
            elif not header:
                start, end = split(event)
                pieces.append(event[start:end])
                header = event[end:]
            elif _announces(header, event) and len(event) >= self._small:
                pieces.append(FROM_BUFFER[type(event)])
                buffers.append(memoryview(event))
                header = b""
            else:
                pieces += (header, event)
                header = b""
        events.clear()
        return b"".join(pieces), buffers

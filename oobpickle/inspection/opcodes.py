"""The opcodes of a stream, one by one, without running them: for looking at streams, whoever sent them.

Rule: nothing of the stream is loaded, copied or built here but what `argument` is asked for, which is small.

Not `pickletools.genops`: that decodes each argument as it goes, so a text of 1 GB is copied, and one bad argument hides
all opcodes after it.
"""

import io
import pickletools
from collections.abc import Iterator
from typing import Any, NamedTuple

from oobpickle.errors import DecodeError

_INFO = {ord(info.code): info for info in pickletools.opcodes}
_LENGTHS = [0] * 256
"""Bytes of an opcode with its argument; 0: no opcode; negative: the width of the length that its argument begins with."""

_LINES: dict[int, int] = {}
"""For opcodes whose argument is text: the number of its lines."""

_WIDTHS = {pickletools.TAKEN_FROM_ARGUMENT1: -1, pickletools.TAKEN_FROM_ARGUMENT4: -4}
_WIDTHS |= {pickletools.TAKEN_FROM_ARGUMENT4U: -4, pickletools.TAKEN_FROM_ARGUMENT8U: -8}
for _code, _info in _INFO.items():
    _length = _info.arg.n if _info.arg is not None else 0
    if _length == pickletools.UP_TO_NEWLINE:
        _LINES[_code] = 2 if _info.arg is not None and "pair" in _info.arg.name else 1
    else:
        _LENGTHS[_code] = _WIDTHS.get(_length) or 1 + _length

NAMES = {code: info.name for code, info in _INFO.items()}
"""The name of an opcode, by its byte."""


class Opcode(NamedTuple):
    """One opcode with its argument: bytes `at` to `end` of the stream. code: its first byte."""

    code: int
    at: int
    end: int

    @property
    def name(self) -> str:
        """As pickletools names it."""
        return NAMES[self.code]


def opcodes(stream: memoryview) -> Iterator[Opcode]:
    """The opcodes of a flat view of bytes, up to the first STOP.

    Raises DecodeError where there is no opcode, or it is cut off; those before it have been given.
    """
    at, size = 0, len(stream)
    while at < size:
        code = stream[at]
        length = _LENGTHS[code]
        if length > 0:
            end = at + length
        elif length < 0:
            first = at + 1 - length
            end = first + int.from_bytes(stream[at + 1 : first], "little") if first <= size else first
        elif code in _LINES:
            end = _after_lines(stream, at + 1, _LINES[code])
        else:
            raise DecodeError(f"byte 0x{code:02x} is no opcode", offset=at)
        if end > size:
            raise DecodeError("truncated: its argument ends past the stream", offset=at, opcode=NAMES[code])
        yield _opcode(Opcode, (code, at, end))
        if code == _STOP:
            return
        at = end
    raise DecodeError("truncated: there is no STOP", offset=size)


def argument(stream: memoryview, opcode: Opcode) -> Any:
    """Decode an opcode's argument as pickletools does; None when it has none. Raises DecodeError."""
    info = _INFO[opcode.code]
    if info.arg is None:
        return None
    try:
        return info.arg.reader(io.BytesIO(stream[opcode.at + 1 : opcode.end]))
    except (ValueError, OverflowError) as error:
        raise DecodeError(f"its argument is none: {error}", offset=opcode.at, opcode=info.name) from error


_opcode = tuple.__new__  # Opcode(...) itself takes three times as long
_STOP = ord(".")
_PIECE = 1 << 12  # bytes looked through at a time for the end of a line


def _after_lines(stream: memoryview, at: int, lines: int) -> int:
    """The end of so many lines; past the stream's end if there are not so many."""
    while lines and at < len(stream):
        newline = bytes(stream[at : at + _PIECE]).find(b"\n")
        lines -= newline >= 0
        at += newline + 1 if newline >= 0 else _PIECE
    return at if not lines else len(stream) + 1

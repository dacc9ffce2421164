"""What of a stream the interpreter need not go through opcode by opcode: the table of arrays, and runs of arrays.

Rule: a shortcut matches a sequence of whole opcodes that begins where an opcode does, and tells exactly what running them
one by one would. What does not look like an encoder's own is left to be run.
"""

import re
from functools import cache

from oobpickle.codec.rules import Names

START = 11
"""Where the first opcode after PROTO and FRAME is."""

ARRAY = b"h\0)R\x94"
"""BINGET 0, EMPTY_TUPLE, REDUCE, MEMOIZE: the source called for the next array."""


def _texts(longest: int) -> bytes:
    """SHORT_BINUNICODE of up to so many bytes."""
    return b"\x8c(?:" + b"|".join(re.escape(bytes((length,))) + b"." * length for length in range(longest + 1)) + b")"


_INT = b"(?:K.|M..|J...[\0-\x7f])"  # not below zero
_ANY_INT = b"(?:K.|M..|J....)"
_TUPLE = b"(?:%(i)s%(i)s\x86|%(i)s\x85|\\)|%(i)s%(i)s%(i)s\x87|\\((?:%(i)s){4,}+t)"
_SPEC = b"".join(  # dtype, shape, strides, offset, count, writeable
    (b"\\(", _texts(16), _TUPLE % {b"i": _INT}, b"(?:N|", _TUPLE % {b"i": _ANY_INT}, b")", _INT, _INT, b"[\x88\x89]t")
)


@cache
def _groups() -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """One group: MARK, None or NEXT_BUFFER, spec... TUPLE. And all of them, and TUPLE REDUCE MEMOIZE POP."""
    group = b"\\([N\x97](?:" + _SPEC + b")*+t"
    return re.compile(group, re.DOTALL), re.compile(b"(?:" + group + b")*+tR\x940", re.DOTALL)


def table_of_arrays(stream: bytes, names: Names) -> tuple[int, int] | None:
    """The stream's table: where it ends, and how many buffers it takes; None if there is none that looks as usual.

    Running it leaves nothing on the stack, and the source at memo 0. The arguments have the right types, and no length,
    offset or count is below zero.
    """
    try:
        start = _start_of_groups(stream, names)
    except IndexError:
        start = 0
    if not start:
        return None
    group, groups = _groups()
    match = groups.match(stream, start)
    if match is None:
        return None
    return match.end(), sum([found[1] == 0x97 for found in group.findall(stream, start, match.end())])


def _start_of_groups(stream: bytes, names: Names) -> int:
    """Where the groups of a table begin; 0 if the stream does not begin with one. IndexError if it ends too soon."""
    module, name = START + 2, START + 4 + stream[START + 1]
    end = name + stream[name - 1]  # of the name
    rule = names.get((stream[module : name - 2], stream[name:end]))
    if rule is None or not rule.source:
        return 0
    if (stream[START], stream[name - 2], stream[end], stream[end + 1]) != (0x8C, 0x8C, 0x93, 0x28):
        return 0
    if stream[end + 2] == 0x4E:  # NONE: the arrays are in their order
        return end + 3
    if stream[end + 2] == 0x42:  # BINBYTES: their order
        return end + 7 + int.from_bytes(stream[end + 3 : end + 7], "little")
    return 0


@cache
def _items() -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    item = _texts(63) + b"\x94" + re.escape(ARRAY)
    return re.compile(item, re.DOTALL), re.compile(b"(?:" + item + b")*+", re.DOTALL)


def run_of_arrays(stream: bytes, i: int) -> tuple[int, int, int]:
    """What comes next: pairs of a text, memoised, and an array; or else arrays alone; and where they end."""
    item, items = _items()
    run = items.match(stream, i)
    if run and run[0]:
        return item.subn(b"", run[0])[1], 0, run.end()
    count = 0
    while stream.startswith(ARRAY, i):
        count += 1
        i += 5
    return 0, count, i

"""What stands on the buffers of a stream, as the stream itself tells: which array where, of what dtype and shape.

Rule: the stream may be anybody's. Numbers are taken for what they claim; nothing is allocated by them.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np

from oobpickle.codec.reducers import numpy as rebuilders
from oobpickle.codec.whereabouts import short
from oobpickle.inspection.values import Outline, Value, arguments_of, called

_TABLE = f"{rebuilders.__name__}.{rebuilders.array_table.__name__}"
_ARRAY = f"{rebuilders.__name__}.{rebuilders.array.__name__}"
_STOCK = frozenset(("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"))
_PLAIN = re.compile(r"[<>|=]?([?a-zA-Z])([0-9]{0,9})(\[[0-9a-zA-Z]{0,20}\])?")
_NAMED = "?bhilqBHILQefdgFDGiufcMm"  # dtypes with a name better than their text


class Part(NamedTuple):
    """A value that stands on a buffer. value: the call that builds it, from the buffer of that number.

    buffer: None when it has no bytes, or has them in the stream; these are `stored` then.
    offset, nbytes: where on it; None: it is not known. dtype: as text, "" when unknown or none. shape: None when unknown.
    """

    value: Value
    buffer: int | None
    stored: Value | None
    offset: int | None
    nbytes: int | None
    dtype: str
    shape: tuple[int, ...] | None


def parts_of(outline: Outline) -> Iterator[Part]:
    """What stands on the buffers, in the order of the stream. Buffers that nothing is built on do not occur."""
    tables: dict[int, Table] = {}
    in_tables: set[int] = set()
    for call in outline.calls:
        if called(call) == _TABLE:
            table = tables[id(call)] = Table(outline, arguments_of(call))
            in_tables.update(table.buffers)
        elif id(call.of) in tables:
            yield tables[id(call.of)].next(call)
    read: dict[int, _Read] = {}  # by call: a stream may have any number of buffers in one
    for buffer in outline.buffers:
        if buffer.index not in in_tables:
            yield _alone(outline, buffer, read)


class _Run(NamedTuple):
    buffer: int | None
    stored: Value | None
    offset: int
    each: int | None
    dtype: str
    shape: tuple[int, ...] | None


class Table:
    """An array table, read from the arguments that `array_table` would be called with. `next`: as its source gives them."""

    def __init__(self, outline: Outline, given: list[Value]) -> None:
        self.buffers: list[int] = []
        self._runs: list[_Run] = []
        self._ends: list[int] = []  # the number of arrays in all runs up to and with this one
        self._taken = 0
        self._order = _order(outline, given[0]) if given else None
        for group in given[1:]:
            self._add(outline, group.items if group.kind == "tuple" else [])

    def _add(self, outline: Outline, group: list[Value]) -> None:
        index = group[0].index if group and group[0].kind == "buffer" else None
        stored = group[0] if group and group[0].kind == "atom" else None
        if index is not None:
            self.buffers.append(index)
        for spec in group[1:]:
            fields = [outline.literal(item) for item in spec.items] if spec.kind == "tuple" else []
            if len(fields) == 6 and _is_size(fields[3]) and _is_size(fields[4]):
                description, shape, _, offset, count, _ = fields
                (dtype, itemsize), shape = _dtype(description), as_shape(shape)
                run = _Run(index, stored, offset, _nbytes(itemsize, shape), dtype, shape)
            else:  # nobody knows how many arrays it is: what comes after it is unknown too
                run, count = _Run(None, None, 0, None, "", None), 1 << 63
            self._runs.append(run)
            self._ends.append((self._ends[-1] if self._ends else 0) + count)

    def next(self, value: Value) -> Part:
        """The next array in the order of use."""
        place = taken = self._taken
        self._taken += 1
        if self._order is not None:
            place = self._order[taken] if taken < len(self._order) else -1
        at = bisect_right(self._ends, place) if place >= 0 else len(self._ends)
        if at == len(self._ends):
            return Part(value, None, None, None, None, "", None)
        run = self._runs[at]
        before = place - (self._ends[at - 1] if at else 0)
        offset = None if before and run.each is None else run.offset + before * (run.each or 0)
        return Part(value, run.buffer, run.stored, offset, run.each, run.dtype, run.shape)


def _order(outline: Outline, value: Value) -> list[int] | None:
    start = _BYTES.get(value.opcode.code)
    if start is None:
        return None
    numbers = np.frombuffer(outline.stream[value.opcode.at + start : value.opcode.end], np.uint8)
    order: list[int] = numbers[: numbers.size // 4 * 4].view("<u4").tolist()
    return order


_BYTES = {ord("C"): 2, ord("B"): 5, 0x8E: 9}  # where they start, after the opcode and their length


class _Read(NamedTuple):
    """What a call that takes one buffer tells of it."""

    dtype: str
    itemsize: int | None
    shape: tuple[int, ...] | None


def _alone(outline: Outline, buffer: Value, read: dict[int, _Read]) -> Part:
    """A buffer that one call takes."""
    value = buffer
    for _ in range(_NEAR):
        if value.parent is None or value.kind == "call":
            break
        value = value.parent
    if value.kind != "call":
        value = buffer
    found = read.get(id(value))
    if found is None:
        found = read[id(value)] = _read(outline, value)
    return Part(value, buffer.index, None, 0, _nbytes(found.itemsize, found.shape), found.dtype, found.shape)


def _read(outline: Outline, value: Value) -> _Read:
    given, name = arguments_of(value), called(value)
    if name == _ARRAY and len(given) == 5:
        return _Read(*_dtype(outline.literal(given[1])), as_shape(outline.literal(given[2])))
    if name in _STOCK and len(given) == 4:
        return _Read(*_pickled_dtype(outline, given[1]), as_shape(outline.literal(given[2])))
    return _Read("", None, None)


_NEAR = 4  # containers between a call and a buffer that it takes


def _pickled_dtype(outline: Outline, value: Value) -> tuple[str, int | None]:
    """A dtype as numpy pickles it: numpy.dtype(text, False, True) and a state that holds the order of bytes."""
    arguments = arguments_of(value.of if value.kind == "again" else value)
    return _dtype(outline.literal(arguments[0])) if arguments else ("", None)


def _is_size(number: Any) -> bool:
    return type(number) is int and 0 <= number < 1 << 63


def as_shape(shape: Any) -> tuple[int, ...] | None:
    """A literal that is a shape; None if it is something else."""
    return shape if isinstance(shape, tuple) and all(map(_is_size, shape)) else None


def _nbytes(itemsize: int | None, shape: tuple[int, ...] | None) -> int | None:
    nbytes = None if itemsize is None or shape is None else itemsize * prod(shape)
    return nbytes if _is_size(nbytes) else None


def _dtype(description: Any) -> tuple[str, int | None]:
    """(the dtype as text, bytes of an element) of what `describe` gives; ("", None) when it does not tell."""
    if isinstance(description, str) and (match := _PLAIN.fullmatch(description)):
        kind, size, _ = match.groups()
        itemsize = int(size) * (4 if kind == "U" else 1) if size else None
        try:
            return (np.dtype(description).name if kind in _NAMED else description), itemsize
        except TypeError:
            return "", None
    if isinstance(description, tuple) and len(description) == 3 and description[0] == "subarray":
        (dtype, itemsize), shape = _dtype(description[1]), as_shape(description[2])
        return f"{dtype} {shape}", _nbytes(itemsize, shape)
    if isinstance(description, tuple) and len(description) == 4 and description[0] in ("struct", "record"):
        fields = description[1] if isinstance(description[1], tuple) else ()
        names = [field[0] for field in fields if isinstance(field, tuple) and field]
        itemsize = description[2] if _is_size(description[2]) else None
        return f"{description[0]}({', '.join(map(short, names))})", itemsize
    return "", None

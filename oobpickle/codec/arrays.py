"""The array table: all the plain arrays of one object, rebuilt at once at the start of its stream.

Theory of operation. While an object is pickled, each array reduces to one constant, a call of the *source*, and is put on
a list. Afterwards the list is laid out as a whole, where each array goes is known, and a prefix is put before the stream:

    STACK_GLOBAL array_table  MARK order group... TUPLE  REDUCE  MEMOIZE  POP

It builds the arrays and leaves the source, a callable that gives the next one, at memo 0. In the stream an array is then
BINGET 0, EMPTY_TUPLE, REDUCE, MEMOIZE. It is an ordinary protocol-5 stream. 10,000 arrays of 100 float64 take a third
of the time of 10,000 reductions.

How the arrays are laid out on buffers:
- Views of one array whose memory overlaps stand on one buffer, the union of their extents, when it is no larger than
  they are together; so they share memory on arrival too. Never the rest of the array that they are views of.
- Small arrays are packed, those of one dtype and shape side by side, into chunks of about 1 MiB: a buffer costs more
  than a small copy, and one kept array pins no more than its chunk.
- Any other array has a buffer of its own: its own memory, or one gathered copy if that has gaps.
"""

from collections.abc import Iterable
from functools import lru_cache
from operator import attrgetter
from pickle import Pickler
from typing import Any, NamedTuple

import numpy as np

from oobpickle.codec.framing import Recording
from oobpickle.codec.overlap import overlapping
from oobpickle.codec.reducers.numpy import Array, array_table, contiguous, describe, layout

CHUNK = 1 << 20
"""Bytes of small arrays in one buffer, about: large enough that a frame's cost does not show, small enough to pin."""

_ALIGN = 64  # bytes between arrays of different kinds in a chunk: a cache line, and more than any dtype asks for
_END = b"tR\x940"  # TUPLE, REDUCE, MEMOIZE, POP
_KIND = 0x1 | 0x2 | 0x400  # C_CONTIGUOUS, F_CONTIGUOUS, WRITEABLE in ndarray.flags.num
_ARRAY_TABLE = (
    b"".join(b"\x8c" + bytes([len(name)]) + name.encode() for name in (array_table.__module__, array_table.__name__))
    + b"\x93"
)  # SHORT_BINUNICODE twice, STACK_GLOBAL

NO_ARRAYS = b"N\x940"
"""The prefix of an object without arrays: it takes memo 0 all the same, which the pickler has given away."""


def source() -> Array:
    """Stand for the source while an object is pickled; never called."""
    raise NotImplementedError


TAKE = (source, ())
"""What every plain array reduces to."""

MEMO = {id(source): (0, source)}
"""The memo that a pickler starts with, so that the source is BINGET 0."""


def build_table(arrays: list[Array], small: int) -> tuple[bytes, list[memoryview]]:
    """Lay out arrays (exact ndarrays without objects, in the order of use) as (prefix, buffers).

    small: arrays of fewer bytes are packed. The buffers are views of the arrays' own memory where that is possible.
    """
    if len(arrays) == 1:
        return _one(arrays[0])
    table = _Table()
    placed: set[int] = set()
    for flat, members in overlapping(arrays):
        table.add(flat, [_Run(arrays[index], layout(arrays[index]), at, [index]) for index, at in members])
        placed.update(index for index, _ in members)
    for indices in _kinds(arrays, placed):
        if arrays[indices[0]].nbytes < small:
            table.pack(arrays[indices[0]], indices)
        else:
            for index in indices:
                flat, strides = contiguous(arrays[index])
                table.add(flat, [_Run(arrays[index], strides, 0, [index])])
    table.fill(arrays)
    return table.prefix(), table.buffers


def _one(a: Array) -> tuple[bytes, list[memoryview]]:
    """What `build_table` gives for a single array, without its machinery: the commonest case."""
    if not a.nbytes:
        return b"".join((_ARRAY_TABLE, b"(N(N", _opcodes(a, None, 0, 1), b"t", _END)), []
    flat, strides = contiguous(a)
    return b"".join((_ARRAY_TABLE, b"(N(\x97", _opcodes(a, strides, 0, 1), b"t", _END)), [flat]


def _kinds(arrays: list[Array], without: set[int]) -> Iterable[list[int]]:
    """The indices of arrays by kind: dtype, shape, order and writability."""
    keys = list(map(_key, arrays))
    if not without and keys.count(keys[0]) == len(keys):
        return [list(range(len(arrays)))]
    kinds: dict[Any, list[int]] = {}
    names: dict[int, Any] = {}  # by the dtype's id: telling it takes a microsecond
    for index, (dtype, shape, flags) in enumerate(keys):
        if index in without:
            continue
        name = names.get(id(dtype))
        if name is None:
            name = describe(dtype)
            # Dtypes that differ in metadata alone are equal, and are not the same kind.
            name = names[id(dtype)] = id(dtype) if isinstance(name, np.dtype) else name
        kinds.setdefault((name, shape, flags & _KIND), []).append(index)
    return kinds.values()


_key = attrgetter("dtype", "shape", "flags.num")


class _Run(NamedTuple):
    """Arrays of one kind, one after the other on a buffer."""

    like: Array  # dtype, shape and writability are those of all
    strides: tuple[int, ...] | None
    offset: int
    indices: list[int]


class _Table:
    """The prefix as it grows, and its buffers; and the chunk that small arrays are being put into."""

    def __init__(self) -> None:
        self.buffers: list[memoryview] = []
        self._order: list[int] = []
        self._pieces: list[bytes] = []
        self._chunks: list[list[_Run]] = []
        self._ends = [CHUNK]  # of each chunk; the first is one before all, and full

    def add(self, flat: memoryview | None, runs: Iterable[_Run]) -> None:
        """Put runs on the buffer flat; None when they have no bytes."""
        if flat is None:
            self._pieces.append(b"(N")
        else:
            self._pieces.append(b"(\x97")  # MARK, NEXT_BUFFER
            self.buffers.append(flat)
        for run in runs:
            self._order += run.indices
            self._pieces.append(_opcodes(run.like, run.strides, run.offset, len(run.indices)))
        self._pieces.append(b"t")

    def pack(self, like: Array, indices: list[int]) -> None:
        """Plan these small arrays, which are of one kind, into chunks."""
        strides = like.strides if like.flags.fnc else None
        while indices:
            start = -(-self._ends[-1] // _ALIGN) * _ALIGN
            fitting = (CHUNK - start) // like.nbytes if like.nbytes else len(indices)
            if fitting < 1 or not self._chunks:
                self._chunks.append([])
                self._ends.append(0)
                continue
            self._chunks[-1].append(_Run(like, strides, start, indices[:fitting]))
            self._ends[-1] = start + len(indices[:fitting]) * like.nbytes
            indices = indices[fitting:]

    def fill(self, arrays: list[Array]) -> None:
        """Copy the planned arrays into one piece of memory, and put each chunk of it on a buffer.

        One piece, since malloc hands it out warm again the next time, which it does not with many of a megabyte.
        """
        sizes = [-(-end // _ALIGN) * _ALIGN for end in self._ends[1:]]
        memory = np.empty(sum(sizes), np.uint8)
        start = 0
        for runs, size in zip(self._chunks, sizes, strict=True):
            chunk = memory[start : start + size]
            start += size
            _copy_in(chunk, runs, arrays)
            self.add(memoryview(chunk) if size else None, runs)  # type: ignore[arg-type]

    def prefix(self) -> bytes:
        order = b"N"
        if self._order != list(range(len(self._order))):
            places = np.argsort(self._order).astype("<u4").tobytes()
            order = b"B" + len(places).to_bytes(4, "little") + places
        return b"".join((_ARRAY_TABLE, b"(", order, *self._pieces, _END))


def _copy_in(chunk: Array, runs: list[_Run], arrays: list[Array]) -> None:
    """Copy the arrays of these runs into their places in the chunk, and zeros between them."""
    end = 0
    for like, strides, offset, indices in runs:
        chunk[end:offset] = 0
        end = offset + len(indices) * like.nbytes
        if not like.nbytes:
            continue
        place = chunk[offset:end].view(like.dtype)
        members = [arrays[index] if strides is None else arrays[index].T for index in indices]
        if like.ndim:
            np.concatenate(members, out=place.reshape(-1, *members[0].shape[1:]))
        else:
            for number, a in enumerate(members):
                place[number] = a
    chunk[end:] = 0


def _opcodes(like: Array, strides: tuple[int, ...] | None, offset: int, count: int) -> bytes:
    """The opcodes of a spec."""
    description = describe(like.dtype)
    # Dtypes that differ in metadata alone are equal: not for the cache.
    pickled = _pickled.__wrapped__ if isinstance(description, np.dtype) else _pickled
    return pickled(description, like.shape, strides, offset, count, like.flags.writeable)


@lru_cache(maxsize=4096)
def _pickled(*spec: Any) -> bytes:
    """The opcodes of a tuple, without the memo: its places belong to the stream."""
    recording = Recording(1 << 62)
    pickler = Pickler(recording, 5)
    pickler.fast = True
    pickler.dump(spec)
    return recording.take()[0][:-1]

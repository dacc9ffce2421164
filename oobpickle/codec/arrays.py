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
- Small arrays, unless they are very few, are gathered, since a buffer costs more than a small copy: many of one kind (dtype, shape, order,
  writability) by one np.concatenate, the others by one join. A gathered buffer has about 1 MiB at the most, so that
  one kept array pins no more than that.
- Any other array has a buffer of its own: its own memory, or one gathered copy if that has gaps.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import repeat
from operator import attrgetter, is_
from pickle import Pickler
from typing import Any, NamedTuple

import numpy as np

from oobpickle.codec.framing import Recording
from oobpickle.codec.overlap import overlapping
from oobpickle.codec.reducers.numpy import Array, array_table, axes_by_address, contiguous, describe, layout, opaque

CHUNK = 1 << 20
"""Bytes of small arrays in one buffer, about: large enough that a frame's cost does not show, small enough to pin."""

MANY = 8
"""Small arrays of one kind from which np.concatenate, which costs some 10 us a call, pays."""

_ALIGN = 16  # of the places of arrays in a gathered buffer: the strictest that a dtype asks for
_ZEROS = bytes(_ALIGN)
_END = b"tR\x940"  # TUPLE, REDUCE, MEMOIZE, POP
_C, _F = 0x1, 0x2  # C_CONTIGUOUS, F_CONTIGUOUS in ndarray.flags.num
_DENSE = _C | _F
_KIND = _DENSE | 0x400  # WRITEABLE
ARRAY_TABLE = (
    b"".join(b"\x8c" + bytes([len(name)]) + name.encode() for name in (array_table.__module__, array_table.__name__))
    + b"\x93"
)
"""What names the table in a stream: SHORT_BINUNICODE twice, STACK_GLOBAL."""

NO_ARRAYS = b"N\x940"
"""The prefix of an object without arrays: it takes memo 0 all the same, which the pickler has given away."""


def source() -> Array:
    """Stand for the source while an object is pickled; never called."""
    raise NotImplementedError


TAKE = (source, ())
"""What every plain array reduces to."""

MEMO = {id(source): (0, source)}
"""The memo that a pickler starts with, so that the source is BINGET 0."""


def build_table(arrays: list[Array], small: int, in_band: int = 0) -> tuple[bytes, list[memoryview]]:
    """Lay out arrays (exact ndarrays without objects, in the order of use) as (prefix, buffers).

    small: arrays of fewer bytes are gathered. in_band: a few arrays, of fewer bytes together, are written into the stream.
    The buffers are views of the arrays' own memory where that is possible.
    """
    unions = list(overlapping(arrays)) if len(arrays) > 1 else []
    if len(arrays) < MANY and not unions:
        return _each(arrays, in_band)
    table = _Table()
    placed: set[int] = set()
    for flat, members in unions:
        table.add(flat, [_Run(arrays[index], layout(arrays[index]), at, [index]) for index, at in members])
        placed.update(index for index, _ in members)
    few: list[list[int]] = []
    for indices in _kinds(arrays, placed):
        nbytes = arrays[indices[0]].nbytes
        if nbytes >= small:
            for index in indices:
                flat, strides = contiguous(arrays[index])
                table.add(flat, [_Run(arrays[index], strides, 0, [index])])
        elif len(indices) < MANY or not nbytes:
            few.append(indices)
        else:
            _concatenate(table, arrays, indices)
    _join(table, arrays, few)
    return table.prefix(), table.buffers


def _each(arrays: list[Array], in_band: int) -> tuple[bytes, list[memoryview]]:
    """Give each array a buffer of its own, whatever its size: for a few that is faster than to gather them."""
    pieces: list[bytes | memoryview] = [ARRAY_TABLE, b"(N"]
    buffers: list[memoryview] = []
    for a in arrays:
        nbytes = a.nbytes
        if not nbytes:
            pieces += (b"(N", _opcodes(a, None, 0, 1), b"t")
        elif nbytes < in_band:
            in_band -= nbytes
            flat, strides = (a.tobytes(), None) if a.flags.num & _C else contiguous(a)
            pieces += (b"(\x96", nbytes.to_bytes(8, "little"), flat, _opcodes(a, strides, 0, 1), b"t")  # BYTEARRAY8
        else:
            flat, strides = contiguous(a)
            buffers.append(flat)
            pieces += (b"(\x97", _opcodes(a, strides, 0, 1), b"t")
    pieces.append(_END)
    return b"".join(pieces), buffers


def _kinds(arrays: list[Array], without: set[int]) -> Iterable[list[int]]:
    """The indices of arrays by kind: dtype, shape, order and writability."""
    # Equal dtypes need not be the same: metadata, alignment and record do not count for numpy.
    one = not without and all(map(is_, map(_dtype, arrays), repeat(arrays[0].dtype)))
    if one and _of_one_shape(arrays) and len(set(map(_flags, arrays))) == 1:
        return [list(range(len(arrays)))]
    kinds: dict[Any, list[int]] = {}
    names: dict[int, Any] = {}  # by the dtype's id: telling it takes a microsecond
    for index, (dtype, shape, flags) in enumerate(map(_key, arrays)):
        if index in without:
            continue
        name = names.get(id(dtype))
        if name is None:
            name = describe(dtype)
            name = names[id(dtype)] = id(dtype) if isinstance(name, np.dtype) else name
        strides = None if flags & _DENSE else arrays[index].strides
        kinds.setdefault((name, shape, flags & _KIND, strides), []).append(index)
    return kinds.values()


def _of_one_shape(arrays: list[Array]) -> bool:
    # To make a shape takes five times as long as to tell the length.
    return len(set(map(_shape if set(map(_ndim, arrays)) != {1} else len, arrays))) == 1


_key = attrgetter("dtype", "shape", "flags.num")
_dtype = attrgetter("dtype")
_shape = attrgetter("shape")
_ndim = attrgetter("ndim")
_flags = attrgetter("flags.num")


class _Run(NamedTuple):
    """Arrays of one kind, one after the other on a buffer."""

    like: Array  # dtype, shape and writability are those of all
    strides: tuple[int, ...] | None
    offset: int
    indices: list[int]


class _Table:
    """The prefix as it grows, and its buffers."""

    def __init__(self) -> None:
        self.buffers: list[memoryview] = []
        self._order: list[int] = []
        self._pieces: list[bytes] = []

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

    def prefix(self) -> bytes:
        order = b"N"
        if self._order != list(range(len(self._order))):
            places = np.argsort(self._order).astype("<u4").tobytes()
            order = b"B" + len(places).to_bytes(4, "little") + places
        return b"".join((ARRAY_TABLE, b"(", order, *self._pieces, _END))


def _concatenate(table: _Table, arrays: list[Array], indices: list[int]) -> None:
    """Gather many small arrays of one kind: one copy into one piece of memory, a buffer for each MiB of it.

    One piece, since malloc hands it out warm again the next time, which it does not with many of a megabyte.
    """
    like = arrays[indices[0]]
    members = [arrays[index] for index in indices]
    if opaque(like) is not like:  # then none of this kind is as it is
        members = list(map(opaque, members))
    strides = None
    if (axes := axes_by_address(like)) is not None:
        members = [a.transpose(axes) for a in members]
        strides = like.strides
    if not like.ndim:
        members = [a.reshape(1) for a in members]
    memory, _ = contiguous(np.concatenate(members, dtype=members[0].dtype))
    each = max(CHUNK // like.nbytes, 1)
    for start in range(0, len(indices), each):
        chunk = memory[start * like.nbytes : (start + each) * like.nbytes]
        table.add(chunk, [_Run(like, strides, 0, indices[start : start + each])])


def _join(table: _Table, arrays: list[Array], kinds: list[list[int]]) -> None:
    """Gather small arrays of different kinds, a few of each."""
    runs: list[_Run] = []
    pieces: list[bytes | memoryview] = []
    end = 0
    for indices in kinds:
        like = arrays[indices[0]]
        size = len(indices) * like.nbytes
        start = -(-end // _ALIGN) * _ALIGN
        if runs and start + size > CHUNK:
            table.add(_joined(pieces), runs)
            runs, pieces, start, end = [], [], 0, 0
        strides = None
        if size:
            pieces.append(_ZEROS[: start - end])
            for index in indices:
                flat, strides = contiguous(arrays[index])
                pieces.append(flat)
            end = start + size
        runs.append(_Run(like, strides, start, indices))
    if runs:
        table.add(_joined(pieces), runs)


def _joined(pieces: list[bytes | memoryview]) -> memoryview | None:
    if len(pieces) == 2 and isinstance(pieces[1], memoryview):  # one array alone: there is nothing to gather
        return pieces[1]
    return memoryview(bytearray().join(pieces)) if pieces else None


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

"""scipy's sparse arrays and matrices, of every format, from the arrays that they are made of.

Rule: indices, by which scipy's compiled code reads and writes memory unchecked, are copied before they are looked at.
Whoever sent them may still be able to write them, and the receiver may have been given them a second time as numbers.
The values are not copied.

csr, csc, bsr, coo and dia are arrays by nature. A lil travels as the three arrays of a csr, a dok as those of a coo. Not
carried: what scipy keeps to save work (whether indices are sorted, say); it finds that anew.
"""

from collections.abc import Callable
from itertools import chain, pairwise
from typing import Any

import numpy as np
from scipy import sparse

from oobpickle.codec.allowance import limits, spend
from oobpickle.codec.reducers.arguments import expect, expect_all
from oobpickle.codec.rules import Rule
from oobpickle.errors import EncodeError

Array = np.ndarray[Any, Any]

_FORMATS = ("csr", "csc", "bsr", "coo", "dia", "dok", "lil")
_CLASSES: dict[str, Any] = {
    f"{name}_{kind}": getattr(sparse, f"{name}_{kind}") for name in _FORMATS for kind in ("array", "matrix")
}
_NUMBERS = "biufc"
_LONGEST = 2**62  # of a side: so that no sum of two leaves 64 bits
_EQUAL_HASHES = 64
"""Keys of a dok that may have the hash of another one: those are compared pair by pair. Honest ones have none."""

_ENTRY = 80
"""Bytes that an entry of a dok is charged for: it is some 250 bytes, and takes 0.5 us."""

_ROW = 64
"""Bytes that a row of a lil is charged for: two lists."""


def rebuild_compressed(cls: Any, shape: Any, values: Any, indices: Any, starts: Any) -> Any:
    """A csr, csc or bsr array or matrix. values: for bsr of three dimensions; starts: of each row's (column's) entries."""
    made_of = _class(cls, "csr", "csc", "bsr")
    _check_shape(shape)
    _check_values(values, 3 if cls.startswith("bsr") else 1)
    if 0 in values.shape[1:]:
        raise ValueError("blocks without an element")
    indices, starts = _private(indices), _private(starts)
    if indices.dtype != starts.dtype:
        raise ValueError("indices of one width expected")
    made = made_of((values, indices, starts), shape=shape, copy=False)
    made.indices, made.indptr = indices, starts  # as wide as they were: scipy makes them narrower where that is enough
    made.check_format(full_check=True)
    return made


def rebuild_coo(cls: Any, shape: Any, values: Any, coordinates: Any) -> Any:
    """A coo array or matrix: for each dimension an array of coordinates."""
    made_of = _class(cls, "coo")
    own = _coordinates(shape, values, coordinates)
    made = made_of((values, own), shape=shape, copy=False)
    if hasattr(made, "coords"):
        made.coords = own
    else:  # before scipy 1.13
        made.row, made.col = own
    return made


def rebuild_dia(cls: Any, shape: Any, values: Any, offsets: Any) -> Any:
    """A dia array or matrix: a row of values for each diagonal, told by its offset."""
    made_of = _class(cls, "dia")
    _check_shape(shape)
    _check_values(values, 2)
    offsets = _private(offsets)
    # scipy adds lengths and offsets up in integers as wide as the offsets.
    room = np.iinfo(offsets.dtype).max - max(*shape, values.shape[1])
    if offsets.size != len(values) or (offsets.size and not -room <= offsets.min() <= offsets.max() <= room):
        raise ValueError("an offset that scipy can count with expected for each row of values")
    made = made_of((values, offsets), shape=shape, copy=False)
    made.offsets = offsets
    return made


def rebuild_dok(cls: Any, shape: Any, values: Any, coordinates: Any) -> Any:
    """A dok array or matrix: the entries as those of a coo, each place once."""
    made_of = _class(cls, "dok")
    own = _coordinates(shape, values, coordinates)
    spend(_ENTRY * values.size)
    keys: list[Any] = own[0].tolist() if len(own) == 1 else list(zip(*(places.tolist() for places in own), strict=True))
    if len(keys) - len(set(map(hash, keys))) > _EQUAL_HASHES:
        raise ValueError(f"entries of which more than {_EQUAL_HASHES} have the hash of another one")
    entries = dict(zip(keys, values, strict=True))
    if len(entries) != len(keys):
        raise ValueError("two entries in one place")
    made = made_of(shape, dtype=values.dtype)
    made._dict = entries  # noqa: SLF001 - its own methods look at each entry for 2 us
    return made


def rebuild_lil(cls: Any, shape: Any, values: Any, indices: Any, starts: Any) -> Any:
    """A lil array or matrix: the entries of its rows as those of a csr."""
    made_of = _class(cls, "lil")
    _check_shape(shape)
    _check_values(values, 1)
    indices, starts = _private(indices), _private(starts)
    rows = shape[0]
    if len(shape) != 2 or starts.size != rows + 1 or starts[0] or not starts[-1] == values.size == indices.size:
        raise ValueError("the start of each row expected, and as many values as indices")
    inside = not indices.size or (indices.min() >= 0 and indices.max() < shape[1])
    if not inside or (starts[1:] < starts[:-1]).any() or not _rise_in_rows(indices, starts):
        raise ValueError("columns that do not rise within each row")
    spend(_ROW * rows + 32 * values.size)
    made = made_of(shape, dtype=values.dtype)
    for target, flat in ((made.rows, indices.tolist()), (made.data, values.tolist())):
        for row, (start, end) in enumerate(pairwise(starts.tolist())):
            target[row] = flat[start:end]
    return made


def _rise_in_rows(indices: Array, starts: Array) -> bool:
    falls = np.flatnonzero(indices[1:] <= indices[:-1]) + 1
    return bool(np.isin(falls, starts).all())


def _class(name: Any, *formats: str) -> Any:
    expect(name, str)
    if name not in _CLASSES or name[:3] not in formats:
        raise ValueError(f"{name[:20]!r} is no class of {', '.join(formats)}")
    return _CLASSES[name]


def _check_shape(shape: Any) -> None:
    expect(shape, tuple)
    expect_all(shape, int)
    if not 0 < len(shape) <= limits().dimensions or not all(0 <= length < _LONGEST for length in shape):
        raise ValueError("a shape of lengths expected, no more of them than limits.dimensions")


def _check_values(values: Any, dimensions: int) -> None:
    expect(values, np.ndarray)
    if values.ndim != dimensions or values.dtype.kind not in _NUMBERS or not values.dtype.isnative:
        raise ValueError(f"numbers in {dimensions} dimensions expected, not {values.dtype} {values.shape}")


def _private(a: Any) -> Array:
    """A copy of an array of indices."""
    expect(a, np.ndarray)
    if a.ndim != 1 or a.dtype not in (np.dtype(np.int32), np.dtype(np.int64)):
        raise ValueError(f"indices expected, not {a.dtype} {a.shape}")
    spend(3 * a.nbytes)
    copy: Array = a.copy()
    return copy


def _coordinates(shape: Any, values: Any, coordinates: Any) -> tuple[Array, ...]:
    """The checked coordinates of as many values."""
    _check_shape(shape)
    _check_values(values, 1)
    expect(coordinates, tuple)
    own = tuple(map(_private, coordinates))
    if len(own) != len(shape):
        raise ValueError("coordinates for each dimension expected")
    for places, length in zip(own, shape, strict=True):
        if places.size != values.size or (places.size and not 0 <= places.min() <= places.max() < length):
            raise ValueError("a coordinate within the shape expected for each value")
    return own


def _told(x: Any, dtype: "np.dtype[Any]") -> tuple[str, tuple[int, ...]]:
    if dtype.kind not in _NUMBERS or not dtype.isnative:
        raise EncodeError(f"a sparse array of {dtype} does not travel", advice="use native numbers")
    return type(x).__name__, tuple(map(int, x.shape))


def _reduce_compressed(x: Any) -> tuple[Any, ...]:
    return rebuild_compressed, (*_told(x, x.data.dtype), x.data, x.indices, x.indptr)


def _reduce_coo(x: Any) -> tuple[Any, ...]:
    return rebuild_coo, (*_told(x, x.data.dtype), x.data, x.coords if hasattr(x, "coords") else (x.row, x.col))


def _reduce_dia(x: Any) -> tuple[Any, ...]:
    return rebuild_dia, (*_told(x, x.data.dtype), x.data, x.offsets)


def _reduce_dok(x: Any) -> tuple[Any, ...]:
    keys = np.array(list(x.keys()), np.int64).reshape(len(x.keys()), len(x.shape))
    values = np.array(list(x.values()), x.dtype)
    return rebuild_dok, (*_told(x, x.dtype), values, tuple(np.ascontiguousarray(places) for places in keys.T))


def _reduce_lil(x: Any) -> tuple[Any, ...]:
    starts = np.zeros(len(x.rows) + 1, np.int64)
    np.cumsum(list(map(len, x.rows)), out=starts[1:])
    indices = np.fromiter(chain.from_iterable(x.rows), np.int64, int(starts[-1]))
    values = np.array(list(chain.from_iterable(x.data)), x.dtype)
    return rebuild_lil, (*_told(x, x.dtype), values, indices, starts)


_REDUCERS = {
    **dict.fromkeys(("csr", "csc", "bsr"), _reduce_compressed),
    "coo": _reduce_coo,
    "dia": _reduce_dia,
    "dok": _reduce_dok,
    "lil": _reduce_lil,
}
DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {cls: _REDUCERS[name[:3]] for name, cls in _CLASSES.items()}
RULES = {
    rebuild_compressed: Rule(work=100),
    rebuild_coo: Rule(work=100),
    rebuild_dia: Rule(work=60),
    rebuild_dok: Rule(work=60),
    rebuild_lil: Rule(work=80),
}

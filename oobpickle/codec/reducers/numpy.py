"""numpy arrays as (dtype as text, shape, strides) over a buffer: no dtype pickles, no state.

Theory of operation. A dtype travels as `describe` gives it: ``dtype.str``, or for structured ones a tuple of plain values;
only what neither can tell (metadata, dtypes of other libraries) as the dtype itself. An array's bytes are one flat view of
its memory when it fills that memory without gaps (C, Fortran or any other order of the axes), else one gathered copy.

The rebuilders validate what numpy does not: that a dtype holds no Python objects and that no array is larger than its
buffer or starts before it. All else of shapes, strides and offsets is checked against the buffer's bounds by `np.ndarray`.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from pickle import PickleBuffer
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
Description: TypeAlias = "str | tuple[Any, ...] | np.dtype[Any]"

_VOID = np.dtype(np.void).num
_STRUCTS: dict[type, str] = {np.void: "struct", np.record: "record"}
_LAST_BUILTIN = 23  # numpy's type numbers end there (NPY_HALF); StringDType and other libraries' have higher ones
_C, _F, _ALIGNED = 0x1, 0x2, 0x100  # in ndarray.flags.num
_U1 = np.dtype(np.uint8)
_memoryview: Any = memoryview  # numpy's annotations say from 3.12 on that an array is a buffer
_PickleBuffer: Any = PickleBuffer
_PLAIN = {id(np.dtype(char)): np.dtype(char).str for char in "?bBhHiIlLqQefdgFDG"}
"""The text of numpy's own dtypes, which are singletons; all of them export their buffer."""


def describe(dtype: "np.dtype[Any]") -> Description:
    """Tell a dtype in plain values; the dtype itself when they cannot tell all of it."""
    text = _PLAIN.get(id(dtype))
    if text is not None:
        return text
    if dtype.metadata or not 0 <= dtype.num <= _LAST_BUILTIN:
        return dtype
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        told = describe(base)
        return dtype if isinstance(told, np.dtype) else ("subarray", told, shape)
    if dtype.names is None:
        return dtype if dtype.num == _VOID and dtype.type is not np.void else dtype.str
    kind = _STRUCTS.get(dtype.type)
    if kind is None:
        return dtype
    fields = []
    for name in dtype.names:
        field, offset, *title = dtype.fields[name]  # type: ignore[index]
        told = describe(field)
        if isinstance(told, np.dtype) or (title and not isinstance(title[0], str)):
            return dtype
        fields.append((name, told, offset, title[0] if title else None))
    return (kind, tuple(fields), dtype.itemsize, dtype.isalignedstruct)


def dtype_of(description: Description) -> "np.dtype[Any]":
    """The dtype that `describe` told of. Raises TypeError or ValueError for anything else, and for one of objects."""
    # Dtypes that differ in metadata alone are equal: not for the cache.
    return _without_objects(description) if isinstance(description, np.dtype) else _dtype_told(description)


@lru_cache(maxsize=1024)
def _dtype_told(description: str | tuple[Any, ...]) -> "np.dtype[Any]":
    if isinstance(description, tuple):
        return _without_objects(_dtype_of_tuple(*description))
    if isinstance(description, str):
        return _without_objects(np.dtype(description))
    raise TypeError(f"a dtype is told by text or a tuple, not by {type(description).__name__}")


def _without_objects(dtype: "np.dtype[Any]") -> "np.dtype[Any]":
    if dtype.hasobject:
        raise ValueError(f"dtype {dtype} holds Python objects and cannot stand on a buffer")
    return dtype


def _dtype_of_tuple(kind: str, *rest: Any) -> "np.dtype[Any]":
    if kind == "subarray":
        base, shape = rest
        return np.dtype((dtype_of(base), shape))
    if kind not in _STRUCTS.values():
        raise ValueError(f"a dtype of kind {kind!r}")
    fields, itemsize, aligned = rest
    names, formats, offsets, titles = zip(*fields, strict=True) if fields else ((), (), (), ())
    spec: dict[str, Any] = {
        "names": list(names),
        "formats": [dtype_of(field) for field in formats],
        "offsets": list(offsets),
        "itemsize": itemsize,
    }
    if any(title is not None for title in titles):
        spec["titles"] = list(titles)
    struct: np.dtype[Any] = np.dtype(spec, align=aligned)  # type: ignore[call-overload]
    return np.dtype((np.record, struct)) if kind == "record" else struct


def flat_view(a: Array) -> memoryview | None:
    """All of a's bytes in order of address, as a view of a's memory; None if they are not without gaps.

    a must be an exact ndarray of at least one byte, of a dtype without objects.
    """
    order = a.flags.num & (_C | _F)
    if order and id(a.dtype) in _PLAIN:
        return _PickleBuffer(a).raw()  # type: ignore[no-any-return]
    if not order & _C:
        axes = axes_by_address(a)
        if axes is None:
            return None
        a = a.transpose(axes)
    flat: memoryview = _memoryview(a.reshape(-1).view(_U1))
    return flat


def axes_by_address(a: Array) -> Sequence[int] | None:
    """The order of the axes in which a's elements are dense in memory; None if that is C order, or if they have gaps."""
    flags = a.flags.num
    if flags & _C:
        return None
    if flags & _F:
        return range(a.ndim)[::-1]
    axes = sorted(range(a.ndim), key=a.strides.__getitem__, reverse=True)
    return axes if a.transpose(axes).flags.c_contiguous else None


def contiguous(a: Array) -> tuple[memoryview, tuple[int, ...] | None]:
    """Give a's bytes as (`flat_view`, `layout`), gathered into C order first if a has gaps."""
    flat = flat_view(a)
    if flat is None:
        return _memoryview(opaque(a).copy().reshape(-1).view(_U1)), None
    return flat, layout(a)


def opaque(a: Array) -> Array:
    """The array with elements that numpy copies as bytes.

    Field by field it would leave old memory in the padding; and np.concatenate loses the byte order of timedelta64
    without a unit.
    """
    return a if a.dtype.names is None and a.dtype.isnative else a.view((np.void, a.dtype.itemsize))


def layout(a: Array) -> tuple[int, ...] | None:
    """The strides that an array over `flat_view(a)` needs; None for C order."""
    return None if a.flags.num & _C else a.strides


def reduce_array(a: Array) -> Any:
    """An exact ndarray, on its own: NotImplemented when pickle must do it (objects, StringDType)."""
    dtype = a.dtype
    if dtype.hasobject:
        return NotImplemented
    if not a.nbytes:
        return array, (b"", describe(dtype), a.shape, None, a.flags.writeable)
    flat, strides = contiguous(a)
    # Of an array, which the garbage collector does not look into: CPython 3.11 and 3.12 crash when they clear a memoryview
    # in a cycle before the PickleBuffer that exports it.
    return array, (_PickleBuffer(np.frombuffer(flat, _U1)), describe(dtype), a.shape, strides, a.flags.writeable)


def array(
    buffer: Any, description: Description, shape: tuple[int, ...], strides: tuple[int, ...] | None, writeable: bool
) -> Array:
    """Rebuild one array on a buffer: a view of it (a copy where the buffer's address does not suit the dtype)."""
    return _arrays_on(buffer, ((description, shape, strides, 0, 1, writeable),))[0]


def array_table(order: bytes | None, *groups: tuple[Any, ...]) -> Callable[[], Array]:
    """Rebuild all the arrays of an object; returns a callable that gives the next one each time.

    group: (buffer, spec, ...): the arrays that stand on that buffer (None: they have no bytes). spec: (description, shape, strides or None, offset,
    count, writeable): count arrays, one after the other. order: for each array, in the order of use, its place among those
    of all specs as 4 bytes, little-endian; None when that is their own order.
    """
    arrays: list[Array] = []
    for group in groups:
        arrays += _arrays_on(group[0], group[1:])
    if order is not None:
        arrays = list(map(arrays.__getitem__, np.frombuffer(order, "<u4").tolist()))
    arrays.reverse()
    return arrays.pop


def _arrays_on(buffer: Any, specs: Sequence[tuple[Any, ...]]) -> list[Array]:
    # np.frombuffer holds the buffer's export for as long as a view lives, so that nobody can resize it meanwhile;
    # np.ndarray(buffer=) alone does not.
    memory: Array | None = None
    arrays: list[Array] = []
    for description, shape, strides, offset, count, writeable in specs:
        dtype = _dtype_told(description) if type(description) is str else dtype_of(description)
        if not dtype.itemsize or 0 in shape:
            arrays += [_empty(shape, dtype, writeable) for _ in range(count)]
            continue
        # Several on one buffer get one base, so that they are known as views of one array when they are sent on.
        if count == 1 and strides is None and len(specs) == 1:
            size = shape[0] if len(shape) == 1 else prod(shape)
            if size < 0:
                raise ValueError("a negative length in a shape")
            a: Array = np.frombuffer(buffer, dtype, size, offset)
            if len(shape) != 1:
                a = a.reshape(shape)
        else:
            if memory is None:
                memory = np.frombuffer(buffer, _U1)
            a = _strided(memory, dtype, shape, strides, offset, count)
        if not a.flags.num & _ALIGNED:
            return _arrays_on(_moved(buffer), specs)
        if not writeable:
            a.flags.writeable = False
        if count == 1:
            arrays.append(a)
        else:
            arrays += list(a) if shape else [a[index, ...] for index in range(count)]
    return arrays


def _strided(
    memory: Array,
    dtype: "np.dtype[Any]",
    shape: tuple[int, ...],
    strides: tuple[int, ...] | None,
    offset: int,
    count: int,
) -> Array:
    """Give count arrays, one after the other, as one of a dimension more (as it is when count is 1)."""
    if offset < 0:  # np.ndarray does not mind where no strides are given, and gives what stands before the buffer
        raise ValueError("an array before its buffer")
    if count != 1:
        shape = (count, *shape)
        if strides is not None:
            strides = (prod(shape[1:]) * dtype.itemsize, *strides)
    a: Array = np.ndarray(shape, dtype, memory, offset, strides)
    if a.nbytes > memory.nbytes:
        raise ValueError("an array is larger than its buffer")
    return a


_ALIGNMENT = 16  # the strictest that a numpy dtype asks for (longdouble), and what malloc gives


def _moved(buffer: Any) -> Array:
    """A copy of the buffer at an address that suits every dtype; read-only if the buffer is."""
    memory: Array = np.frombuffer(buffer, _U1)
    if memory.__array_interface__["data"][0] % _ALIGNMENT == 0:
        raise ValueError("an array at an offset or with strides that do not suit its dtype")
    copy = memory.copy()
    copy.flags.writeable = memory.flags.writeable
    return copy


def _empty(shape: tuple[int, ...], dtype: "np.dtype[Any]", writeable: bool) -> Array:
    """An array without a byte. By way of a field: np.zeros makes S1 of a plain 'S0', and '<m8' of '>m8'."""
    result: Array = np.zeros(shape, [("f", dtype)])["f"]
    result.flags.writeable = writeable
    return result


_PICKLE_METHODS = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__")


def reduce_subclass(a: Array) -> Any:
    """A subclass of ndarray as the plain array under it. One that pickles itself its own way is left to do so."""
    cls = type(a)
    if a.dtype.hasobject or any(getattr(cls, name) is not getattr(np.ndarray, name) for name in _PICKLE_METHODS):
        return NotImplemented
    return rebuild_subclass, (cls, a.view(np.ndarray))


def rebuild_subclass(cls: type[Array], base: Array) -> Array:
    """base, viewed as cls; as in numpy's own pickles, __array_finalize__ runs and __init__ does not."""
    return base.view(cls)


def reduce_masked(a: "np.ma.MaskedArray[Any, Any]") -> Any:
    """Its data, its mask and its fill value."""
    if a.baseclass is not np.ndarray:
        return NotImplemented
    mask = None if a.mask is np.ma.nomask else np.asarray(a.mask)
    fill: Any = getattr(a, "_fill_value", None)  # the property invents one
    fill = None if fill is None else np.asarray(fill)
    return rebuild_masked, (np.asarray(a.data), mask, fill, a.hardmask)


def rebuild_masked(data: Array, mask: Array | None, fill: Any, hard: bool) -> "np.ma.MaskedArray[Any, Any]":
    """A masked array on data and mask themselves."""
    result: np.ma.MaskedArray[Any, Any] = np.ma.MaskedArray(
        data, mask=np.ma.nomask if mask is None else mask, copy=False, keep_mask=False, hard_mask=hard
    )
    if fill is not None:
        result.set_fill_value(fill[()])
    return result

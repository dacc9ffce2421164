"""What of numpy stands on no buffer, or is more than a plain array: objects and texts, scalars, dtypes, masks, subclasses.

Arrays of objects and StringDType arrays are filled from a list, never from memory: their elements are in the stream. A
structure with objects in it travels as one array for each field.
"""

from collections.abc import Callable
from functools import partial
from math import isnan, prod
from typing import Any

import numpy as np

from oobpickle.codec.allowance import limits, spend
from oobpickle.codec.reducers.arguments import expect, expect_all
from oobpickle.codec.reducers.checked import check_shape, checked_dtype, spend_on_fields
from oobpickle.codec.reducers.numpy import Array, describe, rebuild_masked
from oobpickle.codec.rules import Rule
from oobpickle.errors import EncodeError

_StringDType: Any = getattr(np.dtypes, "StringDType", None)  # since numpy 2.0


def rebuild_objects(elements: Any, shape: Any, fortran: Any, writeable: Any) -> Array:
    """An array of objects: the elements in C order, or in Fortran order, of this shape."""
    _check_elements(elements, shape)
    expect_all((fortran, writeable), bool)
    flat: Array = np.fromiter(
        elements, object, len(elements)
    )  # takes each as it is; assignment would look into sequences
    return _shaped(flat, shape, fortran=fortran, writeable=writeable)


def rebuild_texts(elements: Any, shape: Any, writeable: Any, *dtype: Any) -> Array:
    """A StringDType array; an element that is no text is a missing one. dtype: as for `rebuild_text_dtype`."""
    _check_elements(elements, shape)
    expect(writeable, bool)
    text_dtype = rebuild_text_dtype(*dtype)
    missing = getattr(text_dtype, "na_object", None)
    expect_all(elements, str, type(None))
    spend(sum([len(element or "") for element in elements]))
    flat: Array = np.array([missing if element is None else element for element in elements], dtype=text_dtype)
    return _shaped(flat, shape, fortran=False, writeable=writeable)


def rebuild_fields(description: Any, shape: Any, fields: Any, writeable: Any) -> Array:
    """A structured array with objects in it, of one array for each field."""
    check_shape(shape)
    expect(fields, tuple)
    expect(writeable, bool)
    dtype = checked_dtype(description, objects=True)
    if dtype.names is None or len(fields) != len(dtype.names):
        raise ValueError("not one array for each field of the structure")
    expect_all(fields, np.ndarray)
    for name, field in zip(dtype.names, fields, strict=True):
        into = np.empty(0, dtype)[name]
        if field.dtype != into.dtype or field.shape != (*shape, *into.shape[1:]):
            raise ValueError(f"field {name!r} of another dtype or shape")
    spend(2 * prod(shape) * dtype.itemsize)
    result: Array = np.zeros(shape, dtype)
    for name, field in zip(dtype.names, fields, strict=True):
        result[name] = field
    result.flags.writeable = writeable
    return result


def _check_elements(elements: Any, shape: Any) -> None:
    expect(elements, list)
    check_shape(shape)
    if len(elements) != prod(shape):
        raise ValueError(f"{len(elements)} elements for an array of shape {shape}")
    if len(elements) > limits().elements:
        raise ValueError(f"{len(elements)} elements; limits.elements is {limits().elements}")
    spend(16 * len(elements))


def _shaped(flat: Array, shape: tuple[int, ...], *, fortran: bool, writeable: bool) -> Array:
    result = flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)
    result.flags.writeable = writeable
    return result


def rebuild_scalar(description: Any, data: Any) -> Any:
    """A numpy scalar of a plain dtype, of its bytes."""
    expect(data, bytes)
    expect(description, str)
    dtype = checked_dtype(description)
    if dtype.kind not in "biufcmM" or len(data) != dtype.itemsize:
        raise ValueError(f"a scalar of {len(data)} bytes, of dtype {dtype}")
    return np.frombuffer(data, dtype)[0]


def rebuild_str(text: Any) -> np.str_:
    """A numpy text."""
    expect(text, str)
    spend(len(text))
    return np.str_(text)


def rebuild_bytes(data: Any) -> np.bytes_:
    """Numpy bytes."""
    expect(data, bytes)
    spend(len(data))
    return np.bytes_(data)


def rebuild_void(array: Any) -> Any:
    """A void or structured scalar, of an array without dimensions."""
    expect(array, np.ndarray)
    if array.shape or array.dtype.kind != "V":
        raise ValueError("not the one element of a structured array")
    spend(array.nbytes)
    return array[()].copy()


def rebuild_dtype(description: Any) -> "np.dtype[Any]":
    """A dtype."""
    return checked_dtype(description, objects=True)


def rebuild_text_dtype(missing: Any = "none", coerce: Any = True) -> Any:
    """A StringDType. missing: what stands for a missing value: "none": nothing does; "None", "nan"; or a text."""
    expect(missing, str)
    expect(coerce, bool)
    if _StringDType is None:
        raise ValueError("numpy before 2.0 has no StringDType")
    values: dict[str, dict[str, Any]] = {"none": {}, "None": {"na_object": None}, "nan": {"na_object": np.nan}}
    return _StringDType(coerce=coerce, **(values[missing] if missing in values else {"na_object": missing[1:]}))


def rebuild_matrix(array: Any) -> Any:
    """A matrix on the array."""
    expect(array, np.ndarray)
    if array.ndim != 2:
        raise ValueError("a matrix has two dimensions")
    return array.view(np.matrix)


def rebuild_recarray(array: Any) -> Any:
    """A recarray on the array."""
    expect(array, np.ndarray)
    spend_on_fields(array.dtype)
    return array.view(np.recarray)


def reduce_with_objects(a: Array) -> tuple[Any, ...]:
    """An exact ndarray that stands on no buffer."""
    dtype = a.dtype
    if _StringDType is not None and isinstance(dtype, _StringDType):
        return rebuild_texts, (_texts(a), a.shape, a.flags.writeable, *_text_dtype(dtype))
    if dtype.names is not None:
        return rebuild_fields, (told(dtype), a.shape, tuple(a[name] for name in dtype.names), a.flags.writeable)
    if dtype != np.dtype(object):
        raise EncodeError(f"an array of dtype {dtype}")
    told(dtype)
    fortran = a.flags.fnc
    return rebuild_objects, (list((a.T if fortran else a).flat), a.shape, fortran, a.flags.writeable)


def _texts(a: Array) -> list[str | None]:
    return [value if type(value) is str else None for value in a.ravel().tolist()]


def _text_dtype(dtype: Any) -> tuple[str, bool]:
    try:
        missing = dtype.na_object
    except AttributeError:
        return "none", dtype.coerce
    if missing is None or (type(missing) is float and isnan(missing)):
        return str(missing), dtype.coerce
    if type(missing) is str:
        return "=" + missing, dtype.coerce
    raise EncodeError(f"a StringDType whose missing value is {missing!r}", advice="None, nan and texts can be sent")


def told(dtype: "np.dtype[Any]") -> Any:
    """As describe, of what the data codec carries. Raises EncodeError."""
    description = describe(dtype)
    if isinstance(description, np.dtype):
        raise EncodeError(f"a dtype with metadata, or of another library: {dtype!r}", advice="convert it with astype")
    return description


def reduce_dtype(dtype: "np.dtype[Any]") -> tuple[Any, ...]:
    """A dtype."""
    if _StringDType is not None and isinstance(dtype, _StringDType):
        return rebuild_text_dtype, _text_dtype(dtype)
    return rebuild_dtype, (told(dtype),)


def _reduce_scalar(value: "np.generic[Any]") -> tuple[Any, ...]:
    dtype = value.dtype
    if dtype.kind in "mM":
        checked_dtype(dtype.str)  # numpy has units that no receiver takes
    return rebuild_scalar, (dtype.str, value.tobytes())


def _reduce_void(value: np.void) -> tuple[Any, ...]:
    return rebuild_void, (np.asarray(value),)


def _reduce_masked(a: "np.ma.MaskedArray[Any, Any]") -> tuple[Any, ...]:
    if a.baseclass is not np.ndarray:
        raise EncodeError(f"a masked array of {a.baseclass.__name__}")
    mask = None if a.mask is np.ma.nomask else np.asarray(a.mask)
    fill: Any = getattr(a, "_fill_value", None)  # the property invents one
    return checked_masked, (np.asarray(a.data), mask, None if fill is None else np.asarray(fill), a.hardmask)


def checked_masked(data: Any, mask: Any, fill: Any, hard: Any) -> Any:
    """`rebuild_masked`, of arguments that are checked first."""
    expect(data, np.ndarray)
    expect(hard, bool)
    expect_all((mask, fill), np.ndarray, type(None))
    spend_on_fields(data.dtype)
    if mask is not None and (mask.shape != data.shape or mask.dtype != np.ma.make_mask_descr(data.dtype)):
        raise ValueError("a mask of another shape or dtype than its data")
    if fill is not None and (fill.shape or fill.dtype != data.dtype):
        raise ValueError("a fill value of another dtype than its data")
    return rebuild_masked(data, mask, fill, hard)


def _reduce_view(rebuilder: Callable[[Any], Any], a: Array) -> tuple[Any, ...]:
    return rebuilder, (a.view(np.ndarray),)


DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {
    **{cls: _reduce_scalar for cls in np.sctypeDict.values() if issubclass(cls, (np.number, np.bool_, np.datetime64))},
    np.str_: lambda value: (rebuild_str, (str(value),)),
    np.bytes_: lambda value: (rebuild_bytes, (bytes(value),)),
    np.void: _reduce_void,
    np.record: _reduce_void,
    np.ma.MaskedArray: _reduce_masked,
    np.matrix: partial(_reduce_view, rebuild_matrix),
    np.recarray: partial(_reduce_view, rebuild_recarray),
}
"""By exact type. A dtype's type is a subclass of np.dtype, one for each kind: see `reduce_dtype`."""

RULES = {
    rebuild_objects: Rule(stack=1024, work=3),
    rebuild_texts: Rule(work=10),
    rebuild_fields: Rule(stack=1024, work=20),
    rebuild_scalar: Rule(key=20, build=rebuild_scalar, work=2, sure=True),
    rebuild_str: Rule(key=2, collides=False),
    rebuild_bytes: Rule(key=2, collides=False),
    rebuild_void: Rule(work=2),
    rebuild_dtype: Rule(work=3),
    rebuild_text_dtype: Rule(work=3, sure=True),
    checked_masked: Rule(stack=2048, work=30),
    rebuild_matrix: Rule(stack=2048, work=3, sure=True),
    rebuild_recarray: Rule(stack=2048, work=10),
}

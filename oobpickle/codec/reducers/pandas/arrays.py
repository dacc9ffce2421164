"""pandas' extension arrays, on the numpy and Arrow arrays that they are made of."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from oobpickle.codec.allowance import spend
from oobpickle.codec.reducers.arguments import expect
from oobpickle.codec.reducers.numpy import flat_view
from oobpickle.codec.reducers.pandas.dtypes import describe_strings, strings_of
from oobpickle.codec.reducers.pandas.offsets import describe_offset, offset_of
from oobpickle.codec.reducers.pandas.scalars import CLOSED, UNITS
from oobpickle.codec.reducers.pandas.zones import describe_zone, zone_of
from oobpickle.codec.rules import Rule
from oobpickle.errors import EncodeError

Array = np.ndarray[Any, Any]

_MASKED: dict[str, Any] = {
    "i": pd.arrays.IntegerArray,
    "u": pd.arrays.IntegerArray,
    "f": pd.arrays.FloatingArray,
    "b": pd.arrays.BooleanArray,
}
_SPARSE_KINDS = "biufcmM"
_SCALARS = {cls for cls in np.sctypeDict.values() if issubclass(cls, (np.number, np.bool_, np.datetime64))}
_UNITS = frozenset((unit, 1) for unit in UNITS)


def alone(a: Array) -> Array:
    """A view of a that nothing else is known to share memory with; a copy where a has gaps. As writable as a.

    Views of one array that overlap arrive as views of one array, of which pandas would not know.
    """
    if a.dtype.hasobject or not a.nbytes:
        return a.view()
    flat = flat_view(a)
    return a.copy(order="K") if flat is None else np.ndarray(a.shape, a.dtype, flat, 0, a.strides)


def check_numbers(a: Any, kinds: str, dimensions: int = 1) -> None:
    """Raise unless this is an array of native numbers (or times that pandas can count) of these kinds."""
    expect(a, np.ndarray)
    if a.ndim != dimensions or a.dtype.kind not in kinds:
        raise ValueError(f"an array of {dimensions} dimensions and of kind {kinds} expected, not {a.dtype} {a.shape}")
    if a.dtype.kind in "mM" and not (a.dtype.isnative and np.datetime_data(a.dtype) in _UNITS):
        raise ValueError(f"times of {a.dtype}, which pandas has not")


def private_codes(a: Any, most: int) -> Array:
    """A copy of an array of codes, each of them -1 or the place of one of so many. Raises TypeError or ValueError."""
    check_numbers(a, "i")
    if not a.dtype.isnative:
        raise ValueError("codes in another byte order")
    spend(2 * a.nbytes)
    codes: Array = a.copy()
    if codes.size and not -1 <= codes.min() <= codes.max() < most:
        raise ValueError(f"codes that are not from -1 to {most - 1}")
    return codes


def rebuild_categorical(codes: Any, dtype: Any) -> Any:
    """A Categorical."""
    expect(dtype, pd.CategoricalDtype)
    if dtype.categories is None:
        raise ValueError("codes of categories that there are none of")
    return pd.Categorical.from_codes(private_codes(codes, len(dtype.categories)), dtype=dtype, validate=False)


def rebuild_masked(values: Any, mask: Any) -> Any:
    """A nullable array, of integers, floats or booleans. What is under the mask is nobody's value, but arrives."""
    check_numbers(values, "iufb")
    check_numbers(mask, "b")
    if values.shape != mask.shape or not values.dtype.isnative:
        raise ValueError("a mask for each value expected, and native values")
    return _MASKED[values.dtype.kind](values, mask, copy=False)


def rebuild_datetimes(values: Any, zone: Any) -> Any:
    """A DatetimeArray: times in UTC, as seen in a time zone; None: naive ones."""
    check_numbers(values, "M")
    zone = zone_of(zone)
    naive = pd.array(values, copy=False)
    return naive if zone is None else naive.view(pd.DatetimeTZDtype(naive.unit, zone))


def rebuild_timedeltas(values: Any) -> Any:
    """A TimedeltaArray."""
    check_numbers(values, "m")
    return pd.array(values, copy=False)


def rebuild_periods(ordinals: Any, freq: Any) -> Any:
    """A PeriodArray."""
    check_numbers(ordinals, "i")
    if ordinals.dtype != np.int64:
        raise ValueError("ordinals of 64 bits expected")
    expect(freq, tuple)
    return pd.arrays.PeriodArray(ordinals, dtype=pd.PeriodDtype(offset_of(freq)))


def rebuild_intervals(left: Any, right: Any, closed: Any) -> Any:
    """An IntervalArray; left ends that are not above right ones, and missing together, as pandas looks after."""
    for ends in (left, right):
        expect(ends, pd.Index, pd.RangeIndex, pd.DatetimeIndex, pd.TimedeltaIndex)
        spend(16 * len(ends))
    expect(closed, str)
    if closed not in CLOSED:
        raise ValueError(f"intervals closed {closed[:10]!r}")
    return pd.arrays.IntervalArray.from_arrays(left, right, closed, copy=False)


def rebuild_strings(texts: Any, missing_is_nan: Any) -> Any:
    """Strings that pandas stores as Python objects; None is a missing one."""
    dtype = strings_of("python", missing_is_nan)
    expect(texts, list)
    if not set(map(type, texts)) <= {str, type(None)}:
        raise TypeError("strings or None expected")
    values = np.empty(len(texts), object)
    values[:] = texts
    return pd.array(values, dtype=dtype)


def rebuild_arrow_strings(chunked: Any, missing_is_nan: Any) -> Any:
    """Strings that pandas stores as an Arrow array."""
    dtype = strings_of("pyarrow", missing_is_nan)
    _expect_chunked(chunked)
    if str(chunked.type) != "large_string":
        raise ValueError(f"strings that are {str(chunked.type)[:50]}")
    if _ARROW_STRINGS_HAVE_DTYPE:
        return pd.arrays.ArrowStringArray(chunked, dtype=dtype)
    return pd.arrays.ArrowStringArray(chunked)


_ARROW_STRINGS_HAVE_DTYPE = "dtype" in pd.arrays.ArrowStringArray.__init__.__code__.co_varnames


def rebuild_arrow(chunked: Any) -> Any:
    """An ArrowExtensionArray of any type."""
    _expect_chunked(chunked)
    return pd.arrays.ArrowExtensionArray(chunked)


def _expect_chunked(value: Any) -> None:
    if type(value).__module__ != "pyarrow.lib" or type(value).__name__ != "ChunkedArray":
        raise TypeError(f"a ChunkedArray expected, not {type(value).__name__}")


def rebuild_numpy(values: Any) -> Any:
    """A NumpyExtensionArray."""
    expect(values, np.ndarray)
    if values.ndim != 1:
        raise ValueError("an array of one dimension expected")
    return pd.arrays.NumpyExtensionArray(values)


def rebuild_sparse(values: Any, fill: Any, length: Any, places: Any, kind: Any) -> Any:
    """A SparseArray: values at places, the fill value elsewhere. kind: whether pandas counts places or blocks of them."""
    check_numbers(values, _SPARSE_KINDS)
    check_numbers(places, "i")
    expect(fill, bool, int, float, complex, type(pd.NaT), *_SCALARS)
    expect(length, int)
    expect(kind, str)
    if kind not in ("integer", "block") or not 0 <= length < 2**31 or places.dtype != np.int32:
        raise ValueError(f"a sparse array of {length} values, by {kind[:10]!r} and places of {places.dtype}")
    spend(4 * places.nbytes)
    places = places.copy()
    rising = not places.size or (places[0] >= 0 and places[-1] < length and (places[1:] > places[:-1]).all())
    if places.size != values.size or not rising:
        raise ValueError("a place for each value expected, each above the one before")
    make = getattr(pd.arrays.SparseArray, "from_indices", _sparse_of)
    return make(values, places, length, fill_value=fill, kind=kind)


def _sparse_of(values: Array, places: Array, length: int, *, fill_value: Any, kind: str) -> Any:
    """For pandas before 3.1."""
    index = type(pd.arrays.SparseArray(np.zeros(1)).sp_index)(length, places)
    index = index.to_block_index() if kind == "block" else index
    dtype = pd.SparseDtype(values.dtype, fill_value)
    return pd.arrays.SparseArray(values, sparse_index=index, dtype=dtype, copy=False)


def _reduce_strings(array: Any) -> tuple[Any, ...]:
    _, missing_is_nan = describe_strings(array.dtype)
    return rebuild_strings, (array.to_numpy(object, na_value=None).tolist(), missing_is_nan)


def _reduce_arrow_strings(array: Any) -> tuple[Any, ...]:
    _, missing_is_nan = describe_strings(array.dtype)
    return rebuild_arrow_strings, (array.__arrow_array__(), missing_is_nan)


def _reduce_sparse(array: Any) -> tuple[Any, ...]:
    if array.dtype.subtype.kind not in _SPARSE_KINDS:
        raise EncodeError(f"a sparse array of {array.dtype.subtype} does not travel")
    places = array.sp_index.to_int_index().indices
    return rebuild_sparse, (alone(array.sp_values), array.fill_value, len(array), places, array.kind)


DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {
    pd.Categorical: lambda array: (rebuild_categorical, (array.codes, array.dtype)),
    **dict.fromkeys(
        _MASKED.values(),
        lambda array: (rebuild_masked, (alone(array._data), alone(array._mask))),  # noqa: SLF001 - no public name
    ),
    pd.arrays.DatetimeArray: lambda array: (rebuild_datetimes, (_times(array, "M8"), describe_zone(array.tz))),
    pd.arrays.TimedeltaArray: lambda array: (rebuild_timedeltas, (_times(array, "m8"),)),
    pd.arrays.PeriodArray: lambda array: (rebuild_periods, (alone(array.asi8), describe_offset(array.freq))),
    pd.arrays.IntervalArray: lambda array: (rebuild_intervals, (array.left, array.right, array.closed)),
    pd.arrays.StringArray: _reduce_strings,
    pd.arrays.ArrowStringArray: _reduce_arrow_strings,
    pd.arrays.ArrowExtensionArray: lambda array: (rebuild_arrow, (array.__arrow_array__(),)),
    pd.arrays.NumpyExtensionArray: lambda array: (rebuild_numpy, (alone(array.to_numpy()),)),
    pd.arrays.SparseArray: _reduce_sparse,
}


def _times(array: Any, kind: str) -> Array:
    return alone(array.asi8.view(f"{kind}[{array.unit}]"))


RULES = {
    rebuild_categorical: Rule(work=10),
    rebuild_masked: Rule(work=5),
    rebuild_datetimes: Rule(work=60),
    rebuild_timedeltas: Rule(work=30),
    rebuild_periods: Rule(work=15),
    rebuild_intervals: Rule(work=80),
    rebuild_strings: Rule(work=20, fresh=True),
    rebuild_arrow_strings: Rule(work=5),
    rebuild_arrow: Rule(work=5),
    rebuild_numpy: Rule(work=2),
    rebuild_sparse: Rule(work=80),
}

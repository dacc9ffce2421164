"""pandas' own dtypes, as values and as what arrays are made with."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from oobpickle.codec.reducers.arguments import expect
from oobpickle.codec.reducers.checked import checked_dtype
from oobpickle.codec.reducers.pandas.labels import check_distinct
from oobpickle.codec.reducers.pandas.offsets import describe_offset, offset_of
from oobpickle.codec.reducers.pandas.scalars import CLOSED, UNITS
from oobpickle.codec.reducers.pandas.zones import describe_zone, zone_of
from oobpickle.codec.rules import Rule
from oobpickle.errors import EncodeError

INDEXES: tuple[type, ...] = (
    *(pd.Index, pd.RangeIndex, pd.CategoricalIndex, pd.IntervalIndex, pd.DatetimeIndex, pd.TimedeltaIndex),
    pd.PeriodIndex,
)
"""Every index but MultiIndex."""

_NULLABLE = {
    dtype.name: dtype
    for dtype in (
        *(pd.Int8Dtype(), pd.Int16Dtype(), pd.Int32Dtype(), pd.Int64Dtype(), pd.Float32Dtype(), pd.Float64Dtype()),
        *(pd.UInt8Dtype(), pd.UInt16Dtype(), pd.UInt32Dtype(), pd.UInt64Dtype(), pd.BooleanDtype()),
    )
}
_HAS_NAN_STRINGS = "na_value" in pd.StringDtype.__init__.__code__.co_varnames
"""Whether strings may be missing as NaN; pandas 2.2 knows but NA."""


def describe_strings(dtype: Any) -> tuple[str, bool]:
    """Tell a StringDtype: where it stores, and whether missing ones are NaN."""
    if type(dtype) is not pd.StringDtype or dtype.storage not in ("python", "pyarrow"):
        raise EncodeError(f"strings of {dtype!r} do not travel", advice='use astype("string")')
    return (dtype.storage, dtype.na_value is not pd.NA)


def strings_of(storage: Any, missing_is_nan: Any) -> Any:
    """The StringDtype that is told. Raises TypeError or ValueError."""
    expect(storage, str)
    expect(missing_is_nan, bool)
    if storage not in ("python", "pyarrow"):
        raise ValueError(f"strings stored by {storage[:20]!r}")
    if not missing_is_nan:
        return pd.StringDtype(storage)
    if not _HAS_NAN_STRINGS:
        raise ValueError("strings of which missing ones are NaN, which this pandas has not")
    return pd.StringDtype(storage, na_value=np.nan)


def rebuild_categorical_dtype(categories: Any, ordered: Any) -> Any:
    """A CategoricalDtype; categories None: it has none yet."""
    expect(ordered, bool, type(None))
    if categories is None:
        return pd.CategoricalDtype(None, ordered)
    expect(categories, *INDEXES)
    check_distinct(categories)
    # Not its constructor: that would hash the categories, to find what is known by now.
    return pd.CategoricalDtype._from_fastpath(categories, ordered)  # noqa: SLF001


def rebuild_nullable_dtype(name: Any) -> Any:
    """Int64Dtype and its like."""
    expect(name, str)
    if name not in _NULLABLE:
        raise ValueError(f"{name[:20]!r} is no nullable dtype")
    return _NULLABLE[name]


def rebuild_string_dtype(storage: Any, missing_is_nan: Any) -> Any:
    """A StringDtype."""
    return strings_of(storage, missing_is_nan)


def rebuild_zoned_dtype(unit: Any, zone: Any) -> Any:
    """A DatetimeTZDtype."""
    expect(unit, str)
    if unit not in UNITS:
        raise ValueError(f"{unit[:10]!r} is no unit of pandas")
    return pd.DatetimeTZDtype(unit, zone_of(zone))


def rebuild_period_dtype(freq: Any) -> Any:
    """A PeriodDtype."""
    expect(freq, tuple)
    return pd.PeriodDtype(offset_of(freq))


def rebuild_interval_dtype(subtype: Any, closed: Any) -> Any:
    """An IntervalDtype of numbers or times."""
    expect(subtype, str, pd.DatetimeTZDtype, type(None))
    expect(closed, str, type(None))
    if type(subtype) is str and checked_dtype(subtype).kind not in "iufmM":
        raise ValueError("intervals of neither numbers nor times")
    if closed is not None and closed not in CLOSED:
        raise ValueError(f"intervals closed {closed[:10]!r}")
    return pd.IntervalDtype(subtype, closed)


def _reduce_interval_dtype(dtype: Any) -> tuple[Any, ...]:
    subtype = dtype.subtype
    told = subtype if subtype is None or type(subtype) is pd.DatetimeTZDtype else subtype.str
    return rebuild_interval_dtype, (told, dtype.closed)


def rebuild_arrow_dtype(type_: Any) -> Any:
    """An ArrowDtype of a type of pyarrow's."""
    if type(type_).__module__ != "pyarrow.lib":
        raise TypeError(f"a type of pyarrow's expected, not {type(type_).__name__}")
    return pd.ArrowDtype(type_)


DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys(map(type, _NULLABLE.values()), lambda dtype: (rebuild_nullable_dtype, (dtype.name,))),
    pd.CategoricalDtype: lambda dtype: (rebuild_categorical_dtype, (dtype.categories, dtype.ordered)),
    pd.StringDtype: lambda dtype: (rebuild_string_dtype, describe_strings(dtype)),
    pd.DatetimeTZDtype: lambda dtype: (rebuild_zoned_dtype, (dtype.unit, describe_zone(dtype.tz))),
    pd.PeriodDtype: lambda dtype: (rebuild_period_dtype, (describe_offset(dtype.freq),)),
    pd.IntervalDtype: _reduce_interval_dtype,
    pd.ArrowDtype: lambda dtype: (rebuild_arrow_dtype, (dtype.pyarrow_dtype,)),
}
RULES = {
    rebuild_categorical_dtype: Rule(work=30),
    rebuild_nullable_dtype: Rule(),
    rebuild_string_dtype: Rule(work=3),
    rebuild_zoned_dtype: Rule(work=10),
    rebuild_period_dtype: Rule(work=10),
    rebuild_interval_dtype: Rule(work=25),
    rebuild_arrow_dtype: Rule(work=3),
}

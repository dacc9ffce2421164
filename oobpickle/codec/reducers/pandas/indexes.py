"""Every kind of index. All but a MultiIndex are a name and the array that they stand on.

Not carried: a MultiIndex's sortorder, a hint that pandas believes unseen.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from oobpickle.codec.allowance import spend
from oobpickle.codec.reducers.arguments import expect, expect_all
from oobpickle.codec.reducers.pandas.arrays import DATA_REDUCERS as ARRAYS
from oobpickle.codec.reducers.pandas.arrays import alone, check_numbers, private_codes
from oobpickle.codec.reducers.pandas.dtypes import INDEXES
from oobpickle.codec.reducers.pandas.labels import check_distinct, check_label, check_labels
from oobpickle.codec.reducers.pandas.offsets import describe_offset, offset_of
from oobpickle.codec.reducers.pandas.zones import is_fixed
from oobpickle.codec.rules import Rule

_TICKS = (*(pd.offsets.Hour, pd.offsets.Minute, pd.offsets.Second, pd.offsets.Milli, pd.offsets.Micro), pd.offsets.Nano)
_LEVEL = 4096
"""Bytes that a level is charged for, beyond its labels and codes: 20 us. One level may stand in many places."""

_TIMED = (pd.arrays.DatetimeArray, pd.arrays.TimedeltaArray)


def rebuild_index(values: Any, name: Any) -> Any:
    """An index on an array of numbers or an extension array, of the class that pandas has for its dtype."""
    check_label(name)
    if type(values) is np.ndarray:
        check_numbers(values, "biufc")
    else:
        expect(values, *ARRAYS)
    return pd.Index(values, dtype=values.dtype, copy=False, name=name)


def rebuild_labels(labels: Any, name: Any) -> Any:
    """An index of Python objects."""
    check_label(name)
    check_numbers(labels, "O")
    check_labels(labels)
    return pd.Index(labels, dtype=object, copy=False, name=name)


def rebuild_timed(values: Any, freq: Any, name: Any) -> Any:
    """A DatetimeIndex or TimedeltaIndex with a frequency."""
    check_label(name)
    expect(values, *_TIMED)
    expect(freq, tuple)
    offset = offset_of(freq)
    if type(values) is pd.arrays.TimedeltaArray or (isinstance(offset, _FIXED) and is_fixed(values.tz)):
        _check_steps(values, offset)
    index = pd.Index(values, dtype=values.dtype, copy=False, name=name)
    # Not its setter: that makes the whole range anew, which takes 50 us an element for some, and then refuses ranges
    # that pandas has made itself. Only for steps of fixed length is freq more than a word to pandas.
    (index if _FREQ_IS_ON_INDEX else index.array)._freq = offset  # noqa: SLF001
    return index


_FIXED = (*_TICKS, pd.offsets.Day)
_FREQ_IS_ON_INDEX = hasattr(pd.DatetimeIndex([]), "_freq")  # since pandas 3.1; before, on its array


def _check_steps(values: Any, offset: Any) -> None:
    step = pd.Timedelta(days=offset.n) if isinstance(offset, pd.offsets.Day) else pd.Timedelta(offset)
    numbers = values.asi8
    spend(3 * numbers.nbytes)
    exact = step.as_unit(values.unit)
    if exact != step or (numbers[1:] - numbers[:-1] != exact.asm8.astype("i8")).any() or pd.isna(values[:1]).any():
        raise ValueError("times that do not follow their frequency")


def rebuild_range(start: Any, stop: Any, step: Any, name: Any) -> Any:
    """A RangeIndex."""
    check_label(name)
    expect_all((start, stop, step), int)
    if any(not -(2**62) <= number < 2**62 for number in (start, stop, step)):
        raise ValueError("a range that has no length of 64 bits")
    return pd.RangeIndex(range(start, stop, step), name=name)


def rebuild_multi(levels: Any, codes: Any, names: Any) -> Any:
    """A MultiIndex: for each level its labels, each of them once, and a code for each entry."""
    for part in (levels, codes, names):
        expect(part, tuple)
    if not len(levels) == len(codes) == len(names) > 0:
        raise ValueError("a level, codes and a name for each other expected")
    spend(_LEVEL * len(levels))
    places = []
    for level, level_codes, name in zip(levels, codes, names, strict=True):
        check_label(name)
        expect(level, *INDEXES)
        check_distinct(level)
        places.append(private_codes(level_codes, len(level)))
        if places[-1].shape != places[0].shape:
            raise ValueError("codes that are not as many as each other")
    return pd.MultiIndex(levels, places, names=names, copy=False, verify_integrity=False)


def _reduce_index(index: Any) -> tuple[Any, ...]:
    array = index.array
    if type(array) is not pd.arrays.NumpyExtensionArray:
        freq = describe_offset(index.freq) if type(array) in _TIMED else None
        return (rebuild_index, (array, index.name)) if freq is None else (rebuild_timed, (array, freq, index.name))
    values = alone(array.to_numpy())
    return rebuild_labels if values.dtype == object else rebuild_index, (values, index.name)


def _reduce_range(index: Any) -> tuple[Any, ...]:
    return rebuild_range, (index.start, index.stop, index.step, index.name)


def _reduce_multi(index: Any) -> tuple[Any, ...]:
    return rebuild_multi, (tuple(index.levels), tuple(map(np.asarray, index.codes)), tuple(index.names))


DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys(INDEXES, _reduce_index),
    pd.RangeIndex: _reduce_range,
    pd.MultiIndex: _reduce_multi,
}
RULES = {
    rebuild_index: Rule(work=30),
    rebuild_labels: Rule(work=30, fresh=True),
    rebuild_timed: Rule(work=80),
    rebuild_range: Rule(work=6),
    rebuild_multi: Rule(work=60),
}

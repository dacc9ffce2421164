"""What an index may be labelled with, be named, or have as categories: plain values that are hashable at a bounded price.

pandas hashes labels when they are first looked up, long after they were decoded. A tuple nested 100,000 deep would end the
process then; an object of a registered class would run its own __hash__.
"""

import datetime as dt
import decimal
import fractions
import ipaddress
import pathlib
import uuid
from typing import Any

import numpy as np
import pandas as pd

from oobpickle.codec.allowance import limits, spend

_ATOMS: frozenset[type] = frozenset(
    (
        *(type(None), bool, int, float, complex, str, bytes, range, type(...)),
        *(dt.date, dt.time, dt.datetime, dt.timedelta, dt.timezone, decimal.Decimal, fractions.Fraction, uuid.UUID),
        *(pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath),
        *(ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network),
        *(pd.Timestamp, pd.Timedelta, pd.Period, pd.Interval, type(pd.NA), type(pd.NaT)),
        *(cls for cls in np.sctypeDict.values() if cls not in (np.object_, np.void)),
    )
)
_EQUAL_HASHES = 64
"""Labels that may have the hash of another one: those are compared pair by pair. Honest ones have a handful."""

_PRICE = 32
"""What looking at a label, and hashing it, is charged for, in bytes."""


def check_label(label: Any) -> None:
    """Raise TypeError or ValueError unless this can be a label."""
    if type(label) in _ATOMS:
        return
    count = 0
    most = limits().key_values
    todo = [label]
    while todo:
        value = todo.pop()
        count += 1
        if count > most:
            raise ValueError(f"a label of more than {most} values (limits.key_values)")
        if type(value) is tuple or type(value) is frozenset:
            if len(value) > most:
                raise ValueError(f"a label of more than {most} values (limits.key_values)")
            todo += value
        elif type(value) not in _ATOMS:
            raise TypeError(f"a label of type {type(value).__name__}")
    spend(_PRICE * count)


def check_labels(labels: "np.ndarray[Any, Any]") -> None:
    """The same of each label of an array of objects."""
    values = labels.tolist()
    if not set(map(type, values)) <= _ATOMS:
        for label in values:
            check_label(label)


def check_distinct(index: Any) -> None:
    """Raise ValueError if a label of an index is there twice."""
    if type(index) is pd.RangeIndex:
        return
    spend(_PRICE * len(index))
    if not _is_distinct(index):
        raise ValueError("a label that is there twice, where each must be there once")


def _is_distinct(index: Any) -> bool:
    if type(index) is pd.MultiIndex:  # each of whose levels is: see `rebuild_multi`
        spend(_PRICE * len(index) * index.nlevels)
        return _rows_are_distinct([np.asarray(codes) for codes in index.codes])
    values = index.array
    if type(values) is pd.arrays.IntervalArray:
        return _rows_are_distinct([_numbers(values.left.array), _numbers(values.right.array)])
    if type(values) is pd.arrays.ArrowExtensionArray:
        spend(8 * _PRICE * len(index))  # of dates, say, or decimals: each is made an object
    numbers = _numbers(values)
    return _are_distinct(numbers) if numbers.dtype.kind == "O" else _rows_are_distinct([numbers])


def _numbers(values: Any) -> "np.ndarray[Any, Any]":
    timed = (pd.arrays.DatetimeArray, pd.arrays.TimedeltaArray, pd.arrays.PeriodArray)
    return values.asi8 if type(values) in timed else np.asarray(values)


def _rows_are_distinct(columns: list["np.ndarray[Any, Any]"]) -> bool:
    """Whether no two rows are alike. By comparison: there is nothing to collide."""
    if len(columns) == 1:
        ordered = np.sort(columns[0])
        return not (ordered[1:] == ordered[:-1]).any()
    order = np.lexsort(columns)
    differ = [column[order[1:]] != column[order[:-1]] for column in columns]
    return bool(np.any(differ, axis=0).all())


def _are_distinct(labels: "np.ndarray[Any, Any]") -> bool:
    check_labels(labels)
    values = labels.tolist()
    if len(values) - len(set(map(hash, values))) > _EQUAL_HASHES:
        raise ValueError(f"labels of which more than {_EQUAL_HASHES} have the hash of another one")
    return len(set(values)) == len(values)

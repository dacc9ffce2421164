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


def check_labels(labels: "np.ndarray[Any, Any]") -> None:
    """The same of each label of an array of objects."""
    values = labels.tolist()
    if not set(map(type, values)) <= _ATOMS:
        for label in values:
            check_label(label)


def check_distinct(index: Any) -> None:
    """Raise ValueError if a label of an index (other than a MultiIndex) is there twice."""
    if type(index) is pd.RangeIndex:
        return
    spend(_PRICE * len(index))
    values = index.array
    if type(values) in (pd.arrays.DatetimeArray, pd.arrays.TimedeltaArray, pd.arrays.PeriodArray):
        numbers = values.asi8
    else:
        numbers = np.asarray(values)
    if numbers.dtype.kind == "O":
        distinct = _are_distinct(numbers)
    else:
        numbers = np.sort(numbers)  # by comparison: there is nothing to collide
        distinct = not (numbers[1:] == numbers[:-1]).any()
    if not distinct:
        raise ValueError("categories, or labels of a level, of which one is there twice")


def _are_distinct(labels: "np.ndarray[Any, Any]") -> bool:
    check_labels(labels)
    values = labels.tolist()
    if len(values) - len(set(map(hash, values))) > _EQUAL_HASHES:
        raise ValueError(f"labels of which more than {_EQUAL_HASHES} have the hash of another one")
    return len(set(values)) == len(values)

"""Frequencies: pandas' date offsets, told by the name of their class and what it was made with.

Never by their text: pandas would parse it, warn about old spellings, and cannot say all of them.
"""

from collections.abc import Callable
from datetime import time, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from pandas.tseries import offsets

from oobpickle.codec.allowance import spend
from oobpickle.codec.reducers.arguments import expect, expect_all
from oobpickle.codec.rules import Rule
from oobpickle.errors import EncodeError

_LARGEST = 2**31
"""What no number of a DateOffset's reaches: of months, say."""

_LONGEST = 64
"""Characters of a text in an offset: the days of a week, or a variation of a fiscal year."""

_CLASSES: dict[str, Any] = {
    cls.__name__: cls
    for name in offsets.__all__
    if isinstance(cls := getattr(offsets, name), type) and cls not in (offsets.BaseOffset, offsets.Tick)
}
_UNITS = ("year", "month", "day", "hour", "minute", "second", "millisecond", "microsecond", "nanosecond")
_DATE_OFFSET = {*_UNITS, *(unit + "s" for unit in _UNITS), "weeks", "weekday"}
_NOT_KEYWORDS = {"n", "normalize", "calendar"}
_KEYWORDS: dict[str, set[str]] = {
    name: _DATE_OFFSET if cls is offsets.DateOffset else {*cls()._attributes} - _NOT_KEYWORDS  # noqa: SLF001
    for name, cls in _CLASSES.items()
}


def describe_offset(offset: Any) -> tuple[Any, ...] | None:
    """Tell an offset: class, n, normalize, and the rest as items; None of None. Raises EncodeError for one of one's own."""
    return None if offset is None else _described(type(offset).__name__, offset)


@lru_cache(maxsize=256)  # by the class's name too: Day(1) and Hour(24) can be equal
def _described(name: str, offset: Any) -> tuple[Any, ...]:
    items = tuple((key, _plain(value)) for key, value in sorted(offset.kwds.items()) if key != "calendar")
    told = (name, offset.n, offset.normalize, items)
    if _CLASSES.get(name) is not type(offset) or offset_of(told) != offset:
        raise EncodeError(f"the offset {offset!r} does not travel", advice="set freq to None")
    return told


def _plain(value: Any) -> Any:
    if type(value) is tuple and value and type(value[0]) is np.datetime64:
        return tuple(np.array(value, "M8[D]").astype("i8").tolist())
    return value


def offset_of(told: Any) -> Any:
    """The offset that is told; None of None. Raises TypeError or ValueError."""
    if told is None:
        return None
    expect(told, tuple)
    name, n, normalize, items = told
    expect(name, str)
    expect(n, int)
    expect(normalize, bool)
    expect(items, tuple)
    if name not in _CLASSES or not -(2**63) < n < 2**63:
        raise ValueError(f"{name[:50]!r} is no offset of pandas, or its number is too large")
    keywords: dict[str, Any] = {}
    for item in items:
        expect(item, tuple)
        key, value = item
        expect(key, str)
        if key not in _KEYWORDS[name]:
            raise ValueError(f"{name} has no {key[:50]!r}")
        keywords[key] = _checked(key, value)
    return _CLASSES[name](n=n, normalize=normalize, **keywords)


def _checked(key: str, value: Any) -> Any:
    expect(value, int, str, timedelta, tuple, type(None))
    if type(value) is int and not -_LARGEST < value < _LARGEST:
        raise ValueError(f"{key} is {value}")
    if type(value) is str and len(value) > _LONGEST:
        raise ValueError(f"{key} has {len(value)} characters")
    if type(value) is tuple:
        spend(1000 * len(value))
        if key == "holidays":
            expect_all(value, int)
            return tuple(np.array(value, "i8").astype("M8[D]"))
        expect_all(value, time)
    return value


def rebuild_offset(told: Any) -> Any:
    """An offset."""
    expect(told, tuple)
    return offset_of(told)


DATA_REDUCERS: dict[type, Callable[[Any], Any]] = dict.fromkeys(
    _CLASSES.values(), lambda offset: (rebuild_offset, (describe_offset(offset),))
)
RULES = {rebuild_offset: Rule(work=20)}

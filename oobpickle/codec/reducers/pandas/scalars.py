"""Timestamp, Timedelta, Period, Interval, NA and NaT."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from oobpickle.codec.reducers.arguments import expect
from oobpickle.codec.reducers.pandas.offsets import describe_offset, offset_of
from oobpickle.codec.reducers.pandas.zones import describe_zone, zone_of
from oobpickle.codec.rules import Rule

UNITS = ("s", "ms", "us", "ns")
"""What pandas counts time in."""

CLOSED = ("left", "right", "both", "neither")
"""The ends that belong to an interval."""

_ENDS = (int, float, pd.Timestamp, pd.Timedelta, *{cls for cls in np.sctypeDict.values() if issubclass(cls, np.number)})


def rebuild_timestamp(value: Any, unit: Any, zone: Any) -> Any:
    """A Timestamp: units since 1970 in UTC, as seen in a time zone; None: a naive one."""
    _check_time(value, unit)
    zone = zone_of(zone)
    stamp = pd.Timestamp(np.datetime64(value, unit))
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone)


def rebuild_timedelta(value: Any, unit: Any) -> Any:
    """A Timedelta of so many units."""
    _check_time(value, unit)
    return pd.Timedelta(np.timedelta64(value, unit))


def _check_time(value: Any, unit: Any) -> None:
    expect(value, int)
    expect(unit, str)
    if unit not in UNITS or not -(2**63) < value < 2**63:  # -2**63 would be NaT
        raise ValueError(f"{value} {unit[:10]!r} is no time of pandas")


def rebuild_period(ordinal: Any, freq: Any) -> Any:
    """A Period: so many of its frequency since 1970."""
    expect(ordinal, int)
    expect(freq, tuple)
    if not -(2**63) < ordinal < 2**63:
        raise ValueError(f"a period of ordinal {ordinal}")
    return pd.Period(ordinal=ordinal, freq=offset_of(freq))


def rebuild_interval(left: Any, right: Any, closed: Any) -> Any:
    """An Interval of numbers or times."""
    expect(left, *_ENDS)
    expect(right, *_ENDS)
    expect(closed, str)
    return pd.Interval(left, right, closed)


def rebuild_na() -> Any:
    """pandas.NA itself."""
    return pd.NA


def rebuild_nat() -> Any:
    """pandas.NaT itself."""
    return pd.NaT


def _reduce_timestamp(stamp: Any) -> tuple[Any, ...]:
    return rebuild_timestamp, (int(stamp.asm8.astype("i8")), stamp.unit, describe_zone(stamp.tz))


DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {
    pd.Timestamp: _reduce_timestamp,
    pd.Timedelta: lambda value: (rebuild_timedelta, (int(value.asm8.astype("i8")), value.unit)),
    pd.Period: lambda value: (rebuild_period, (value.ordinal, describe_offset(value.freq))),
    pd.Interval: lambda value: (rebuild_interval, (value.left, value.right, value.closed)),
    type(pd.NA): lambda _: (rebuild_na, ()),
    type(pd.NaT): lambda _: (rebuild_nat, ()),
}

# The weight of a key is in units of 10 ns, what a value in a tuple takes to hash or to compare: see limits.keys_base.
RULES = {
    rebuild_timestamp: Rule(key=60, build=rebuild_timestamp, work=20),
    rebuild_timedelta: Rule(key=40, build=rebuild_timedelta, work=3),
    rebuild_period: Rule(key=60, build=rebuild_period, work=8),
    rebuild_interval: Rule(key=60, build=rebuild_interval, work=2),
    rebuild_na: Rule(key=20, collides=False),
    rebuild_nat: Rule(key=20, collides=False),
}

"""Dates and times. A ZoneInfo is its key: the receiver has the time zone's rules in files of its own.

A key is looked for where the standard library would look, but by names only: a file under TZPATH, else an entry of
tzdata's own list. ZoneInfo itself would import ``tzdata.zoneinfo.<whatever the key says>``.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import TZPATH, ZoneInfo

from oobpickle.codec.reducers.arguments import expect, expect_all
from oobpickle.codec.rules import Rule
from oobpickle.errors import EncodeError, type_name

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,30}(?:/[A-Za-z0-9][A-Za-z0-9_+-]{0,30}){0,2}")


def rebuild_date(year: Any, month: Any, day: Any) -> date:
    """A date."""
    expect_all((year, month, day), int)
    return date(year, month, day)


def rebuild_time(hour: Any, minute: Any, second: Any, microsecond: Any, zone: Any, fold: Any) -> time:
    """A time of day."""
    expect_all((hour, minute, second, microsecond, fold), int)
    expect(zone, type(None), timezone, ZoneInfo)
    return time(hour, minute, second, microsecond, zone, fold=fold)


def rebuild_datetime(*parts: Any) -> datetime:
    """A date and time: year, month, day, hour, minute, second, microsecond, fold; and a time zone if it has one."""
    fields, zone = parts[:8], parts[8:]
    expect_all(fields, int)
    expect_all(zone, timezone, ZoneInfo)
    year, month, day, hour, minute, second, microsecond, fold = fields
    return datetime(year, month, day, hour, minute, second, microsecond, *zone, fold=fold)  # noqa: DTZ001 - as it was sent


def rebuild_timedelta(days: Any, seconds: Any, microseconds: Any) -> timedelta:
    """A difference of times."""
    expect_all((days, seconds, microseconds), int)
    return timedelta(days, seconds, microseconds)


def rebuild_timezone(offset: Any, name: Any) -> timezone:
    """A time zone of a fixed offset; name None: it has none of its own."""
    expect(offset, timedelta)
    expect(name, type(None), str)
    return timezone(offset) if name is None else timezone(offset, name)


def rebuild_utc() -> timezone:
    """timezone.utc itself."""
    return UTC


def rebuild_zoneinfo(key: Any) -> ZoneInfo:
    """The receiver's time zone of this name."""
    expect(key, str)
    if not _KEY.fullmatch(key) or not (
        any(Path(folder, key).is_file() for folder in TZPATH) or key in _keys_of_tzdata()
    ):
        raise ValueError(f"there is no time zone {key[:100]!r} here")
    return ZoneInfo(key)


@cache
def _keys_of_tzdata() -> frozenset[str]:
    try:
        return frozenset(resources.files("tzdata").joinpath("zones").read_text().split())
    except (ModuleNotFoundError, OSError):
        return frozenset()


def _zone_of(value: time | datetime) -> tzinfo | None:
    zone = value.tzinfo
    if zone is not None and type(zone) is not ZoneInfo and type(zone) is not timezone:
        raise EncodeError(f"a time zone of type {type_name(zone)}", advice="use zoneinfo.ZoneInfo or datetime.timezone")
    return zone


def _reduce_time(value: time) -> tuple[Any, ...]:
    return rebuild_time, (value.hour, value.minute, value.second, value.microsecond, _zone_of(value), value.fold)


def _reduce_datetime(value: datetime) -> tuple[Any, ...]:
    fields = (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond, value.fold)
    zone = _zone_of(value)
    return rebuild_datetime, fields if zone is None else (*fields, zone)


def _reduce_timezone(value: timezone) -> tuple[Any, ...]:
    if value is UTC:
        return rebuild_utc, ()
    return rebuild_timezone, (*value.__getinitargs__(), None)[:2]  # type: ignore[attr-defined]


def _reduce_zoneinfo(value: ZoneInfo) -> tuple[Any, ...]:
    if value.key is None or not _KEY.fullmatch(value.key):
        raise EncodeError("a time zone without a key: it was read from a file", advice="use ZoneInfo(key)")
    return rebuild_zoneinfo, (value.key,)


DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {
    date: lambda value: (rebuild_date, (value.year, value.month, value.day)),
    time: _reduce_time,
    datetime: _reduce_datetime,
    timedelta: lambda value: (rebuild_timedelta, (value.days, value.seconds, value.microseconds)),
    timezone: _reduce_timezone,
    ZoneInfo: _reduce_zoneinfo,
}

# Hashes of dates are keyed; those of differences and aware times follow from fewer than 2**68 values: some 40 share one.
RULES = {
    rebuild_date: Rule(key=2, collides=False, sure=True),
    rebuild_time: Rule(key=50, collides=False, sure=True),
    rebuild_datetime: Rule(key=50, collides=False, sure=True),
    rebuild_timedelta: Rule(key=5, collides=False, sure=True),
    rebuild_timezone: Rule(key=5, collides=False, sure=True),
    rebuild_utc: Rule(key=5, collides=False, sure=True),
    rebuild_zoneinfo: Rule(key=5, collides=False, work=50),
}

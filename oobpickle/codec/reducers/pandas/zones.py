"""Time zones of timestamps: the standard library's as they are, pytz's (which pandas 2 uses) told by name.

dateutil's are not told: they are files, anywhere.
"""

import importlib
import re
from datetime import timezone
from typing import Any
from zoneinfo import ZoneInfo

from oobpickle.codec.reducers.arguments import expect
from oobpickle.errors import EncodeError

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,30}(?:/[A-Za-z0-9][A-Za-z0-9_+-]{0,30}){0,2}")


def describe_zone(zone: Any) -> Any:
    """Tell a time zone: None, a zone of the standard library, the name of one of pytz, or minutes for pytz.FixedOffset."""
    if zone is None or type(zone) is timezone or type(zone) is ZoneInfo:
        return zone
    if type(zone).__module__.partition(".")[0] == "pytz":
        if zone.zone is not None:
            return zone.zone
        return int(zone.utcoffset(None).total_seconds() // 60)
    raise EncodeError("a time zone that does not travel", advice="use zoneinfo.ZoneInfo or datetime.timezone")


def zone_of(told: Any) -> Any:
    """The time zone that is told. Raises TypeError or ValueError."""
    if told is None or type(told) is timezone or type(told) is ZoneInfo:
        return told
    expect(told, str, int)
    try:
        pytz: Any = importlib.import_module("pytz")
    except ImportError:
        raise ValueError("a time zone of pytz, which is not installed here") from None
    if not isinstance(told, str):
        return pytz.FixedOffset(told)
    if not _KEY.fullmatch(told):
        raise ValueError(f"there is no time zone {told[:100]!r} here")
    try:
        return pytz.timezone(told)
    except pytz.UnknownTimeZoneError:
        raise ValueError(f"there is no time zone {told!r} here") from None


def is_fixed(zone: Any) -> bool:
    """Whether equal steps of time are equal steps of the clock."""
    return zone is None or type(zone) is timezone

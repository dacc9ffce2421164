"""Dates and times: rebuilt of exact ints, with time zones that the receiver has itself."""

import datetime as dt
import io
import struct
from zoneinfo import ZoneInfo

import pytest

from oobpickle import DataCodec, EncodeError
from oobpickle.codec.reducers import times
from oobpickle.codec.registry import Registry

PLUS_ONE = dt.timezone(dt.timedelta(hours=1))
PARIS = ZoneInfo("Europe/Paris")


class Zone(dt.tzinfo):
    def utcoffset(self, when):
        return dt.timedelta(0)


class Offset(dt.timedelta):
    pass


def rebuilt(value):
    rebuilder, arguments = times.DATA_REDUCERS[type(value)](value)
    return rebuilder(*arguments)


def told(value):
    """What equality does not tell."""
    zone = getattr(value, "tzinfo", None)
    return type(value), repr(value), getattr(value, "fold", None), type(zone)


EXTREMES = [
    *(dt.date.min, dt.date.max, dt.time.min, dt.time.max, dt.datetime.min, dt.datetime.max),
    *(dt.timedelta.min, dt.timedelta.max, dt.timedelta(microseconds=-1)),
    *(dt.time(1, fold=1), dt.time(23, 59, 59, 999999, PLUS_ONE), dt.time(2, 30, tzinfo=PARIS, fold=1)),
    *(dt.datetime(2024, 10, 27, 2, 30, tzinfo=PARIS, fold=fold) for fold in (0, 1)),
    *(dt.timezone.min, dt.timezone.max, dt.timezone(dt.timedelta(microseconds=1))),
    *(dt.timezone(dt.timedelta(0), "Z"), dt.timezone(dt.timedelta(hours=1), ""), PLUS_ONE),
]


@pytest.mark.parametrize("value", EXTREMES, ids=repr)
def test_a_rebuilt_one_is_the_same(value):
    got = rebuilt(value)
    assert got == value
    assert told(got) == told(value)


def test_utc_and_a_zone_with_a_key_are_the_receivers_own():
    assert rebuilt(dt.timezone.utc) is dt.timezone.utc
    assert rebuilt(PARIS) is PARIS


WRONG = {
    times.rebuild_date: [(0, 1, 1), (10_000, 1, 1), (2023, 2, 29), (True, 1, 1), (2024.0, 1, 1), (1 << 100, 1, 1)],
    times.rebuild_time: [
        *((24, 0, 0, 0, None, 0), (0, 0, 0, -1, None, 0), (0, 0, 0, 0, None, 2), (0, 0, 0, 0, None, True)),
        *((0, 0, 0, 0, Zone(), 0), (0, 0, 0, 0, "UTC", 0), (0, 0, 0, 1 << 100, None, 0), (0, 0, 0)),
    ],
    times.rebuild_datetime: [
        *((), (2024, 1, 1, 0, 0, 0, 0), (2024, 1, 1, 24, 0, 0, 0, 0), (2024, 1, 1, 0, 0, 0, 0, 2)),
        *((2024, 1, 1, 0, 0, 0, False, 0), (2024, 1, 1, 0, 0, 0, 0, 0, None), (2024, 1, 1, 0, 0, 0, 0, 0, Zone())),
        *((2024, 1, 1, 0, 0, 0, 0, 0, PARIS, PARIS), (b"\x07\xe8\x01\x01\0\0\0\0\0\0",)),
    ],
    times.rebuild_timedelta: [(10**9, 0, 0), (0, 1 << 100, 0), (0, 0.5, 0), (0, 0, True), (float("nan"), 0, 0)],
    times.rebuild_timezone: [
        *((dt.timedelta(1), None), (dt.timedelta(-1), "x"), (dt.timedelta(0), b"x"), (Offset(0), None), (3600, None)),
    ],
    times.rebuild_zoneinfo: [
        *((None,), (b"UTC",), ("../UTC",), ("Europe/../UTC",), ("Europe",), ("UTC\n",), ("UTC\0",), (" UTC",)),
        *(("/usr/share/zoneinfo/UTC",), ("Europe/Paris/",), ("A" * 32,), ("a/b/c/d",), ("__init__",), ("tzdata.zi",)),
    ],
}


@pytest.mark.parametrize(("rebuilder", "arguments"), [(one, wrong) for one in WRONG for wrong in WRONG[one]])
def test_wrong_arguments_are_refused(rebuilder, arguments):
    with pytest.raises((TypeError, ValueError, OverflowError)):
        rebuilder(*arguments)


def test_a_long_key_is_not_repeated_in_full():
    with pytest.raises(ValueError, match="no time zone") as caught:
        times.rebuild_zoneinfo("x" * 10**6)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("key", [None, "../UTC"])
def test_a_zone_read_from_a_file_cannot_be_sent(key):
    """Without a key; or with one that no receiver would look for."""
    content = b"TZif".ljust(20, b"\0") + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + bytes(6) + b"UTC\0"
    zone = ZoneInfo.from_file(io.BytesIO(content), key)
    with pytest.raises(EncodeError, match="without a key"):
        rebuilt(zone)


@pytest.mark.parametrize("value", [dt.time(1, tzinfo=Zone()), dt.datetime(2024, 1, 1, tzinfo=Zone())], ids=repr)
def test_another_kind_of_zone_is_refused_at_the_sender(value):
    """Also if its class travels on its own: no rebuilder would take it."""
    registry = Registry()
    registry.register(Zone, encode=lambda zone: None, decode=lambda value: Zone(), tag="zone")
    codec = DataCodec(types=registry)
    codec.encode([Zone()])
    with pytest.raises(EncodeError, match="time zone of type .*Zone") as caught:
        codec.encode({"when": value})
    assert caught.value.path == "obj['when']"

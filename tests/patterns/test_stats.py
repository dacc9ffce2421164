"""oobpickle.patterns.stats."""

import dataclasses

import pytest

from oobpickle.patterns.stats import WINDOW, Counters, Stats, percentile


def test_nothing_yet():
    assert Counters().snapshot() == Stats()


def test_a_snapshot_does_not_change():
    counters = Counters()
    counters.messages = 3
    before = counters.snapshot(skipped=1, late=2, in_flight=4, bytes_in_flight=5)
    counters.messages = 9
    assert (before.messages, before.skipped, before.late, before.in_flight, before.bytes_in_flight) == (3, 1, 2, 4, 5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.messages = 1


def test_every_counter_is_in_the_snapshot():
    counters = Counters()
    names = [name for name in Counters.__slots__ if name not in ("latencies", "problem")]
    for value, name in enumerate(names, 1):
        setattr(counters, name, value)
    snapshot = counters.snapshot()
    assert [getattr(snapshot, name) for name in names] == list(range(1, len(names) + 1))


@pytest.mark.parametrize(("percent", "expected"), [(50, 50e-9), (90, 90e-9), (99, 99e-9), (100, 100e-9)])
def test_percentiles_are_nearest_rank(percent, expected):
    assert percentile(list(range(1, 101)), percent) == expected


def test_percentiles_of_few():
    assert percentile([], 50) is None
    assert percentile([7], 1) == percentile([7], 100) == 7e-9


def test_latencies_are_of_the_last_messages():
    counters = Counters()
    counters.latencies.extend([10**12] * 10 + [1000] * WINDOW)
    snapshot = counters.snapshot()
    assert snapshot.latency_max == 1e-6

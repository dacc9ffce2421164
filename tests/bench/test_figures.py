import math

import numpy as np
import pytest

from oobpickle.bench.figures import COPIES_FROM, LEAST, Case, Figures, figure
from oobpickle.bench.peer import IPC, ONE_WAY, ROUND_TRIP
from oobpickle.bench.runs import Run
from oobpickle.bench.things import ARRAY, Thing
from oobpickle.bench.usage import Usage


def of(seconds, near=0.0, far=0.0, checking=0.0, latencies=()):
    """A run of ten messages."""
    return Run(10, seconds, Usage(near, 0.5, 10), Usage(far, 0.5, 20), checking, latencies)


def figures(size=1 << 20, pattern=ONE_WAY, **runs):
    return Figures(Case(Thing(ARRAY, size), pattern, IPC, tuple(runs)), runs)


def test_ratios_are_taken_within_a_round():
    # The machine was three times as slow in the second round, for both: the ratio does not see it.
    found = figures(ours=[of(1), of(3), of(1)], theirs=[of(2), of(6), of(2)])
    assert found.rate("ours").value == 10
    assert found.ratio("ours", "theirs") == (2.0, LEAST)


def test_round_trips_count_by_their_median():
    found = figures(pattern=ROUND_TRIP, ours=[of(9, latencies=(0.1, 0.2, 7.0))])
    assert found.rate("ours").value == pytest.approx(5)
    assert found.latencies("ours") == [0.1, 0.2, 7.0]


def drifting(random, rounds):
    """What a machine does: slow in one stretch of a minute, fast in the next, by a fifth; and noise of each round."""
    levels = np.repeat(random.normal(0, 8, rounds // 6 + 2), 6)[random.integers(6) :][:rounds]
    return list(100 + levels + random.normal(0, 5, rounds))


def of_two_kinds(random, rounds):
    """What some processes do: half of them are slower by a fifth for all of their lives, which are two rounds."""
    levels = np.repeat(random.choice([100, 80], -(-rounds // 2)), 2)[:rounds]
    return list(levels + random.normal(0, 3, rounds))


@pytest.mark.parametrize(
    ("rounds", "series"),
    [
        (20, of_two_kinds),
        (3, lambda random, rounds: list(random.normal(100, 10, rounds))),
        (5, lambda random, rounds: list(random.normal(100, 10, rounds))),
        (15, lambda random, rounds: list(random.normal(100, 10, rounds))),
        (15, drifting),
        (40, drifting),
    ],
)
def test_two_measurements_differ_by_less_than_the_spread_nine_times_of_ten(rounds, series):
    random = np.random.default_rng(1)
    within = 0
    for _ in range(1000):
        one, two = (figure(series(random, rounds)) for _ in range(2))
        within += abs(one.value - two.value) <= one.spread * one.value
    assert within >= 870


@pytest.mark.parametrize("rounds", [10, 15, 30])
def test_with_processes_anew_in_each_stretch_a_smaller_spread_does(rounds):
    random = np.random.default_rng(1)
    within, spreads = 0, []
    for _ in range(1000):
        one, two = (figure(of_two_kinds(random, rounds), renewed=True) for _ in range(2))
        within += abs(one.value - two.value) <= one.spread * one.value
        spreads.append(one.spread)
    assert within >= 870
    assert np.median(spreads) < 0.2


def test_the_spread_is_that_of_stretches_not_of_single_rounds():
    outliers = [100.0, 100, 100, 150, 100, 100] * 5
    slower_and_slower = [100.0 + number for number in range(30)]
    assert figure(outliers) == (100, LEAST)
    assert figure(slower_and_slower).spread == pytest.approx(24 / 114.5)


def test_the_spread_of_one_round_is_not_known():
    assert figure([5.0]).spread == math.inf


def test_copies_are_user_time_in_times_of_one_memcpy():
    memcpy = [of(1, near=1.0, checking=0.02)]  # 0.1 s a message, of which 0.02 go into checking: a copy takes 0.08
    ours, copying = [of(1, near=0.0, far=0.2, checking=0.02)], [of(1, near=0.8, far=1.0, checking=0.02)]
    found = figures(COPIES_FROM, ours=ours, copying=copying, memcpy=memcpy)
    assert found.copies("ours", "memcpy") == pytest.approx((0, 0))
    assert found.copies("copying", "memcpy") == pytest.approx((1, 1))
    assert found.copies("memcpy", "memcpy") == (1, 0)


def test_copies_are_not_told_of_small_things_or_without_memcpy():
    assert figures(COPIES_FROM - 1, ours=[of(1)], memcpy=[of(1, near=1)]).copies("ours", "memcpy") is None
    assert figures(COPIES_FROM, ours=[of(1)]).copies("ours", "memcpy") is None


def test_cpu_and_faults_are_of_a_message():
    found = figures(ours=[of(1, near=0.5, far=1.5)])
    assert found.cpu("ours") == pytest.approx((0.1, 0.2))
    assert found.faults("ours") == (1, 2)


@pytest.mark.parametrize(("other", "steady"), [("recipe", False), ("theirs", True)])
def test_steady_are_rates_and_their_ratios_to_references(other, steady):
    slower = [of(1 + part * 0.035) for part in range(5)]  # by 14 % in all
    found = figures(**{"ours": slower, other: slower[::-1]})
    assert max(found.rate(name).spread for name in found.runs) < 0.15
    assert found.ratio("ours", other).spread > 0.24
    assert found.is_steady(0.15, 0.24) == steady
    assert not found.is_steady(0.1, 1)

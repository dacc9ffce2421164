"""Random hostile streams, in cages: a few in each run of the suite, 200,000 with --slow.

``python -m tests.hostile.run`` is for longer runs.
"""

import pytest

from tests.hostile import run

LONG = [
    ("sources:fuzz", "scanned", 50_000),  # the scan, beside an unpickler that must not complain
    ("sources:encoding", "data_codec", 50_000),  # our own encodings, damaged
    ("sources:encoding", "message", 20_000),
    ("sources:call", "data_codec", 40_000),  # calls of every rebuilder
    ("libraries:call", "data_codec", 30_000),  # pandas, pyarrow, scipy, torch
    ("libraries:encoding", "data_codec", 10_000),
]
SHORT = [("sources:fuzz", "scanned", 700), ("sources:mixed", "message", 1000), ("libraries:mixed", "message", 300)]


@pytest.mark.parametrize(("source", "target", "count"), SHORT)
def test_random_streams_do_no_harm(source, target, count):
    assert not run.hunt(f"tests.hostile.{source}", f"tests.hostile.targets:{target}", 0, count, seed=3)


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target", "count"), LONG)
def test_many_random_streams_do_no_harm(source, target, count):
    assert not run.in_parallel(f"tests.hostile.{source}", f"tests.hostile.targets:{target}", count, seed=4)


def test_the_long_form_is_of_200_000():
    assert sum(count for _, _, count in LONG) == 200_000

"""Random hostile streams, in cages: a few in each run of the suite, 200,000 with --slow.

``python -m tests.hostile.run`` is for longer runs.
"""

import pytest

from tests.hostile import run
from tests.hostile.sources import spots

LONG = [
    ("sources:fuzz", "scanned", 50_000),  # the scan, beside an unpickler that must not complain
    ("sources:encoding", "data_codec", 50_000),  # our own encodings, damaged
    ("sources:encoding", "message", 20_000),
    ("sources:call", "data_codec", 40_000),  # calls of every rebuilder
    ("libraries:call", "data_codec", 30_000),  # pandas, pyarrow, scipy, torch
    ("libraries:encoding", "data_codec", 10_000),
]
SHORT = [
    ("sources:fuzz", "scanned", 700),
    ("sources:mixed", "message", 1000),
    ("sources:nicked", "message", 1500),
    ("libraries:mixed", "message", 200),
]


@pytest.mark.parametrize(("source", "target", "count"), SHORT)
def test_random_streams_do_no_harm(source, target, count):
    assert not run.hunt(f"tests.hostile.{source}", f"tests.hostile.targets:{target}", 0, count, seed=3)


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target", "count"), LONG)
def test_many_random_streams_do_no_harm(source, target, count):
    assert not run.in_parallel(f"tests.hostile.{source}", f"tests.hostile.targets:{target}", count, seed=4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize(("source", "times"), [("truncated", 2), ("flipped", 8)])
def test_our_encodings_cut_off_anywhere_and_with_any_bit_flipped(source, times):
    count = times * len(spots())
    assert not run.in_parallel(f"tests.hostile.sources:{source}", "tests.hostile.targets:message", count)


@pytest.mark.slow
def test_calls_again_and_again_are_bounded():
    """Each call of a library's rebuilder, as often as fits into 64 KiB; and those with a megabyte in them."""
    libraries = pytest.importorskip("tests.hostile.libraries", exc_type=ImportError)
    count = len(libraries.costly())
    assert not run.in_parallel("tests.hostile.libraries:repeated", "tests.hostile.targets:data_codec", count)


def test_the_long_form_is_of_200_000():
    assert sum(count for _, _, count in LONG) == 200_000

"""Random hostile streams, in cages. ``python -m tests.hostile.run`` is for longer runs."""

import pytest

from tests.hostile import run


@pytest.mark.parametrize(
    ("source", "target", "count"),
    [
        ("fuzz", "scanned", 50_000),  # the scan, beside an unpickler that must not complain
        ("encoding", "data_codec", 70_000),  # our own encodings, damaged
        ("encoding", "message", 20_000),
        ("call", "data_codec", 60_000),  # calls of every rebuilder
    ],
)
def test_random_streams_do_no_harm(source, target, count):
    assert not run.in_parallel(f"tests.hostile.sources:{source}", f"tests.hostile.targets:{target}", count, seed=3)

"""Random hostile streams, in cages. ``python -m tests.hostile.run`` is for longer runs."""

from tests.hostile import run


def test_the_safety_core():
    assert not run.in_parallel("tests.hostile.sources:fuzz", "tests.hostile.targets:scanned", 50_000, seed=3)

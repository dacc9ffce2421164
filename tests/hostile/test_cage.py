"""The machinery sees what it is there to see: a crash, a hang, slowness, memory, an audit event, another error."""

import pytest

from tests.hostile import run


def test_the_cage_tells_every_fault(monkeypatch):
    monkeypatch.setattr(run, "STUCK", 3)
    faults = run.hunt("tests.hostile.sources:crash", "tests.hostile.targets:crash", 0, 8)
    assert [(fault["index"], fault["fault"]) for fault in faults] == [
        (1, "ended with -11"),
        (2, "hang"),
        (3, "slow"),
        (4, "memory"),
        (5, "audit"),
        (6, "error"),
    ]
    assert "os.system" in faults[4]["detail"]


def test_a_cage_that_cannot_start_is_a_fault():
    [fault] = run.hunt("tests.hostile.sources:crash", "tests.hostile.targets:absent", 7, 8)
    assert "absent" in fault["detail"]


def test_shares_cover_every_case():
    assert run.shares(8, 3) == [(0, 3), (3, 6), (6, 8)]
    assert run.shares(2, 3) == [(0, 1), (1, 2)]


@pytest.mark.slow
def test_faults_of_all_shares_are_told():
    faults = run.in_parallel("tests.hostile.sources:crash", "tests.hostile.targets:crash", 8, processes=3)
    assert sorted(fault["index"] for fault in faults) == [1, 2, 3, 4, 5, 6]

"""Each test leaves nothing of the lane in use. That it leaves no descriptor and no map, tests/conftest.py sees to."""

import gc

import pytest
from tests.lanes.shared.support import give_up

from oobpickle.lanes.shared import process
from oobpickle.lanes.shared.lane import Lane

process.current()  # made now: the descriptor that it keeps for the life of the process is no leak of the first test


@pytest.fixture(autouse=True)
def lane():
    """The lane of this process; at the end nothing of it may be in use."""
    lane = process.current()
    limit = lane.arena.limit
    yield lane
    lane.guard.run(lane.arena.set_limit, limit)
    if not unused(lane):
        gc.collect()
    assert unused(lane)


def unused(lane):
    lane.guard.run(lane.settle)
    stats = lane.guard.run(lane.arena.stats)
    counted = lane.arena.loans, lane.attachments.leases
    return (stats, counted, lane.attachments.all) == ((0, 0, lane.arena.limit, 0), (0, 0), {})


@pytest.fixture
def other():
    """A second lane in this process, for the part of another process."""
    lane = Lane(1 << 30)
    yield lane
    gc.collect()
    give_up(lane)

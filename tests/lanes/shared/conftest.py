"""Each test leaves no descriptor, no map and no memory of the lane behind."""

import gc

import pytest
from lane_support import give_up, ours

from oobpickle.lanes.shared import process
from oobpickle.lanes.shared.lane import Lane

process.current()  # made now: the descriptor that it keeps for the life of the process is no leak of the first test


@pytest.fixture(autouse=True)
def lane():
    """The lane of this process; at the end nothing of it may be in use."""
    lane = process.current()
    limit = lane.arena.limit
    before = ours()  # none, unless an earlier test has failed
    yield lane
    if lane.arena.segments or lane.attachments.all or lane.boards:  # else nothing of it can be in a garbage cycle
        gc.collect()
    lane.guard.run(lane.arena.set_limit, limit)
    stats = lane.guard.run(lane.arena.stats)
    assert (stats.in_use, stats.blocks) == (0, 0)
    assert not any(attachment.leases for attachment in lane.attachments.all.values())
    assert (lane.arena.loans, lane.attachments.leases) == (0, 0)
    give_up(lane)
    assert len(ours()) == len(before)


@pytest.fixture
def other():
    """A second lane in this process, for the part of another process."""
    lane = Lane(1 << 30)
    yield lane
    gc.collect()
    give_up(lane)
    lane.attachments.pagemap.close()

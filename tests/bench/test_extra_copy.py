"""An extra copy that a lane makes, whatever it says of itself, is seen in the copies and in the ratio."""

from oobpickle.bench.things import ARRAY, Thing
from tests.bench.measured import measured
from tests.bench.strange import COPIES_AFTER, COPIES_BEFORE, HONEST

MEMCPY = "memcpy"


def test_a_copy_at_either_end_is_caught():
    peers = (HONEST, COPIES_BEFORE, COPIES_AFTER, MEMCPY)
    found = measured(*peers, thing=Thing(ARRAY, 16 << 20), rounds=4, seconds=0.1)
    assert not found.failed
    honest, before, after = (found.copies(name, MEMCPY) for name in peers[:3])
    assert before[0] - honest[0] > 0.5
    assert after[1] - honest[1] > 0.5
    # By CPU time: the two ends work at once, so that by the clock a copy at the idler one may cost nothing.
    assert all(found.cpu_ratio(name, HONEST).value < 0.9 for name in (COPIES_BEFORE, COPIES_AFTER))

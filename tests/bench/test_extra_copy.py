"""An extra copy that a lane makes, whatever it says of itself, is seen in the copies and in the ratio."""

from oobpickle.bench.things import ARRAY, Thing
from tests.bench.measured import measured
from tests.bench.strange import COPIES_AFTER, COPIES_BEFORE, HONEST

MEMCPY = "memcpy"


def test_a_copy_at_either_end_is_caught():
    peers = (HONEST, COPIES_BEFORE, COPIES_AFTER, MEMCPY)
    seen = []
    for rounds in (4, 8, 16):  # more of them only where others' load hides what is measured
        found = measured(*peers, thing=Thing(ARRAY, 16 << 20), rounds=rounds, seconds=0.1)
        assert not found.failed
        honest, before, after = (found.copies(name, MEMCPY) for name in peers[:3])
        # By CPU time: the two ends work at once, so that by the clock a copy at the idler one may cost nothing.
        ratios = [found.cpu_ratio(name, HONEST).value for name in (COPIES_BEFORE, COPIES_AFTER)]
        seen.append((before[0] - honest[0], after[1] - honest[1], *ratios))
        # Each by itself: while one end's copy shows, others' load may hide what the other end does.
        near, far, *slower = zip(*seen, strict=True)
        if max(near) > 0.5 and max(far) > 0.5 and all(min(ratio) < 0.95 for ratio in slower):
            return
    raise AssertionError(seen)

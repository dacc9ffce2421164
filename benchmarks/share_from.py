"""From what size on a reference is cheaper than a frame: what `placing.SHARE_FROM` rests on.

From the repository: ``python -m benchmarks.share_from [--rounds 9] [--seconds 0.2]``.

For each size the same object through the same endpoints over ipc, as a frame and by reference: copied into shared memory at the
near end, and at the far end viewed there, or up to `inbox.COPY_UP_TO` bytes copied out. A ratio above 1 says that the
reference is the better choice; where it falls below is the threshold. Of round trips both ways go alike.
"""

import argparse
from functools import partial
from typing import Any

from benchmarks.small_buffers import ratios
from oobpickle.bench.figures import Case
from oobpickle.bench.memory import free_memory
from oobpickle.bench.peer import FAN_OUT, IPC, ONE_WAY, ROUND_TRIP, End, Peer, Route
from oobpickle.bench.peers.endpoints import far, near
from oobpickle.bench.rounds import measure
from oobpickle.bench.things import ARRAY, Thing, size_name
from oobpickle.lanes.shared import outbox, placing

FRAME, REFERENCE = (f"benchmarks.share_from:{name}" for name in ("frame", "reference"))
SIZES = [size << 10 for size in (32, 48, 64, 96, 128, 256, 1024)]
PATTERNS = {ONE_WAY: 1, FAN_OUT: 4, ROUND_TRIP: 1}


def _refer_to_all() -> None:
    placing.SHARE_FROM = outbox.SHARE_FROM = 1  # of this process only


def referring_near(route: Route) -> tuple[End, Any]:
    _refer_to_all()
    return near("shared", route)


def referring_far(route: Route, address: Any) -> End:
    _refer_to_all()
    return far("shared", route, address)


_peer = partial(Peer, transports=(IPC,), patterns=tuple(PATTERNS))
PEERS = [
    _peer("frame", partial(near, "inline"), partial(far, "inline")),
    _peer("reference", referring_near, referring_far),
]


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.2, help="of one turn of one peer")
    given = parser.parse_args()
    for pattern, fars in PATTERNS.items():
        cases = [Case(Thing(ARRAY, size), pattern, IPC, (REFERENCE, FRAME), fars) for size in SIZES]
        print(f"{pattern}{f' to {fars}' if fars > 1 else ''}: rate by reference over rate by frames")
        for step in measure(cases, given.rounds, given.seconds, free_memory() // 2, renew=3):
            if step.finished:
                size = size_name(step.figures.case.thing.nbytes)
                print(f"{size:>7}  {ratios(step.figures, REFERENCE, FRAME)}", flush=True)


if __name__ == "__main__":
    main()

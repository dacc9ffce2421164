"""Where a copy is cheaper than a frame of its own: what `wire.GLUE_EACH` and the codec's `SMALL` rest on.

From the repository: ``python -m benchmarks.small_buffers [--transport tcp]``.

For each size, the same objects as "frames" (every array is a frame of its own, sent without a copy where pyzmq deems that
worth it), and copied: one array is "glued" (copied into the head, and once more on arrival), sixteen are "packed" (copied side by
side into one buffer, which is a frame). A ratio above 1 says that copying is the better choice; where it falls below is the threshold.
"""

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

import oobpickle
from oobpickle import wire
from oobpickle.bench.figures import Case, Figures
from oobpickle.bench.memory import free_memory
from oobpickle.bench.over_zmq import zmq_peer
from oobpickle.bench.peer import IPC, ONE_WAY, TCP
from oobpickle.bench.report import spread
from oobpickle.bench.rounds import measure
from oobpickle.bench.things import OBJECT, Thing, in_dict, size_name

if TYPE_CHECKING:
    import zmq

FRAMES, GLUED, PACKED = (f"benchmarks.small_buffers:{name}" for name in ("frames", "glued", "packed"))
SIZES = [size << 10 for size in (1, 2, 4, 8, 16, 32, 64, 128, 256)]
_ALL = 1 << 40


def send(glue: int | None, codec: oobpickle.PickleCodec, socket: "zmq.Socket[Any]", obj: Any) -> None:
    if glue is not None:
        wire.GLUE_EACH = wire.GLUE_TOTAL = glue  # of this process only
    oobpickle.send(socket, obj, codec=codec)


def recv(socket: "zmq.Socket[Any]") -> Any:
    return oobpickle.recv(socket, codec="pickle")


PEERS = [
    zmq_peer("frames", partial(send, -1, oobpickle.PickleCodec(small=0)), recv, holds=3),
    zmq_peer("glued", partial(send, _ALL, oobpickle.PickleCodec(small=0)), recv),
    zmq_peer("packed", partial(send, None, oobpickle.PickleCodec(small=_ALL)), recv),
]


def _objects(count: int, size: int) -> Any:
    """What the thing "benchmarks.small_buffers:one_4096" is."""
    import numpy as np

    if count == 1:
        return in_dict(np.arange(size // 8, dtype=np.float64))
    return {f"sensor {i}": np.arange(size // 8, dtype=np.float64) for i in range(count)}


for _size in SIZES:
    globals()[f"one_{_size}"] = partial(_objects, 1, _size)
    globals()[f"sixteen_{_size}"] = partial(_objects, 16, _size)


def ratios(figures: Figures, peer: str, reference: str) -> str:
    """A peer's rate over a reference's, and the same by the CPU time of a message."""
    rate, cpu = figures.ratio(peer, reference), figures.cpu_ratio(peer, reference)
    return f"{rate.value:5.2f} ±{spread(rate):>4}   by CPU time {cpu.value:5.2f} ±{spread(cpu):>4}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transport", choices=[IPC, TCP], default=IPC)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.1)
    given = parser.parse_args()
    for count, word, copied in ((1, "one", GLUED), (16, "sixteen", PACKED)):
        things = [Thing(OBJECT, count * size, f"benchmarks.small_buffers:{word}_{size}") for size in SIZES]
        cases = [Case(thing, ONE_WAY, given.transport, (copied, FRAMES)) for thing in things]
        print(f"{word} array{'s' if count > 1 else ''}, {given.transport}: rate of {copied.split(':')[1]} over frames")
        for step in measure(cases, given.rounds, given.seconds, free_memory() // 2):
            if step.finished:
                size = size_name(step.figures.case.thing.nbytes // count)
                print(f"  of {size:>6}  {ratios(step.figures, copied, FRAMES)}", flush=True)


if __name__ == "__main__":
    main()

"""The inline lane beside its peers: the cases of DESIGN's speed table, each with its target.

From the repository: ``python -m benchmarks.inline --case small`` (or all of them, without --case).
"""

import argparse
from typing import NamedTuple

from oobpickle.bench.figures import Case, Figures
from oobpickle.bench.memory import free_memory
from oobpickle.bench.peer import IPC, ONE_WAY, ROUND_TRIP, TCP
from oobpickle.bench.rounds import measure
from oobpickle.bench.things import ARRAY, ARRAYS, BYTES, Thing

OURS, REUSE, RECIPE, PYOBJ = "oobpickle", "oobpickle, memory reuse", "recipe", "send_pyobj"
QUEUE, PIPE, STREAM, MEMCPY, BARE = (
    "multiprocessing.Queue",
    "multiprocessing.Pipe",
    "stream socket",
    "memcpy",
    "bare frames",
)
ALL = (OURS, RECIPE, PYOBJ, QUEUE, PIPE, STREAM, MEMCPY)
KB, MB = 1 << 10, 1 << 20


class Target(NamedTuple):
    """peer's rate is to be so many times the reference's."""

    peer: str
    reference: str
    ratio: float


def array(size: int, transport: str, *peers: str) -> Case:
    return Case(Thing(ARRAY, size), ONE_WAY, transport, peers or ALL)


CASES: dict[str, list[tuple[Case, list[Target]]]] = {
    "small": [(array(KB, t, OURS, RECIPE, PYOBJ, PIPE), [Target(OURS, PYOBJ, 1.0)]) for t in (IPC, TCP)],
    "64k": [(array(64 * KB, t, OURS, RECIPE, PYOBJ, PIPE, STREAM), []) for t in (IPC, TCP)],
    "1m": [(array(MB, t), [Target(OURS, RECIPE, 1.0)]) for t in (IPC, TCP)],
    "16m": [(array(16 * MB, t), [Target(OURS, RECIPE, 1.0)]) for t in (IPC, TCP)],
    "256m": [
        (array(256 * MB, t, OURS, REUSE, RECIPE, STREAM, MEMCPY), [Target(REUSE, STREAM, 0.75)]) for t in (IPC, TCP)
    ],
    "many": [
        (Case(Thing(ARRAYS, 1_000), ONE_WAY, IPC, (OURS, RECIPE, PYOBJ)), []),
        (Case(Thing(ARRAYS, 10_000), ONE_WAY, IPC, (OURS, RECIPE, PYOBJ)), [Target(OURS, RECIPE, 6.0)]),
    ],
    "trip": [
        (
            Case(Thing(ARRAY, 8), ROUND_TRIP, IPC, (OURS, BARE, RECIPE, PYOBJ)),
            [Target(OURS, BARE, 1 / 1.3), Target(OURS, RECIPE, 1 / 0.7)],
        ),
        (Case(Thing(BYTES, 8), ROUND_TRIP, IPC, (OURS, BARE, RECIPE, PYOBJ)), [Target(OURS, BARE, 1 / 1.3)]),
    ],
}


def show(figures: Figures, targets: list[Target]) -> None:
    case = figures.case
    print(f"\n{case.name}")
    for name in figures.runs:
        rate = figures.rate(name)
        if case.pattern == ROUND_TRIP:
            speed = f"{1e6 / rate.value:9.1f} us p50"
        else:
            speed = f"{rate.value:9.0f}/s {rate.value * case.thing.nbytes / 1e9:7.2f} GB/s"
        cpu, faults = figures.cpu(name), figures.faults(name)
        copies = figures.copies(name, MEMCPY)
        told = f"  copies {copies[0]:.1f} + {copies[1]:.1f}" if copies else ""
        print(
            f"  {name:26}{speed} +-{rate.spread:4.0%}  cpu us {cpu[0] * 1e6:9.1f} + {cpu[1] * 1e6:9.1f}"
            f"  faults {faults[0]:.0f} + {faults[1]:.0f}{told}"
        )
        if name.startswith(OURS):
            others = [other for other in figures.runs if other != name]
            print("      " + "  ".join(f"{figures.ratio(name, other).value:5.2f} x {other}" for other in others))
    for target in targets:
        ratio = figures.ratio(target.peer, target.reference)
        cpu_ratio = figures.cpu_ratio(target.peer, target.reference)
        reached = "reached" if ratio.value >= target.ratio else "MISSED"
        print(
            f"  -> {target.peer} / {target.reference}: {ratio.value:.2f} +-{ratio.spread:.0%},"
            f" target {target.ratio:.2f}: {reached}; by CPU time {cpu_ratio.value:.2f} +-{cpu_ratio.spread:.0%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one turn of one peer")
    parser.add_argument("--transport", choices=[IPC, TCP])
    given = parser.parse_args()
    memory = free_memory() // 2
    for name in given.case or CASES:
        chosen = [(c, t) for c, t in CASES[name] if given.transport in (None, c.transport)]
        targets = dict(chosen)
        for step in measure(list(targets), given.rounds, given.seconds, memory):
            if step.finished:
                show(step.figures, targets[step.figures.case])


if __name__ == "__main__":
    main()

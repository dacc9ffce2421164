"""The inline lane beside its peers: the cases of DESIGN's speed table, each with its target.

From the repository: ``python -m benchmarks.inline --case small`` (or all of them, without --case).
"""

import argparse
from statistics import median
from typing import NamedTuple

from oobpickle.bench.peer import IPC, ONE_WAY, ROUND_TRIP, TCP
from oobpickle.bench.rounds import Case, Figures, measure
from oobpickle.bench.things import Thing

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
    return Case(Thing("array", size), ONE_WAY, transport, peers or ALL)


CASES: dict[str, list[tuple[Case, list[Target]]]] = {
    "small": [(array(KB, t, OURS, RECIPE, PYOBJ, PIPE), [Target(OURS, PYOBJ, 1.0)]) for t in (IPC, TCP)],
    "64k": [(array(64 * KB, t, OURS, RECIPE, PYOBJ, PIPE, STREAM), []) for t in (IPC, TCP)],
    "1m": [(array(MB, t), [Target(OURS, RECIPE, 1.0)]) for t in (IPC, TCP)],
    "16m": [(array(16 * MB, t), [Target(OURS, RECIPE, 1.0)]) for t in (IPC, TCP)],
    "256m": [
        (array(256 * MB, t, OURS, REUSE, RECIPE, STREAM, MEMCPY), [Target(REUSE, STREAM, 0.75)]) for t in (IPC, TCP)
    ],
    "many": [
        (Case(Thing("arrays", 1_000), ONE_WAY, IPC, (OURS, RECIPE, PYOBJ)), []),
        (Case(Thing("arrays", 10_000), ONE_WAY, IPC, (OURS, RECIPE, PYOBJ)), [Target(OURS, RECIPE, 6.0)]),
    ],
    "trip": [
        (
            Case(Thing("bytes", 8), ROUND_TRIP, IPC, (OURS, BARE, RECIPE, PYOBJ)),
            [Target(OURS, BARE, 1 / 1.3), Target(OURS, RECIPE, 1 / 0.7)],
        )
    ],
}


def show(figures: Figures, targets: list[Target]) -> None:
    case = figures.case
    print(f"\n{case.name}")
    for name, runs in figures.runs.items():
        rates = figures.rates(name)
        rate = median(rates)
        if case.pattern == ROUND_TRIP:
            speed = f"{1e6 / rate:9.1f} us p50"
        else:
            speed = f"{rate:9.0f}/s {rate * case.thing.nbytes / 1e9:7.2f} GB/s"
        messages = sum(run.messages for run in runs)
        near, far = (sum(getattr(run, side).cpu for run in runs) / messages * 1e6 for side in ("near", "far"))
        faults = sum(run.far.faults for run in runs) / messages
        ratios = "  ".join(
            f"{median(figures.ratios(name, other)):5.2f} x {other}" for other in figures.runs if other != name
        )
        spread = f"{min(rates) / rate:.2f}..{max(rates) / rate:.2f}"
        print(f"  {name:26}{speed}  {spread:10}  cpu us {near:9.1f} + {far:9.1f}  faults {faults:7.1f}")
        if name.startswith("oobpickle"):
            print(f"      {ratios}")
    for target in targets:
        ratios = sorted(figures.ratios(target.peer, target.reference))
        reached = "reached" if median(ratios) >= target.ratio else "MISSED"
        print(
            f"  -> {target.peer} / {target.reference}: {median(ratios):.2f} ({ratios[0]:.2f}..{ratios[-1]:.2f}),"
            f" target {target.ratio:.2f}: {reached}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one turn of one peer")
    parser.add_argument("--transport", choices=[IPC, TCP])
    given = parser.parse_args()
    for name in given.case or CASES:
        chosen = [(c, t) for c, t in CASES[name] if given.transport in (None, c.transport)]
        for (_, targets), figures in zip(
            chosen, measure([c for c, _ in chosen], given.rounds, given.seconds), strict=True
        ):
            show(figures, targets)


if __name__ == "__main__":
    main()

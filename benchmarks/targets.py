"""What this project is out to reach, measured: each target beside its reference, in one run and in turns.

From the repository: ``python -m benchmarks.targets`` prints the table of benchmarks/README.md; ``--write`` puts it there.
``--only WORD`` takes the cases whose name has it; iceoryx2 takes part where it is installed.

Every target is a ratio of rates; where the target speaks of a time, its inverse.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.small_on_ipc import A_PAIR, rounds_of_a_pair
from oobpickle import DataCodec, PickleCodec, shared
from oobpickle.bench.figures import Case, Figure, Figures, figure
from oobpickle.bench.machine import machine
from oobpickle.bench.memory import free_memory
from oobpickle.bench.peer import (
    BARE,
    FAN_OUT,
    IPC,
    MEMCPY,
    ONE_WAY,
    PYOBJ,
    RECIPE,
    ROUND_TRIP,
    STREAM,
    TCP,
    End,
    Peer,
    Route,
)
from oobpickle.bench.peers.endpoints import far, near
from oobpickle.bench.report import number, spread, table
from oobpickle.bench.rounds import measure
from oobpickle.bench.things import ARRAY, ARRAYS, BYTES, OBJECT, Thing, in_dict, of_object, size_name

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30
OURS, PICKLE, REUSE = "oobpickle", "oobpickle, pickle codec", "oobpickle, memory reuse"
SHARED, ICEORYX = "oobpickle, shared", "iceoryx2"

LEVEL = 0.98
"""As fast as another, as far as can be told: so far apart are two that do the very same (`small_on_ipc.py`)."""

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- made by benchmarks/targets.py -->\n", "<!-- to here -->\n"


class Target(NamedTuple):
    """peer's rate is to be so many times the reference's. words: how the design has it."""

    peer: str
    reference: str
    ratio: float
    words: str


# A loaned array is sent and not touched: what is checked is its first KB, which is all of the object of the 1 KB peer.


def first_kb() -> Any:
    """What `THING` is."""
    return in_dict(np.arange(128.0))


def data_frame() -> Any:
    """A DataFrame of a million rows: twenty columns of floats, and one of text that Arrow holds."""
    import pandas as pd

    columns: dict[str, Any] = {f"sensor {i}": np.arange(i, i + 1e6) for i in range(20)}
    columns["station"] = pd.array([f"station {i % 1000}" for i in range(1_000_000)], dtype="string[pyarrow]")
    return pd.DataFrame(columns)


def loaned(size: int, obj: Any) -> Any:
    a = shared.zeros(size // 8)
    a[:128] = obj["frame"]
    return {**obj, "frame": a}


def far_takes_first_kb(route: Route, address: Any) -> End:
    end = far("shared", route, address)

    def recv() -> Any:
        obj = end.recv()
        return {**obj, "frame": obj["frame"][:128]}

    return end._replace(recv=recv)


_peer = partial(Peer, near=partial(near, "shared"), far=far_takes_first_kb, transports=(IPC,))
SIZES = (MB, 16 * MB, 256 * MB, GB)
PEERS = [
    _peer("1 KB"),
    *(_peer(f"loaned {size_name(size)}", prepare=partial(loaned, size)) for size in SIZES),
]
SMALL, *LOANED = (f"benchmarks.targets:{peer.name}" for peer in PEERS)
THING = "benchmarks.targets:first_kb"


def array(size: int, transport: str, *peers: str) -> Case:
    return Case(Thing(ARRAY, size), ONE_WAY, transport, peers)


CASES: list[tuple[Case, list[Target]]] = [
    *(
        (
            array(size, IPC, SHARED, MEMCPY, ICEORYX),
            [Target(SHARED, MEMCPY, wanted, f"≥ {wanted}"), Target(SHARED, ICEORYX, 0.9, "≥ 0.9")],
        )
        for size, wanted in ((256 * MB, 0.85), (16 * MB, 0.65))
    ),
    (
        Case(Thing(OBJECT, KB, THING), ONE_WAY, IPC, (SMALL, *LOANED)),
        [
            *(Target(peer, LOANED[0], 0.5, "time ≤ 2 ×") for peer in LOANED[1:]),
            *(Target(peer, SMALL, 0.5, "≥ 0.5") for peer in LOANED),
        ],
    ),
    *(
        (array(size, transport, OURS, RECIPE), [Target(OURS, RECIPE, 1.0, "≥ 1.0")])
        for transport in (IPC, TCP)
        for size in (MB, 16 * MB)
    ),
    *((array(256 * MB, t, REUSE, STREAM, RECIPE), [Target(REUSE, STREAM, 0.75, "≥ 0.75")]) for t in (IPC, TCP)),
    (
        array(KB, IPC, PICKLE, OURS, PYOBJ),
        [Target(PICKLE, PYOBJ, 1.0, "≥ 1.0"), Target(OURS, PYOBJ, 0.9, "≥ 0.9")],
    ),
    (
        Case(Thing(BYTES, 8), ROUND_TRIP, IPC, (PICKLE, BARE, RECIPE)),
        [Target(PICKLE, BARE, 1 / 1.3, "p50 ≤ 1.3 ×")],
    ),
    (
        Case(Thing(ARRAY, 8), ROUND_TRIP, IPC, (PICKLE, OURS, RECIPE)),
        [Target(PICKLE, RECIPE, 1 / 0.7, "p50 ≤ 0.7 ×"), Target(OURS, RECIPE, 1.0, "≥ 1.0")],
    ),
    (
        Case(Thing(ARRAYS, 10_000), ONE_WAY, IPC, (PICKLE, OURS, RECIPE)),
        [Target(PICKLE, RECIPE, 6, "≥ 6"), Target(OURS, RECIPE, 4, "≥ 4")],
    ),
]

_REFERENCES = (
    "to place a reference takes 4 us, to follow it and let it go 10, three calls of the kernel among them"
    " (`shared_lane.py --only overhead`); a 1 KB object needs neither"
)
_LEVEL = (
    "level: the same bytes by the same calls of the kernel, which take all of the time but a few us; what tells them apart is"
    " whether the recipe's receiver takes page faults in this run (0 to 700 a message), which ours does not"
)
_ALIKE = "the same calls but for one comparison"
WHY: dict[tuple[str, str, str], str] = {
    **{
        ("loaned, not touched, one way, ipc", f"loaned {size}", "1 KB"): _REFERENCES
        for size in ("1 MB", "16 MB", "256 MB", "1 GB")
    },
    **{(f"{size} MB, one way, {way}", "oobpickle", "recipe"): _LEVEL for size in (1, 16) for way in ("ipc", "tcp")},
    ("10,000 arrays of 800 B, one way, ipc", "oobpickle, pickle codec", "recipe"): (
        "5.8 to 7.2 from run to run: to pickle and rebuild 10,000 array objects takes 8 ms of CPU, and 8 MB through a socket some 4"
    ),
    **{(f"{size}, one way, ipc", "oobpickle, shared", "inline"): _ALIKE for size in ("4 KB", "64 KB")},
    ("16 MB, fan-out, ipc", "oobpickle, shared, to 4", "to 1"): (
        "five processes on two cores, 0.83 ms of CPU a message at the near end and 0.6 ms at the far ends, of which a quarter is"
        " the check of what arrives"
    ),
    ("16 MB, one way, ipc", "oobpickle, shared", "iceoryx2"): (
        "beside the copy some 70 us of Python, which the copy has left cold, 15 of them to wake libzmq's thread"
    ),
}
"""By case, peer and reference: why a target is not reached; shown where it is not."""


class Row(NamedTuple):
    case: str
    peer: str
    reference: str
    words: str
    ratio: Figure
    wanted: float

    def cells(self) -> list[str]:
        reached = self.ratio.value >= self.wanted
        why = "" if reached else WHY.get((self.case, self.peer, self.reference), "")
        wanted = f"{self.words}{f' (rate ≥ {number(self.wanted)})' if '≤' in self.words else ''}"
        measured = f"{number(self.ratio.value)} ± {spread(self.ratio)}"
        return [self.case, self.peer, self.reference, wanted, measured, "reached" if reached else f"**missed** {why}"]


def measured(figures: Figures, targets: Sequence[Target]) -> Iterator[Row]:
    for target in targets:
        if figures.runs.get(target.peer) and figures.runs.get(target.reference):
            ratio = figures.ratio(target.peer, target.reference)
            names = [name.rpartition(":")[2] for name in (target.peer, target.reference)]
            name = figures.case.name.replace(f"{THING}, 1 KB", "loaned, not touched")
            yield Row(
                name.replace("benchmarks.targets:data_frame", "DataFrame"),
                *names,
                target.words,
                ratio,
                target.ratio,
            )
    for name, why in (figures.left_out | figures.failed).items():
        print(f"{figures.case.name}: {name} took no part: {why}")


def subscribers(rounds: int, seconds: float) -> Iterator[Row]:
    """16 MB to four and to one, each by processes of its own, in turns; the first turns are warm-up."""
    thing = Thing(ARRAY, 16 * MB)
    cases = [Case(thing, FAN_OUT, IPC, (SHARED,), fars) for fars in (4, 1)] * (rounds + 1)
    done = [step.figures for step in measure(cases, 1, seconds, free_memory() // 2) if step.finished]
    rates = [figures.rate(SHARED).value for figures in done[2:]]
    ratios = [four / one for four, one in zip(rates[::2], rates[1::2], strict=True)]
    yield Row("16 MB, fan-out, ipc", f"{SHARED}, to 4", "to 1", "≥ 0.8", figure(ratios), 0.8)


def small(rounds: int, _seconds: float) -> Iterator[Row]:
    """4 KB and 64 KB by both lanes, between the same two processes."""
    for size in (4 * KB, 64 * KB):
        found = [rates for _ in range(-(-20 * rounds // A_PAIR)) for rates in rounds_of_a_pair(size)]
        ratios = figure([referring / inline for inline, _, referring in found])
        yield Row(f"{size_name(size)}, one way, ipc", SHARED, "inline", "≥ 1.0, to 2 %", ratios, LEVEL)


def decoding(rounds: int, seconds: float) -> Iterator[Row]:
    """Time to decode a dict of two arrays by the data codec beside the pickle codec, in one process."""
    codecs = DataCodec(), PickleCodec()
    count = max(100, int(seconds * 20_000))
    seen, unseen = [], []
    for part in range(rounds):
        objects = [
            {"a": np.zeros(100), "b": np.ones((10, 10)), "n": n} for n in range(part * count, part * count + count)
        ]
        same = [[codec.encode(objects[0])] * count for codec in codecs]
        other = [list(map(type(codec)().encode, objects)) for codec in codecs]
        seen.append(_ratio([codec.decode for codec in codecs], same))
        unseen.append(_ratio([codec.decode for codec in codecs], other))
    names = "data codec", "pickle codec"
    yield Row("decode, a stream seen before", *names, "time ≤ 1.4 ×", figure(seen), 1 / 1.4)
    yield Row("decode, one never seen", *names, "time ≤ 5 ×", figure(unseen), 1 / 5)


def _ratio(decoders: Sequence[Callable[..., Any]], messages: Sequence[list[Any]]) -> float:
    times = []
    for decode, several in zip(decoders, messages, strict=True):
        decode(*several[0])
        started = time.process_time()
        for stream, buffers in several[1:]:
            decode(stream, buffers)
        times.append(time.process_time() - started)
    return times[1] / times[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose name has this")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.2, help="of one turn of one peer")
    parser.add_argument("--longer", type=float, default=0, help="seconds more for a case whose rates spread")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    given = parser.parse_args()
    targets = {case: wanted for case, wanted in CASES if given.only in case.name}
    if find_spec("pandas") and find_spec("pyarrow") and given.only in "DataFrame, one way, ipc":
        case = Case(of_object("benchmarks.targets:data_frame"), ONE_WAY, IPC, (SHARED, RECIPE))
        targets[case] = [Target(SHARED, RECIPE, 5, "≥ 5")]
    rows: list[Row] = []
    for step in measure(list(targets), given.rounds, given.seconds, free_memory() // 2, longer=given.longer, renew=3):
        if step.finished:
            rows += measured(step.figures, targets[step.figures.case])
            print(f"measured: {step.figures.case.name}", flush=True)
    for case, more in (("KB, one way, ipc", small), ("16 MB, fan-out, ipc", subscribers), ("decode", decoding)):
        if given.only in case:
            rows += more(given.rounds, given.seconds)
    head = ["case", "ours", "reference", "target", "ratio of rates", ""]
    body = "\n".join(table(head, [row.cells() for row in rows]))
    written = (
        f"`python -m benchmarks.targets {shlex.join(sys.argv[1:])}`\n\n{'; '.join(machine().values())}\n\n{body}\n"
    )
    print(f"\n{written}")
    if given.write:
        before, _, rest = README.read_text().partition(BEGIN)
        README.write_text(f"{before}{BEGIN}\n{written}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()

"""What comes out of a case: the runs of each peer, and the figures made of them: rates and ratios with their spread."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, median
from typing import NamedTuple

from oobpickle.bench.peer import REFERENCES, ROUND_TRIP
from oobpickle.bench.runs import Run
from oobpickle.bench.things import Thing

COPIES_FROM = 8 << 20
"""Bytes of a thing from which copies are told by time: below, the Python around a message takes as long as a copy."""

STRETCHES = 5
"""Parts that the rounds are cut into, one after the other, to see how far apart they lie; see `figure`."""

LEAST = 0.07
"""The least spread. Processes that start anew lie elsewhere in memory, which no run sees: two runs of memcpy differ by 5 %, of copies into
shared memory by up to 6 % (`benchmarks/repeat.py`; with 5 % here seven of ten were within)."""

_FEWER = {2: 4.5, 3: 1.4, 4: 1.1}
"""What the range of so few values is multiplied by: it says little."""

_RENEWED = 0.7
"""What it is multiplied by when each stretch had processes of its own, so that less is common to neighbours."""


class Figure(NamedTuple):
    """What several rounds come to, and its relative spread.

    spread: two measurements differ by less than this part of their value, nine times of ten (measured: `benchmarks/repeat.py`);
    infinite where it is not known.
    """

    value: float
    spread: float


def figure(values: list[float], *, renewed: bool = False) -> Figure:
    """The values' middle, and its spread. values: in the order in which they were measured. renewed: by new processes in each stretch.

    They are cut into `STRETCHES` parts, one after the other, and the middle of each is taken; the value is the middle of these. A middle
    is the mean of the middle half: some processes are of two kinds, by luck, for all of their lives (a receiver whose malloc takes
    page faults, and one whose does not), and a median would be of the one kind or of the other.
    The spread is how far the stretches lie apart. A machine is faster in one quarter of a minute than in the next, so neighbouring
    rounds are alike, and more of them do not make the middle more certain, as they would if they were independent (by
    the range of all rounds and their number the second measurement lay outside in half of the repeats). Where they are
    independent, this is wider than need be. Of a single value it is not known.
    """
    count = min(len(values), STRETCHES)
    edges = [len(values) * part // count for part in range(count + 1)]
    stretches = [_middle(values[start:end]) for start, end in pairwise(edges)]
    middle = _middle(stretches)
    if count < 2 or not middle:
        return Figure(middle, math.inf)
    factor = _FEWER.get(count, 1.0) * (_RENEWED if renewed else 1.0)
    return Figure(middle, max(LEAST, factor * (max(stretches) - min(stretches)) / abs(middle)))


def _middle(values: list[float]) -> float:
    """The mean of the middle half; of up to four values their median."""
    cut = (len(values) + 1) // 4
    return fmean(sorted(values)[cut : len(values) - cut])


class Case(NamedTuple):
    """One thing on one route, by several peers. fars: far ends of each, more than one in a fan-out only."""

    thing: Thing
    pattern: str
    transport: str
    peers: tuple[str, ...]
    fars: int = 1

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.thing.name}, {self.pattern}{f' to {self.fars}' if self.fars > 1 else ''}, {self.transport}"


@dataclass(frozen=True)
class Figures:
    """The runs of each peer of a case, one a round; and with the reason, the peers that were left out, or failed. renewed: as `figure`
    has it.
    """

    case: Case
    runs: dict[str, list[Run]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    renewed: bool = False

    def rates(self, peer: str) -> list[float]:
        """Messages a second in each round; of round trips, one over the median latency."""
        trips = self.case.pattern == ROUND_TRIP
        return [1 / median(run.latencies) if trips else run.messages / run.seconds for run in self.runs[peer]]

    def rate(self, peer: str) -> Figure:
        """Messages a second."""
        return figure(self.rates(peer), renewed=self.renewed)

    def ratio(self, peer: str, reference: str) -> Figure:
        """Peer's rate over the reference's, taken round by round."""
        ratios = [a / b for a, b in zip(self.rates(peer), self.rates(reference), strict=False)]
        return figure(ratios, renewed=self.renewed)

    def cpu_ratio(self, peer: str, reference: str) -> Figure:
        """The reference's CPU time a message, both ends together, over peer's. Others' load disturbs it less."""
        ratios = [b / a for a, b in zip(self._cpu(peer), self._cpu(reference), strict=False)]
        return figure(ratios, renewed=self.renewed)

    def _cpu(self, peer: str) -> list[float]:
        return [(run.near.cpu + run.far.cpu) / run.messages for run in self.runs[peer]]

    @property
    def references(self) -> list[str]:
        """The peers that others are divided by, as far as they have figures."""
        return [name for name in REFERENCES if self.runs.get(name)]

    def is_steady(self, rates: float, ratios: float) -> bool:
        """Whether no rate, and no ratio to a reference, has a larger spread than that."""
        return all(self.rate(peer).spread <= rates for peer in self.runs) and all(
            self.ratio(peer, other).spread <= ratios for other in self.references for peer in self.runs if peer != other
        )

    def cpu(self, peer: str) -> tuple[float, float]:
        """Seconds of CPU a message, user and system, at the near and the far end."""
        runs = self.runs[peer]
        return median(run.near.cpu / run.messages for run in runs), median(run.far.cpu / run.messages for run in runs)

    def faults(self, peer: str) -> tuple[float, float]:
        """Page faults a message at the near and the far end."""
        runs = self.runs[peer]
        return (
            median(run.near.faults / run.messages for run in runs),
            median(run.far.faults / run.messages for run in runs),
        )

    def latencies(self, peer: str) -> list[float]:
        """Seconds of all round trips, sorted."""
        return sorted(latency for run in self.runs[peer] for latency in run.latencies)

    def copies(self, peer: str, memcpy: str) -> tuple[float, float] | None:
        """User CPU a message at the near and the far end, in times of what one warm copy of the thing takes.

        Of a fan-out: at each far end. What checking takes is not counted. Copies into fresh memory count for more than one, and
        copies in the kernel not at all. The system tells user CPU by sampling, so all rounds are taken together.
        None if the thing is too small to tell, or memcpy was not measured.
        """
        if self.case.thing.nbytes < COPIES_FROM or not self.runs.get(memcpy):
            return None
        one = _a_message(self.runs[memcpy], lambda run: run.near.user - run.checking * run.messages)
        if one <= 0:
            return None
        runs, fars = self.runs[peer], self.case.fars
        if peer == memcpy:
            return 1.0, 0.0
        near = _a_message(runs, lambda run: run.near.user)
        far = _a_message(runs, lambda run: run.far.user / fars - run.checking * run.messages)
        return near / one, max(0.0, far / one)


def _a_message(runs: list[Run], seconds: Callable[[Run], float]) -> float:
    return sum(map(seconds, runs)) / sum(run.messages for run in runs)

"""Cases measured in rounds: each peer takes a turn, in one order and then in the other, until the rounds are done."""

import contextlib
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from oobpickle.bench.near import Turn
from oobpickle.bench.pair import Pair
from oobpickle.bench.peer import LOCAL, Peer, all_peers
from oobpickle.bench.runs import Run
from oobpickle.bench.things import Thing


class Case(NamedTuple):
    """One thing on one route, by several peers."""

    thing: Thing
    pattern: str
    transport: str
    peers: tuple[str, ...]

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.thing.name}, {self.pattern}, {self.transport}"


class Figures(NamedTuple):
    """The runs of each peer of a case, one a round."""

    case: Case
    runs: dict[str, list[Run]]

    def rates(self, peer: str) -> list[float]:
        """Messages a second in each round; of round trips, one over the median latency."""
        return [1 / median(run.latencies) if run.latencies else run.messages / run.seconds for run in self.runs[peer]]

    def ratios(self, peer: str, reference: str) -> list[float]:
        """peer's rate over the reference's, round by round."""
        return [a / b for a, b in zip(self.rates(peer), self.rates(reference), strict=True)]


def usable(case: Case) -> list[Peer]:
    """Those of its peers that can do this case."""
    found = [all_peers()[name] for name in case.peers]
    return [
        peer
        for peer in found
        if case.pattern in peer.patterns
        and peer.carries(case.thing)
        and (case.transport in peer.transports or LOCAL in peer.transports)
    ]


def measure(cases: Sequence[Case], rounds: int, seconds: float) -> Iterator[Figures]:
    """Measure case after case; seconds: of one turn. Pairs are kept while a later case wants them."""
    with contextlib.ExitStack() as stack:
        pairs: dict[tuple[str, str, str], Pair] = {}
        for case in cases:
            peers = usable(case)
            taking: dict[str, Pair] = {}
            for peer in peers:
                transport = case.transport if case.transport in peer.transports else LOCAL
                key = (peer.name, case.pattern, transport)
                if key not in pairs:
                    pairs[key] = stack.enter_context(Pair(peer, case.pattern, transport))
                taking[peer.name] = pairs[key]
            runs: dict[str, list[Run]] = {name: [] for name in taking}
            for number in range(rounds):
                for name, pair in list(taking.items())[:: -1 if number % 2 else 1]:
                    runs[name].append(pair.take(Turn(case.thing, seconds)))
            yield Figures(case, runs)

"""What is measured if nothing else is asked for, and which peers take part in what."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from oobpickle.bench.figures import Case
from oobpickle.bench.peer import FAN_OUT, INPROC, IPC, ONE_WAY, REFERENCES, ROUND_TRIP, TCP, own_peers
from oobpickle.bench.things import ARRAY, ARRAYS, BYTES, Thing

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30

SIZES = (KB, 64 * KB, MB, 16 * MB, 256 * MB, GB)
TRANSPORTS = (IPC, TCP, INPROC)
PATTERNS = (ONE_WAY, ROUND_TRIP, FAN_OUT)

SLOW = 64 * MB
"""Bytes from which only peers that do not copy in user space take part, unless they are asked for by name: others take minutes."""


class Effort(NamedTuple):
    """How much is put into a figure. seconds: of one turn of one peer. within: of all together, about. longer, renew: as measure
    has it.
    """

    rounds: int
    seconds: float
    within: float = math.inf
    longer: float = 0
    renew: int = 0


QUICK = Effort(5, 0.04, within=8)
FULL = Effort(10, 0.2, longer=40, renew=2)


def ours() -> list[str]:
    """Our own lanes."""
    return [name for name in own_peers() if name.startswith("oobpickle")]


def others(*, optional: bool) -> list[str]:
    """The peers that are not ours, the references first. optional: also those that need something installed."""
    found = [
        name
        for name, peer in own_peers().items()
        if not name.startswith("oobpickle") and (optional or not peer.optional)
    ]
    return sorted(found, key=lambda name: REFERENCES.index(name) if name in REFERENCES else len(REFERENCES))


def cases(
    things: Sequence[Thing], patterns: Sequence[str], transports: Sequence[str], peers: Sequence[str], *, chosen: bool
) -> list[Case]:
    """Every thing in every pattern over every transport. chosen: the peers were asked for by name."""
    found = []
    for transport in transports:
        for pattern in patterns:
            if transport == INPROC and pattern == FAN_OUT:
                continue
            for thing in things:
                taking = [name for name in peers if chosen or _worthwhile(name, thing)]
                several = (1, 4) if pattern == FAN_OUT else (1,)
                found += [Case(thing, pattern, transport, tuple(taking), fars) for fars in several]
    return found


_NOT_QUICK = {
    "oobpickle endpoints",
    "multiprocessing.Queue",
    "multiprocessing.Pipe",
    "shared_memory by hand",
    "oobpickle, memory reuse",
    "oobpickle, pickle codec",
    "oobpickle, loaned",
}


def _worthwhile(name: str, thing: Thing) -> bool:
    said = own_peers()[name].copies
    return thing.nbytes < SLOW or said is None or sum(said) <= 1


def quick(peers: Sequence[str]) -> list[Case]:
    """What tells the most in twenty seconds."""
    few = [name for name in peers if name not in _NOT_QUICK]
    return [
        *cases([Thing(ARRAY, size) for size in (KB, MB, 16 * MB)], [ONE_WAY], [IPC], few, chosen=False),
        *cases([Thing(BYTES, 8)], [ROUND_TRIP], [IPC], few, chosen=False),
    ]


def full(
    peers: Sequence[str],
    sizes: Sequence[int],
    patterns: Sequence[str],
    transports: Sequence[str],
    *,
    chosen: bool,
) -> list[Case]:
    """One array of each of the sizes in every pattern.

    Without sizes: one way `SIZES` and dicts of many arrays, round trips of little and of some, fan-out of some.
    """
    given = [Thing(ARRAY, size) for size in sizes]
    return [
        case
        for pattern in patterns
        for case in cases(given or _USUAL[pattern], [pattern], transports, peers, chosen=chosen)
    ]


_USUAL = {
    ONE_WAY: [*(Thing(ARRAY, size) for size in SIZES), Thing(ARRAYS, 1_000), Thing(ARRAYS, 10_000)],
    ROUND_TRIP: [Thing(BYTES, 8), Thing(ARRAY, MB)],
    FAN_OUT: [Thing(ARRAY, MB), Thing(ARRAY, 16 * MB)],
}

"""Cases measured in rounds: each peer takes a turn, in one order and then in the other, until the rounds are done."""

import contextlib
import math
import time
from collections.abc import Generator, Sequence
from itertools import count
from typing import NamedTuple

from oobpickle.bench.figures import STRETCHES, Case, Figures
from oobpickle.bench.memory import needed
from oobpickle.bench.near import Turn
from oobpickle.bench.pair import Failed, Pair
from oobpickle.bench.peer import Peer, peer_named
from oobpickle.bench.things import size_name

STEADY = 0.15
"""The spread of rates that is aimed at."""

ENOUGH = 0.24
"""The spread of rates, and of their ratios to references, that is good enough when that is not reached in time."""

_Key = tuple[str, str, str, int]


class Step(NamedTuple):
    """Where a measurement stands after a turn. figures: of the case under way, or of the one just finished."""

    figures: Figures
    finished: bool
    turn: int
    turns: int


def measure(
    cases: Sequence[Case],
    rounds: int,
    seconds: float,
    memory: int,
    within: float = math.inf,
    longer: float = 0,
    renew: int = 0,
) -> Generator[Step]:
    """Measure case after case, telling after every turn.

    rounds: of each case. longer: so many seconds more, at the most, until the spreads of rates are no more than STEADY, and those
    of ratios than ENOUGH; three times as many, at the most, until the spreads of both are no more than ENOUGH.
    seconds: of one turn, about. memory: bytes; a peer that would need more for a thing is left out of that case, as is one
    that cannot do it, or fails. within: seconds for all; a case begins no round but two when its share of what was left is used up.
    Processes are kept while a later case wants them; close the iterator to end them. renew: rounds after which those of a case
    are started anew; 0: never. Where a process's memory comes to lie makes it faster or slower for all of its life, where malloc gives
    memory back by up to a third: a comparison that is to hold for any two processes is to be made of several.
    """
    keys = [{name: key for name, key in _keys(case).items() if key} for case in cases]
    turns = sum(map(len, keys)) * rounds
    turn, began = 0, time.monotonic()
    pairs: dict[_Key, Pair] = {}
    with contextlib.ExitStack() as stack:
        stack.callback(_close, pairs)
        for number, case in enumerate(cases):
            figures = Figures(case, renewed=0 < renew <= rounds // STRETCHES)
            taking: dict[str, Pair] = {}
            for name in case.peers:
                peer = peer_named(name)
                reason = _reason(peer, case, memory)
                if reason:
                    figures.left_out[name] = reason
                    continue
                key = keys[number][name]
                if key not in pairs:
                    pairs[key] = _started(key)
                taking[name] = pairs[key]
                figures.runs[name] = []
            turns -= (len(keys[number]) - len(taking)) * rounds
            until = math.inf
            for part in count():
                now = time.monotonic()
                if part == rounds:
                    until = now + longer
                if part >= rounds:
                    aim = STEADY if now < until else ENOUGH
                    if now >= until + 2 * longer or (part % STRETCHES == 0 and figures.is_steady(aim, ENOUGH)):
                        break
                    turns += len(taking)
                elif part == 1:
                    until = now + max(0, began + within - now) / (len(cases) - number)
                elif part > 1 and now > until:
                    turns -= len(taking) * (rounds - part)
                    break
                if part and renew and part % renew == 0:
                    for name in taking:
                        key = keys[number][name]
                        pairs.pop(key).close()
                        pairs[key] = taking[name] = _started(key)
                for pair in taking.values():
                    pair.settle()
                for name, pair in list(taking.items())[:: -1 if part % 2 else 1]:
                    try:
                        figures.runs[name].append(pair.take(Turn(case.thing, seconds)))
                    except Failed as failure:
                        figures.failed[name] = str(failure)
                        del figures.runs[name], taking[name], pairs[keys[number][name]]
                        pair.close()
                        turns -= max(rounds - part - 1, 0)
                    turn += 1
                    yield Step(figures, finished=False, turn=turn, turns=turns)
            later = {key for wanted in keys[number + 1 :] for key in wanted.values()}
            for key in pairs.keys() - later:
                pairs.pop(key).close()
            yield Step(figures, finished=True, turn=turn, turns=turns)


def _started(key: _Key) -> Pair:
    return Pair(peer_named(key[0]), *key[1:])


def _close(pairs: dict[_Key, Pair]) -> None:
    while pairs:
        pairs.popitem()[1].close()


def _keys(case: Case) -> dict[str, _Key | None]:
    """By peer: what tells its pair apart from other pairs. None if it cannot do the case."""
    keys: dict[str, _Key | None] = {}
    for name in case.peers:
        peer = peer_named(name)
        transport = peer.transport(case.transport)
        able = transport and not peer.obstacle(case.thing, case.pattern, case.transport)
        keys[name] = (name, case.pattern, transport, case.fars) if able and transport else None
    return keys


def _reason(peer: Peer, case: Case, memory: int) -> str | None:
    """Why a peer is left out of a case; None if it is not."""
    obstacle = peer.obstacle(case.thing, case.pattern, case.transport)
    if obstacle:
        return obstacle
    wanted = needed(peer, case.thing, case.fars)
    return None if wanted <= memory else f"needs {size_name(wanted)} of memory, and may take {size_name(memory)}"

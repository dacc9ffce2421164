"""The near process of a pair: ``python -m oobpickle.bench.near FD``. It starts the far one, and takes the turns ordered on FD."""

import multiprocessing
import sys
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from oobpickle.bench import far
from oobpickle.bench.flow import window
from oobpickle.bench.peer import ONE_WAY, End, Peer, Route, all_peers
from oobpickle.bench.runs import Order, Run, alone, near_one_way, near_round_trip
from oobpickle.bench.things import Thing, digest

FEWEST = 4
"""Messages in a timed run, however large they are."""


class Turn(NamedTuple):
    """A turn that is ordered: about so many seconds of this thing."""

    thing: Thing
    seconds: float


class _Near:
    def __init__(self, peer: Peer, route: Route) -> None:
        self._peer, self._pattern = peer, route.pattern
        self._seen: set[Thing] = set()
        self._end, address = peer.near(route)
        if peer.alone:
            return
        context = multiprocessing.get_context("spawn")
        self._far, theirs = context.Pipe()
        self._process = context.Process(target=far.serve, args=(peer.name, route, address, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._far.recv()

    def take(self, turn: Turn) -> Run:
        """Check, warm up, and run for about the seconds that are asked for."""
        thing = turn.thing
        objects = thing.build()
        if thing not in self._seen:
            self._run(Order(thing, len(objects), tuple(map(digest, objects)), whole=True), objects)
            self._seen.add(thing)
        order = Order(thing, window(thing.nbytes)[0], tuple(map(thing.touch, objects)), whole=False)
        warm = self._run(order, objects)
        count = max(FEWEST, int(turn.seconds * warm.messages / warm.seconds))
        return self._run(order._replace(count=count), objects)

    def _run(self, order: Order, objects: list[Any]) -> Run:
        end: End = self._end
        if self._peer.alone:
            return alone(end, order, objects)
        return (near_one_way if self._pattern == ONE_WAY else near_round_trip)(end, self._far, order, objects)

    def close(self) -> None:
        if not self._peer.alone:
            self._far.close()
            self._process.join(5)
            self._process.kill()
        self._end.close()


def main() -> None:
    """Answer each turn with its run, or with the text of what went wrong; end when the other side closes."""
    control = Connection(int(sys.argv[1]))
    try:
        name, route = control.recv()
        near = _Near(all_peers()[name], route)
        control.send("joined")
        while True:
            try:
                control.send(near.take(control.recv()))
            except EOFError:
                break
    except Exception as error:
        control.send(f"{type(error).__name__}: {error}")
        raise
    near.close()


if __name__ == "__main__":
    main()

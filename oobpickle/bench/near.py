"""The near process of a pair: ``python -m oobpickle.bench.near CONTROL LIFE``, two inherited descriptors.

It starts the far ones, and takes the turns that are ordered on CONTROL. It ends when CONTROL closes and no turn is under
way, and at once when LIFE does: then the measuring process is gone.
"""

import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import Client, Connection, Listener, wait
from typing import Any, NamedTuple

from oobpickle.bench import far
from oobpickle.bench.flow import window
from oobpickle.bench.peer import INPROC, ROUND_TRIP, Peer, Route, peer_named
from oobpickle.bench.runs import Order, Run, alone, near_asks, near_sends
from oobpickle.bench.things import Thing, digest

FEWEST = 4
"""Messages in a timed run, however large they are."""


class Turn(NamedTuple):
    """A turn that is ordered: about so many seconds of this thing."""

    thing: Thing
    seconds: float


class _Near:
    def __init__(self, peer: Peer, route: Route, control: Connection) -> None:
        self._peer, self._route, self._control = peer, route, control
        self._seen: set[Thing] = set()
        self._fars: list[Connection] = []
        self._processes: list[Any] = []
        self._lives: list[Connection] = []  # readable when a far process has raised, or ends
        self._closing = False
        self._end, address = peer.near(route)
        if peer.alone or route.transport == INPROC:
            return
        for number in range(route.fars):
            if peer.start:
                self._start_by_peer(peer.start, address, f"{route.directory}/far{number}")
            else:
                self._start(address)
        threading.Thread(target=self._end_with_them, daemon=True).start()
        for connection in self._fars:
            connection.recv()

    def _start(self, address: Any) -> None:
        context = multiprocessing.get_context("spawn")
        (orders, orders_there), (life, life_there) = context.Pipe(), context.Pipe()
        arguments = (self._peer.name, self._route, address, orders_there, life_there)
        process = context.Process(target=far.serve, args=arguments, daemon=True)
        with _STARTING:
            process.start()
        orders_there.close()
        life_there.close()
        self._fars.append(orders)
        self._processes.append(process)
        self._lives.append(life)

    def _start_by_peer(self, start: Callable[[list[str]], Future[Any]], address: Any, path: str) -> None:
        with Listener(path, "AF_UNIX") as listener:

            def give_up(_: object = None) -> None:
                Client(path, "AF_UNIX").close()  # an accept knows no time-out
                Client(path, "AF_UNIX").close()

            timer = threading.Timer(_STARTING_TAKES, give_up)
            timer.start()
            started = start([sys.executable, "-m", far.__name__, path])
            started.add_done_callback(lambda done: give_up() if done.exception() else None)
            orders, life = listener.accept(), listener.accept()
            timer.cancel()
        if started.done():
            started.result()
        if life.poll():
            raise TimeoutError(f"its far process did not start within {_STARTING_TAKES} s")
        orders.send((self._peer.name, self._route, address))
        self._fars.append(orders)
        self._lives.append(life)

    def _end_with_them(self) -> None:
        """End this process when a far one does: a send to nobody waits for ever. What it has raised is told first."""
        life: Any = wait(self._lives)[0]
        if self._closing:
            return
        with contextlib.suppress(EOFError, OSError):  # it ended without a word; the measuring process is gone
            self._control.send(life.recv())
        os._exit(1)

    def take(self, turn: Turn) -> Run:
        """Check, warm up, and run for about the seconds that are asked for."""
        thing = turn.thing
        originals = thing.build()
        expected = tuple(map(thing.touch(), originals))
        digests = tuple(map(digest, originals)) if thing not in self._seen else ()
        objects = list(map(self._peer.prepare, originals))
        originals = []  # a prepared object may be a copy, and then two would count
        if digests:
            self._run(Order(thing, len(objects), digests, whole=True), objects)
            self._seen.add(thing)
        order = Order(thing, window(thing.nbytes, self._route.fars)[0], expected, whole=False)
        warm = self._run(order, objects)
        messages = max(FEWEST, int(turn.seconds * warm.messages / warm.seconds))
        return self._run(order._replace(messages=messages), objects)

    def _run(self, order: Order, objects: list[Any]) -> Run:
        if not self._fars:
            return alone(self._end, order, objects)
        run = near_asks if self._route.pattern == ROUND_TRIP else near_sends
        return run(self._end, self._fars, order, objects)

    def close(self) -> None:
        self._closing = True
        for connection in self._fars:
            connection.close()
        for process in self._processes:
            process.join(5)
            process.kill()
        self._end.close()


_STARTING = threading.Lock()
_STARTING_TAKES = 30  # seconds at the most, where a peer starts the far process itself


def _end_with(life: int) -> None:
    os.read(life, 1)
    with _STARTING:  # a child that has not been told what to run would complain of it
        for process in multiprocessing.active_children():
            process.kill()
        os._exit(1)


def main() -> None:
    """Answer each turn with its run, or with the text of what went wrong."""
    control, life = Connection(int(sys.argv[1])), int(sys.argv[2])
    threading.Thread(target=_end_with, args=(life,), daemon=True).start()
    try:
        name, route = control.recv()
        near = _Near(peer_named(name), route, control)
        control.send("joined")
        while True:
            try:
                control.send(near.take(control.recv()))
            except EOFError:
                break
        near.close()
    except Exception as error:  # noqa: BLE001 - all that a peer's own code can raise; it is told, not hidden
        with contextlib.suppress(OSError):  # the measuring process is gone
            control.send(f"{type(error).__name__}: {error}")
        os._exit(1)  # what it left running is not waited for


if __name__ == "__main__":
    main()

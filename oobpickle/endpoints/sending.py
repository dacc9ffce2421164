"""`Sending`: an endpoint that sends. How is outgoing.py's."""

import contextlib
from collections.abc import Callable
from typing import Literal
from weakref import WeakMethod

import zmq

from oobpickle import wire
from oobpickle.endpoints.endpoint import Endpoint
from oobpickle.endpoints.lane import refers
from oobpickle.endpoints.outgoing import Outgoing
from oobpickle.endpoints.parcel import Parcel
from oobpickle.lanes import RETAIN, open_outbox
from oobpickle.patterns.stats import Stats
from oobpickle.tracker import Tracker


class Sending(Endpoint):
    """An endpoint whose messages count when they are sent. `_put` is its attempt."""

    _out: Outgoing

    def _outgoing(self, max_bytes: int | None, receivers: Literal["one", "many"], *, marks: bool = True) -> Outgoing:
        """What it sends by, to all of its addresses alike. Over inproc alone there is no other lane, and no bound: there
        the memory is the receiver's as soon as it is sent, and it may keep it.
        """
        if not self._inproc_only and self._refers():
            bounded = max_bytes is not None and max_bytes < RETAIN  # what a publisher keeps in place is held as well
            self._outbox = open_outbox(shared=True, receivers=receivers, retain=max_bytes if bounded else None)
        return Outgoing(
            self._socket,
            self._codec,
            self._counters,
            self._waiters,
            None if self._inproc_only else max_bytes,
            outbox=self._outbox,
            marks=marks,
            attend=_weakly(WeakMethod(self._attend)),
        )

    def _refers(self) -> bool:
        """Whether what it sends may refer to shared memory."""
        return refers(self._lane, self._addresses)

    def _attempt(self, frames: list[wire.Frame], route: bytes) -> Tracker | None:
        """What is more than frames. Called with the lock held, and the endpoint open."""
        if type(frames) is not Parcel:
            return self._out.put(frames, route)
        if self._out.now > self._tick:
            self._housekeep()  # what a peer that is gone would have got is given back
        return self._out.put_parcel(frames, route)

    def _put(self, frames: list[wire.Frame], route: bytes = b"") -> Tracker | None:
        try:
            with self._lock:
                if not self._open:
                    self._refuse()
                return self._out.put(frames, route) if type(frames) is list else self._attempt(frames, route)
        except zmq.ZMQError as error:
            raise self._gone(error) from error

    def _snapshot(self) -> Stats:
        self._out.budget.settle()
        self._counters.messages = self._out.sent
        return self._counters.snapshot(bytes_in_flight=self._out.bytes_in_flight)

    def _unsent(self) -> int:
        return 0 if self._inproc_only else self._out.unsent()


def _weakly(method: "WeakMethod[Callable[[], None]]") -> Callable[[], None]:
    """Call the method as long as its object lives: a tracker must not keep an endpoint alive."""

    def call() -> None:
        bound = method()
        if bound is not None:
            with contextlib.suppress(zmq.ZMQError):  # its context is gone, and the messages with it
                bound()

    return call

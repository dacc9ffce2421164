"""Subscribing: all of a Subscriber but its waits.

Theory of operation of latest=True. A thread empties the socket, or the queue would fill up with old messages and the
new ones be dropped. It shares the endpoint's lock with the user's calls, which do the same before they take; so it does
not matter how seldom the thread gets to run while the user computes; and whoever else uses the socket, if only to read
its events, gathers as well, for the thread's signal is gone then. Who leaves something ungathered wakes the thread. It
knows the endpoint by a weak reference only: an endpoint that is forgotten ends its thread.
"""

import threading
import time
import weakref
from collections.abc import Iterable
from typing import Any

import zmq

from oobpickle import limits
from oobpickle.codec import DEFAULT_CODEC, AnyCodec
from oobpickle.endpoints.arrivals import GATHERS, Arrival, Arrivals, Newest
from oobpickle.endpoints.incoming import Receiving
from oobpickle.endpoints.lane import LaneChoice
from oobpickle.endpoints.options import HIGH_WATER_MARK, receiving
from oobpickle.endpoints.security import Curve
from oobpickle.endpoints.waiting import RECEIVE, ThreadWaiter
from oobpickle.errors import LaneError
from oobpickle.patterns.stats import Stats
from oobpickle.patterns.topics import encode_prefix

A_MESSAGE = "a message"


class Subscribing(Receiving):
    """A Subscriber without its waits."""

    _in: Arrivals

    def __init__(
        self,
        *,
        bind: str | Iterable[str] | None = None,
        connect: str | Iterable[str] | None = None,
        topics: str | Iterable[str] = "",
        codec: AnyCodec = DEFAULT_CODEC,
        latest: bool = False,
        curve: Curve | None = None,
        insecure: bool = False,
        context: "zmq.Context[Any] | None" = None,
        high_water_mark: int = HIGH_WATER_MARK,
        max_frame: int = limits.FRAME_BYTES_MAX,
        lane: LaneChoice = "auto",
        readonly: bool = False,
    ) -> None:
        self._prefixes = {encode_prefix(topic) for topic in ([topics] if isinstance(topics, (str, bytes)) else topics)}
        super().__init__(
            zmq.SUB,
            bind=bind,
            connect=connect,
            codec=codec,
            curve=curve,
            insecure=insecure,
            context=context,
            linger=0,
            options=receiving(high_water_mark, max_frame),
            lane=lane,
        )
        references = self._references(readonly=readonly)
        self._newest: Newest | None = None
        if latest:
            self._newest = Newest(self._socket, self._codec, self._counters, self._waiters, references=references)
        self._in = self._newest or Arrivals(self._socket, self._codec, self._counters, references=references)
        for prefix in self._prefixes:
            self._socket.set(zmq.SUBSCRIBE, prefix)
        if latest:
            self._begin_to_collect()

    @property
    def topics(self) -> list[str]:
        """The prefixes that it is subscribed to."""
        return sorted(prefix.decode() for prefix in self._prefixes)

    def subscribe(self, topic: str) -> None:
        """From now on receive what has a topic that begins with this; "" is all. Fine if it does already.

        Publishers hear of it a moment later: Publisher.wait_for_subscribers tells when.
        """
        prefix = encode_prefix(topic)
        with self._lock:
            if not self._open:
                self._refuse()
            if prefix in self._prefixes:
                return
            before = tuple(self._prefixes)
            self._in.gaps.rejoin(lambda key: key.startswith(prefix) and not key.startswith(before), time.time_ns())
            self._prefixes.add(prefix)
            self._socket.set(zmq.SUBSCRIBE, prefix)

    def unsubscribe(self, topic: str) -> None:
        """No longer receive what only this prefix asked for. Raises ValueError when it is not subscribed to."""
        prefix = encode_prefix(topic)
        with self._lock:
            if not self._open:
                self._refuse()
            if prefix not in self._prefixes:
                raise ValueError(f"not subscribed to {topic!r}")
            self._prefixes.remove(prefix)
            self._socket.set(zmq.UNSUBSCRIBE, prefix)

    def _accept(self, views: Any) -> tuple[Arrival, Any] | None:
        arrivals = self._in
        arrival = arrivals.arrive(views)
        if arrival is None:
            return None
        opened = arrival[1]
        try:
            obj = arrivals.decode(opened, arrival[3], opened.sent_at)
        except LaneError as error:
            arrivals.lose(arrival, error)
            raise
        return (arrivals.after_lost(arrival) if arrivals.lost else arrival), obj

    def _take_if_here(self) -> Any:
        return super()._take_if_here() if self._newest is None else self._take()

    def _housekeep(self) -> None:
        super()._housekeep()
        if self._newest is not None and self._newest.gather():
            self._wake(RECEIVE)

    def _stir(self) -> None:
        if self._newest is None:
            super()._stir()
            return
        with self._lock:
            here = self._look_if_open(self._newest.gather)
        if here:
            self._wake(RECEIVE)

    def _begin_to_collect(self) -> None:
        waiter = ThreadWaiter(self._descriptor, *self._monitor.descriptors, spins=False)
        waiter.wants = GATHERS
        self._waiters.add(waiter)
        self._own_waiters = 1
        threading.Thread(
            target=_collect, args=(weakref.ref(self), waiter), name="oobpickle latest", daemon=True
        ).start()

    def _snapshot(self) -> Stats:
        return self._counters.snapshot(skipped=0 if self._newest is None else self._newest.skipped)


def _collect(reference: "weakref.ref[Subscribing]", waiter: ThreadWaiter) -> None:
    while (endpoint := reference()) is not None and not endpoint._is_gone():  # noqa: SLF001 - this is its thread
        endpoint._attend()  # noqa: SLF001
        del endpoint
        waiter.sleep(None)

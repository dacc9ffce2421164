"""Subscribing: all of a Subscriber but its waits.

Rule 1: what was lost is known exactly, by topic and publisher, between the first and the last message that came.
Rule 2: with latest=True a message that a newer one of its topic has overtaken is released unread, and nobody who was
slow is ever handed an old one: what is in the socket is gathered before the newest is taken.

Theory of operation of latest=True. A thread empties the socket, or the queue would fill up with old messages and the
new ones be dropped. It shares the endpoint's lock with the user's calls, which do the same before they take; so it does
not matter how seldom the thread gets to run while the user computes; and whoever else uses the socket, if only to read
its events, gathers as well, for the thread's signal is gone then. Who leaves something ungathered wakes the thread. It
knows the endpoint by a weak reference only: an endpoint that is forgotten ends its thread.
"""

import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import zmq

from oobpickle import limits, wire
from oobpickle.codec import DEFAULT_CODEC, AnyCodec
from oobpickle.endpoints.endpoint import HIGH_WATER_MARK, receiving
from oobpickle.endpoints.incoming import Incoming, Receiving
from oobpickle.endpoints.lane import LaneChoice
from oobpickle.endpoints.security import Curve
from oobpickle.endpoints.waiting import RECEIVE, ThreadWaiter
from oobpickle.errors import DecodeError, LaneError
from oobpickle.lanes.following import lengths_of_shared
from oobpickle.patterns.latest import Latest
from oobpickle.patterns.numbering import REPEATED, Gaps
from oobpickle.patterns.stats import Stats
from oobpickle.patterns.topics import encode_prefix, split_topic

A_MESSAGE = "a message"

GATHERED = 1000
"""Messages that are gathered at a stretch, about 5 ms of work: others wait for the lock meanwhile."""

_SIGNALS = 4  # what a collector waits for: signals of the socket, and of nobody else but the end

Arrival: TypeAlias = tuple[str, wire.Message, int, list[memoryview]]
"""A message that was taken apart and not decoded: topic, head, missed before it, frames."""


class Message(NamedTuple):
    """What a Subscriber received, with what is known of its way.

    sequence: its number on its topic, from its publisher's start. sent_at: seconds since the Unix epoch, by the sender's
    clock. missed: how many messages of this topic and publisher were lost directly before this one. nbytes: of all frames,
    and of what was shared.
    """

    topic: str
    obj: Any
    sequence: int
    sent_at: float
    missed: int
    nbytes: int


def as_message(arrival: Arrival, obj: Any) -> Message:
    """What the user gets of it."""
    topic, opened, missed, views = arrival
    nbytes = sum(map(len, views)) + sum(lengths_of_shared(opened))
    return Message(topic, obj, opened.sequence, opened.sent_at / 1e9, missed, nbytes)


class Subscribing(Receiving):
    """A Subscriber without its waits."""

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
        self._prefixes = {encode_prefix(topic) for topic in ([topics] if isinstance(topics, str) else topics)}
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
        self._in = Incoming(self._socket, self._codec, self._counters, references=self._references(readonly=readonly))
        self._gaps = Gaps(limits.LINES_MAX)
        self._came_too_late: Counter[str] = Counter()  # messages by topic whose shared memory was not there any more
        for prefix in self._prefixes:
            self._socket.set(zmq.SUBSCRIBE, prefix)
        self._store: Latest[Arrival] | None = None
        if latest:
            self._store = Latest(limits.LATEST_MAX)
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
            self._gaps.rejoin(lambda key: key.startswith(prefix) and not key.startswith(before), time.time_ns())
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

    def _accept(self, views: list[memoryview]) -> tuple[Arrival, Any] | None:
        arrival = self._arrive(views)
        return arrival and self._decode(arrival)

    def _arrive(self, views: list[memoryview]) -> Arrival | None:
        """Take a message apart and enter its number; None when it is a repetition. Raises DecodeError."""
        key, views[0] = split_topic(views[0])
        opened = self._in.open(views)
        kept = bool(opened.flags & wire.KEPT)
        missed = self._gaps.count(opened.epoch, key, opened.sequence, opened.sent_at, kept)
        if missed:
            if missed != REPEATED:
                self._counters.missed += missed
            elif kept:
                return None
            else:
                missed = 0
        try:
            return key.decode(), opened, missed, views
        except UnicodeDecodeError:
            raise DecodeError("a topic that is not UTF-8") from None

    def _decode(self, arrival: Arrival) -> tuple[Arrival, Any]:
        """Raises DecodeError; a LaneError for what is lost, which counts as missed."""
        topic, opened, missed, views = arrival
        try:
            obj = self._in.decode(opened, views, opened.sent_at)
        except LaneError as error:
            self._counters.missed += not error.stale  # else it is entered as missed by all receivers
            if len(self._came_too_late) < limits.LINES_MAX:
                self._came_too_late[topic] += 1 + missed
            raise
        if self._came_too_late:
            arrival = (topic, opened, missed + self._came_too_late.pop(topic, 0), views)
        return arrival, obj

    def _take(self) -> Any:
        store = self._store
        if store is None:
            return Receiving._take(self)  # noqa: SLF001 - our own; super() takes longer than all of this
        while True:
            try:
                with self._lock:
                    if not self._open:
                        self._refuse()
                    self._gather(store)
                    arrival = store.take()
            except zmq.ZMQError as error:
                raise self._gone(error) from error
            if arrival is None:
                return None
            try:
                return self._decode(arrival)
            except Exception as error:  # noqa: BLE001 - as in Receiving._take
                self._in.reject(error)

    def _take_if_here(self) -> Any:
        return super()._take_if_here() if self._store is None else self._take()

    def _gather(self, store: Latest[Arrival]) -> None:
        """Move what has come to the store; if there may be more, the thread goes on. Called with the lock held."""
        for _ in range(GATHERED):
            views = self._in.take()
            if views is None:
                return
            try:
                arrival = self._arrive(views)
            except Exception as error:  # noqa: BLE001 - as in Receiving._take
                self._in.reject(error)
                continue
            if arrival is not None:
                topic, opened, missed, _ = arrival
                overtaken = store.get(topic)
                store.put(topic, (topic, opened, missed + overtaken[2], views) if overtaken else arrival)
        self._wake(_SIGNALS)

    def _housekeep(self) -> None:
        super()._housekeep()
        if self._store is not None:
            self._gather(self._store)
            if len(self._store):
                self._wake(RECEIVE)

    def _stir(self) -> None:
        store = self._store
        if store is None:
            super()._stir()
            return
        with self._lock:
            self._look_if_open(partial(self._gather, store))
        if len(store):
            self._wake(RECEIVE)

    def _begin_to_collect(self) -> None:
        waiter = ThreadWaiter(self._descriptor, *self._monitor.descriptors, spins=False)
        waiter.wants = _SIGNALS
        self._waiters.add(waiter)
        self._own_waiters = 1
        threading.Thread(
            target=_collect, args=(weakref.ref(self), waiter), name="oobpickle latest", daemon=True
        ).start()

    def _snapshot(self) -> Stats:
        return self._counters.snapshot(skipped=0 if self._store is None else self._store.skipped)


def _collect(reference: "weakref.ref[Subscribing]", waiter: ThreadWaiter) -> None:
    while (endpoint := reference()) is not None and not endpoint._is_gone():  # noqa: SLF001 - this is its thread
        endpoint._attend()  # noqa: SLF001
        del endpoint
        waiter.sleep(None)

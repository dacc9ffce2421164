"""Publishing: all of a Publisher but its waits.

Rule 1: what nobody has subscribed to is never encoded, and numbered all the same: a subscriber that was away learns how
much went by.
Rule 2: a publisher does not wait for a slow subscriber: the message is dropped for that one, whole, and it will know.
Unless it is lossless: then there is room for all of them, or nobody gets it yet.

Theory of operation. XPUB tells of each subscription (XPUB_VERBOSER); it is heard when the publisher is used: when it
sends, waits, or is asked. Sending to all, it cannot send to one: what is repeated for a late joiner (keep_last) comes to
everyone, and the others know the number and drop it. What is kept is a copy: the user's arrays change.
"""

from collections.abc import Callable, Iterable
from typing import Any

import zmq

from oobpickle import wire
from oobpickle.codec import AnyCodec
from oobpickle.endpoints.endpoint import DEFAULT_CODEC, HIGH_WATER_MARK, LINGER
from oobpickle.endpoints.outgoing import MAX_BYTES, Outgoing, Sending, snapshot
from oobpickle.endpoints.security import Curve
from oobpickle.endpoints.waiting import RECEIVE
from oobpickle.patterns.numbering import new_epoch
from oobpickle.patterns.topics import Subscriptions, encode_topic
from oobpickle.tracker import DONE, Tracker

NO_ROOM = "room for a message"


class _Line:
    """What a publisher knows of one of its topics. wanted: as of the subscriptions' generation."""

    __slots__ = ("generation", "kept", "key", "sequence", "wanted")

    def __init__(self, topic: str) -> None:
        self.key = encode_topic(topic)
        self.sequence = 0
        self.generation = 0
        self.wanted = False
        self.kept: list[wire.Frame] = []


class Publishing(Sending):
    """A Publisher without its waits."""

    def __init__(
        self,
        *,
        bind: str | Iterable[str] | None = None,
        connect: str | Iterable[str] | None = None,
        codec: AnyCodec = DEFAULT_CODEC,
        lossless: bool = False,
        keep_last: bool = False,
        curve: Curve | None = None,
        insecure: bool = False,
        context: "zmq.Context[Any] | None" = None,
        linger: float | None = LINGER,
        high_water_mark: int = HIGH_WATER_MARK,
        max_bytes: int | None = MAX_BYTES,
    ) -> None:
        super().__init__(
            zmq.XPUB,
            bind=bind,
            connect=connect,
            codec=codec,
            curve=curve,
            insecure=insecure,
            context=context,
            linger=linger,
            options={
                zmq.SNDHWM: high_water_mark,
                zmq.XPUB_VERBOSER: 1,
                zmq.XPUB_NODROP: int(lossless),
            },
        )
        self._out = Outgoing(self._socket, self._codec, self._counters, self._waiters, self._budget_of(max_bytes))
        self._subscriptions = Subscriptions()
        self._lines: dict[str, _Line] = {}
        self._epoch = new_epoch()
        self._lossless = lossless
        self._keep_last = keep_last

    def subscribed(self, topic: str) -> bool:
        """Whether anybody has subscribed to this topic, as far as was heard. What nobody wants is not encoded."""
        key = encode_topic(topic)
        with self._lock:
            if not self._open:
                self._refuse()
            self._housekeep()
            return self._subscriptions.wants(key)

    def _encode(self, topic: str, obj: Any, copy: bool) -> list[wire.Frame] | None:
        """The frames of a message, or None when it is not to be sent."""
        if not self._open:
            self._refuse()
        line = self._lines.get(topic)
        if line is None:
            line = self._lines.setdefault(topic, _Line(topic))
        line.sequence += 1
        if line.generation != self._subscriptions.generation or not line.wanted or self._out.now > self._tick:
            self._look(line)
            if not line.wanted:
                self._counters.unwanted += 1
                if not self._keep_last:
                    return None
        frames = self._out.encode(obj, epoch=self._epoch, sequence=line.sequence)
        frames[0] = line.key + frames[0]
        if self._keep_last:
            frames = line.kept = snapshot(frames)
        elif copy:
            frames = snapshot(frames)
        return frames if line.wanted else None

    def _put(self, frames: list[wire.Frame], route: bytes = b"") -> Tracker | None:
        tracker = super()._put(frames, route)
        if tracker is None and not self._lossless:
            self._counters.dropped += 1
            return DONE
        return tracker

    def _look(self, line: _Line) -> None:
        with self._lock:
            if not self._open:
                self._refuse()
            self._housekeep()
            line.generation = self._subscriptions.generation
            line.wanted = self._subscriptions.wants(line.key)

    def _housekeep(self) -> None:
        super()._housekeep()
        if not self._out.has(RECEIVE):
            return
        self._wake(RECEIVE)  # those who wait for subscribers: one may have come since super looked
        try:
            while True:
                prefix = self._subscriptions.hear(bytes(self._socket.recv(zmq.DONTWAIT)))
                if prefix is not None and self._keep_last:
                    self._repeat(prefix)
        except zmq.Again:
            pass

    def _repeat(self, prefix: bytes) -> None:
        for line in self._lines.values():
            if line.kept and line.key.startswith(prefix):
                start = len(line.key)
                head, *rest = line.kept
                self._out.put([line.key + wire.with_flags(head[start:], wire.KEPT), *rest])

    def _counting(self, enough: int, topic: str | None) -> Callable[[], int | None]:
        """The attempt that waits for so many subscriptions."""
        key = None if topic is None else encode_topic(topic)

        def count() -> int | None:
            with self._lock:
                if not self._open:
                    self._refuse()
                self._housekeep()
                count = self._subscriptions.count(key)
            return count if count >= enough else None

        return count

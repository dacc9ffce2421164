"""Publishing: all of a Publisher but its waits.

Rule 1: what nobody has subscribed to is never encoded, and numbered all the same: a subscriber that was away learns how
much went by.
Rule 2: a publisher does not wait for a slow subscriber: the message is dropped for that one, whole, and it will know.
Unless it is lossless: then there is room for all of them, or nobody gets it yet.

Rule 3: peers on ipc are referred to shared memory, others get frames. An object for both is encoded once (beside.py).
Rule 4: a lossless publisher sends frames: nobody knows who still needs a shared block.

Theory of operation. XPUB tells of each subscription (XPUB_VERBOSER); it is heard when the publisher is used: when it
sends, waits, or is asked. Sending to all, it cannot send to one: what is repeated for a late joiner (keep_last) comes to
everyone, and the others know the number and drop it. What is kept is a copy: the user's arrays change. Where there is no
room for it now, it is owed, and tried again whenever the publisher is used.
"""

# ruff: noqa: SLF001 - the publisher beside is one of ours, and nobody else has it

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, SupportsIndex, TypeVar

import zmq

from oobpickle import wire
from oobpickle.codec import DEFAULT_CODEC, AnyCodec
from oobpickle.endpoints.addresses import as_addresses
from oobpickle.endpoints.beside import TwoMonitors, far_addresses
from oobpickle.endpoints.endpoint import LINGER
from oobpickle.endpoints.lane import LaneChoice
from oobpickle.endpoints.options import HIGH_WATER_MARK
from oobpickle.endpoints.outgoing import MAX_BYTES, Outgoing
from oobpickle.endpoints.security import Curve
from oobpickle.endpoints.sending import Sending
from oobpickle.endpoints.waiting import PATIENCE, RECEIVE
from oobpickle.errors import type_name
from oobpickle.patterns.numbering import new_epoch
from oobpickle.patterns.stats import Stats
from oobpickle.patterns.topics import Subscriptions, encode_topic
from oobpickle.tracker import DONE, Tracker

T = TypeVar("T")

NO_ROOM = "room for a message"

REFUSALS = 8
"""Topics that are tried in vain before it is clear that there is no room: a slow subscriber to one must not hold up another."""

DOUBT = 10 * PATIENCE
"""Seconds that who waits for subscribers may be held up by others that go: some come and go all the time."""


class _Line:
    """What a publisher knows of one of its topics. wanted: as of the subscriptions' generation."""

    __slots__ = ("generation", "kept", "key", "sequence", "wanted", "wanted_beside")

    def __init__(self, topic: str) -> None:
        self.key = encode_topic(topic)
        self.sequence = 0
        self.generation = 0
        self.wanted = False
        self.wanted_beside = False
        self.kept: list[wire.Frame] = []


class _Both(list[wire.Frame]):
    """The frames of a message that goes out by both sockets: these by the one beside, and those that the near peers get."""

    __slots__ = ("near",)

    def __init__(self, near: list[wire.Frame] | None, far: list[wire.Frame]) -> None:
        super().__init__(far)
        self.near = near


class Publishing(Sending):
    """A Publisher without its waits."""

    _beside: "Publishing | None" = None
    _doubtful = 0.0  # until when subscriptions of one who has gone may be counted, as time.monotonic tells it
    _generation = 1  # of what was heard of subscriptions, here and beside: changes whenever a line's wants could

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
        lane: LaneChoice = "auto",
    ) -> None:
        if lossless and lane == "shared":
            raise ValueError(
                'lossless=True and lane="shared" do not go together: nobody knows how long to keep a block'
            )
        lane = "inline" if lossless else lane
        binds, connects = as_addresses(bind), as_addresses(connect)
        far = far_addresses(lane, binds, connects)
        self._order = [address in far for address in (*binds, *connects)]
        if far:
            self._beside = Publishing(
                bind=[address for address in binds if address in far],
                connect=[address for address in connects if address in far],
                codec=codec,
                keep_last=keep_last,
                curve=curve,
                insecure=insecure,
                context=context,
                linger=linger,
                high_water_mark=high_water_mark,
                max_bytes=max_bytes,
                lane="inline",
            )
        super().__init__(
            zmq.XPUB,
            bind=[address for address in binds if address not in far],
            connect=[address for address in connects if address not in far],
            lane=lane,
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
        if self._beside is not None:
            self._counters, self._waiters = self._beside._counters, self._beside._waiters
            self._monitor = TwoMonitors(self._monitor, self._beside._monitor)
            self._has_inproc = self._beside._has_inproc
        self._out = self._outgoing(max_bytes, "many")
        self._subscriptions = Subscriptions()
        self._twice = 0  # messages that went out by both sockets
        self._lines: dict[str, _Line] = {} if self._beside is None else self._beside._lines
        self._epoch = new_epoch()
        self._lossless = lossless
        self._keep_last = keep_last
        self._owed: set[_Line] = set()  # whose last message is to be repeated

    @property
    def addresses(self) -> list[str]:
        """Where it is bound, with the ports that the system chose, then where it connects to."""
        near, far = iter(super().addresses), iter(self._beside.addresses if self._beside else ())
        return [next(far if is_far else near) for is_far in self._order]

    def subscribed(self, topic: str) -> bool:
        """Whether anybody has subscribed to this topic, as far as was heard. What nobody wants is not encoded."""
        line = _Line(topic)
        self._look(line)
        return line.wanted or line.wanted_beside

    def _encode(self, topic: str, obj: Any, copy: bool) -> list[wire.Frame] | None:
        """The frames of a message, or None when it is not to be sent."""
        if not self._open:
            self._refuse()
        try:
            line = self._lines.get(topic)
            if line is None:
                line = self._lines.setdefault(topic, _Line(topic))
        except TypeError:
            raise TypeError(f"topic must be a str, not {type_name(topic)}; is it send(topic, obj)?") from None
        line.sequence += 1
        out = self._out
        if not line.wanted or out.now > self._tick or line.generation != self._generation:
            self._look(line)
            if not (line.wanted or line.wanted_beside):
                self._counters.unwanted += 1
                if not self._keep_last:
                    return None
        stream, buffers = self._codec.encode(obj)
        if self._keep_last:
            buffers = list(map(_copied, buffers))
            line.kept = self._pack(line, stream, buffers, shares=False)
        if line.wanted_beside:
            return _Both(
                self._pack(line, stream, buffers, copy=copy) if line.wanted else None,
                self._pack(line, stream, buffers, copy=copy, shares=False),
            )
        if not line.wanted:
            return None
        frames = out.pack(stream, buffers, 0, self._epoch, line.sequence, copy and not self._keep_last)
        frames[0] = line.key + frames[0]  # as _pack, with a call less
        return frames

    def _pack(
        self, line: _Line, stream: bytes, buffers: Sequence[memoryview], *, copy: bool = False, shares: bool = True
    ) -> list[wire.Frame]:
        copies = copy and not self._keep_last
        frames = self._out.pack(stream, buffers, 0, self._epoch, line.sequence, copies, shares)
        frames[0] = line.key + frames[0]
        return frames

    def _drop(self) -> bool:
        """Rule 2, for a message without room: whether nobody gets it. Then it is counted."""
        if not self._lossless:
            with self._lock:
                self._counters.dropped += 1
        return not self._lossless

    def _attempt(self, frames: list[wire.Frame], route: bytes) -> Tracker | None:
        if type(frames) is _Both and self._beside is not None:
            return self._attempt_both(frames, self._beside._out)
        return super()._attempt(frames, route)

    def _attempt_both(self, both: "_Both", beside: Outgoing) -> Tracker:
        beside.now = self._out.now
        trackers = [beside.put(both)]
        if both.near is not None:
            trackers.append(super()._attempt(both.near, b""))
        sent = [tracker for tracker in trackers if tracker is not None]
        self._counters.dropped += len(trackers) - len(sent)
        self._twice += len(sent) == 2
        waiting = [tracker for tracker in sent if tracker is not DONE]
        return DONE if not waiting else Tracker(beside=waiting[0]).together_with(waiting[-1])

    def _look(self, line: _Line) -> None:
        def look() -> None:
            line.generation = self._generation
            line.wanted = self._subscriptions.wants(line.key)
            line.wanted_beside = self._beside is not None and self._beside._subscriptions.wants(line.key)

        self._having_heard(look)

    def _part_from_the_gone(self) -> None:
        if self._monitor.disconnections != self._seen:
            # What it wanted counts until libzmq's thread and this one have both let go of the connection, in two steps.
            self._doubtful = time.monotonic() + PATIENCE
        super()._part_from_the_gone()

    def _having_heard(self, look: Callable[[], T]) -> T:
        """What look gives when subscriptions have been heard, with the lock held. Raises Closed."""
        try:
            with self._lock:
                if not self._open:
                    self._refuse()
                self._housekeep()
                return look()
        except zmq.ZMQError as error:
            raise self._gone(error) from error

    def _housekeep(self) -> None:
        super()._housekeep()
        if self._beside is not None:
            self._beside._housekeep()
        if self._out.has(RECEIVE):
            self._wake(RECEIVE)  # those who wait for subscribers: one may have come since super looked
            self._hear()
        if self._owed:
            self._repeat()
        self._generation = self._subscriptions.generation + (self._beside._generation if self._beside else 0)

    def _hear(self) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                prefix = self._subscriptions.hear(bytes(self._socket.recv(zmq.DONTWAIT)))
                if prefix is not None and self._keep_last:
                    lines = tuple(self._lines.values())  # in one step: another thread may add one
                    self._owed.update(line for line in lines if line.key.startswith(prefix))

    def _repeat(self) -> None:
        refusals = 0
        for line in tuple(self._owed):
            if line.kept:
                start = len(line.key)
                head, *rest = line.kept
                if self._out.put([line.key + wire.with_flags(head[start:], wire.KEPT), *rest]) is None:
                    refusals += 1
                    if refusals == REFUSALS:
                        return
                    continue
            self._owed.discard(line)

    def _counting(self, enough: int, topic: str | None) -> Callable[[], int | None]:
        """The attempt that waits for so many subscriptions."""
        if not isinstance(enough, SupportsIndex):
            raise TypeError(f"count must be an int, not {enough!r}; is it wait_for_subscribers(topic=...)?")
        key = None if topic is None else encode_topic(topic)
        until = 0.0

        def count() -> int | None:
            nonlocal until
            now = time.monotonic()
            until = until or now + DOUBT
            if now < min(self._doubtful, until):
                return None
            count = self._subscriptions.count(key)
            count += 0 if self._beside is None else self._beside._subscriptions.count(key)
            return count if count >= enough else None

        return partial(self._having_heard, count)

    @property
    def _signals(self) -> tuple[int, ...]:
        return super()._signals if self._beside is None else (*super()._signals, self._beside._descriptor)

    @property
    def _peers(self) -> int:
        monitor = self._monitor
        return monitor.near.connected if isinstance(monitor, TwoMonitors) else monitor.connected

    def _snapshot(self) -> Stats:
        stats = super()._snapshot()
        if self._beside is None:
            return stats
        beside = self._beside._out
        return replace(
            stats,
            messages=stats.messages + beside.sent - self._twice,
            bytes_in_flight=stats.bytes_in_flight + beside.bytes_in_flight,
        )

    def _unsent(self) -> int:
        return super()._unsent() + (self._beside._unsent() if self._beside else 0)

    def _part(self, deadline: float) -> None:
        super()._part(deadline)
        if self._beside is not None:
            self._beside._open = False
            self._beside._part(deadline)

    def _free(self) -> None:
        super()._free()
        if self._beside is not None:
            self._beside._free()

    def _release(self) -> None:
        super()._release()
        if self._beside is not None:
            self._beside._release()


def _copied(buffer: memoryview) -> memoryview:
    copy = memoryview(bytearray(buffer))
    return copy.toreadonly() if buffer.readonly else copy

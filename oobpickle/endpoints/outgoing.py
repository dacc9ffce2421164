"""The way out: encode -> place -> pack -> send.

Rule 1: all that can fail in encoding fails before a frame is sent. A message is sent whole or not at all; only an
interrupt between two frames of a message can break one off, and then the receiver counts it as malformed.
Rule 2: frames of `FOLLOWED` bytes and more are the user's memory: handed to libzmq without a copy, followed until
they are released, and counted in the byte budget. Smaller ones libzmq copies. When none of a message's frames is that large
the last one is followed all the same, and the budget charged with all of them: libzmq writes frames in their order.
Rule 3: buffers that were copied for a receiver who has yet to come count in the budget as well. Loaned ones cost nothing, and
published ones are bounded by the lane (lanes/shared/outbox.py).
Rule 4: of small messages one in each `MARK` is followed, so that close knows how many have not left.
"""

import contextlib
from collections.abc import Callable, Sequence
from itertools import count
from time import time_ns
from typing import Any

import zmq

from oobpickle import releasing, wire
from oobpickle.codec import Codec
from oobpickle.endpoints.parcel import Parcel, snapshot
from oobpickle.endpoints.waiting import ROOM, Waiter
from oobpickle.lanes import INLINE_OUTBOX, Outbox
from oobpickle.patterns.budget import Budget
from oobpickle.patterns.stats import Counters
from oobpickle.tracker import DONE, Tracker

FOLLOWED = 64 * 1024
"""Bytes, as pyzmq's COPY_THRESHOLD: handing a frame over costs 10 us, about the copy of so many."""

MARK = 20_000_000
"""Nanoseconds from one followed small message to the next. Each wakes pyzmq's thread, and to hand it the interpreter and get
it back takes up to 300 us on a busy machine: 1.5 % of the time. (Once a millisecond it was a third.)"""

MAX_BYTES = 2**30
"""The default budget: 1 GiB, some arrays of the largest usual size, and still a fraction of a machine's memory."""

_MORE = int(zmq.SNDMORE | zmq.DONTWAIT)
_LAST = int(zmq.DONTWAIT)


class Outgoing:
    """What one endpoint sends. Used under its lock, except for `pack`."""

    def __init__(
        self,
        socket: "zmq.Socket[Any]",
        codec: Codec,
        counters: Counters,
        waiters: set[Waiter],
        max_bytes: int | None,
        *,
        outbox: Outbox = INLINE_OUTBOX,
        marks: bool = True,
        attend: Callable[[], object] | None = None,
    ) -> None:
        """outbox: of the lane that buffers may take. attend: looks after the socket, for one who waits for a tracker.
        marks: False leaves rule 4 out, where a message is answered or is an answer: following one costs a few
        microseconds of latency, for it wakes pyzmq's thread.
        """
        # The socket's own C method: zmq.Socket.send, which wraps it, costs 0.5 us, for options that we do not use.
        self._send: Any = super(zmq.Socket, socket).send
        self._get: Any = socket.get
        self._number = codec.number
        self._counters = counters
        self._tickets = count(1)
        self._mark = MARK if marks else 2**63
        self._mark_at = 0 if marks else 2**63
        self.now = 0  # when the last message was encoded
        self.budget = Budget(max_bytes)
        self._release = _Release(self.budget, waiters)
        self._attend = attend
        self._outbox = outbox
        self._places = outbox is not INLINE_OUTBOX
        self._least = outbox.least
        self.sent = 0

    def pack(
        self,
        stream: bytes,
        buffers: Sequence[memoryview],
        flags: int = 0,
        epoch: int = 0,
        sequence: int = 0,
        copy: bool = False,
        shares: bool = True,
        peer: bytes = b"",
    ) -> list[wire.Frame]:
        """The frames of an encoded object, whose buffers may have gone into shared memory. Takes no lock: it may take its time.

        copy: on memory of its own. shares: whether its receiver follows references. peer: the route that it will take.
        """
        self.now = now = time_ns()
        if self._places and shares and buffers and (len(buffers) > 1 or buffers[0].nbytes >= self._least):
            placed = self._outbox.place(buffers, snapshot=copy, peer=peer)
            if placed.shared:
                parcel = Parcel(self._outbox, placed)
                parcel += wire.pack(
                    self._number,
                    stream,
                    buffers,
                    flags,
                    epoch,
                    sequence,
                    now,
                    placed.shared,
                    placed.references,
                )
                if copy:
                    parcel[1:] = snapshot(parcel)[1:]
                return parcel
        frames = wire.pack(self._number, stream, buffers, flags, epoch, sequence, now)
        return snapshot(frames) if copy else frames

    def put(self, frames: Sequence[wire.Frame], route: bytes = b"", shared: int = 0) -> Tracker | None:
        """Send a message, after the frame that routes it; None: there is no room now. An attempt: it never waits.

        shared: bytes that were copied for it elsewhere. Raises zmq.ZMQError for anything but a lack of room.
        """
        head = frames[0]
        if len(frames) > 1 or len(head) >= FOLLOWED or self.now >= self._mark_at:
            return self._put_followed(frames, route, shared)
        try:
            self._send_small(head, route) if route else self._send(head, _LAST)
        except zmq.Again:
            if not self._has_room_after_all(lambda: self._send_small(head, route)):
                return None
        self.sent += 1
        self._counters.bytes_in_band += len(head)
        return DONE

    def put_parcel(self, parcel: "Parcel", route: bytes = b"") -> Tracker | None:
        """As put, of a message with shared buffers."""
        placed = parcel.placed
        if placed.copied and not self._admits(0, placed.copied, route):
            return None
        tracker = self.put(parcel, route, placed.copied)
        if tracker is None:
            return None
        parcel.sent = True
        self._outbox.went(placed)
        self._counters.bytes_shared += placed.length
        if placed.tracker is None:
            return tracker
        return Tracker(beside=placed.tracker) if tracker is DONE else tracker.together_with(placed.tracker)

    def _admits(self, charge: int, shared: int, route: bytes) -> bool:
        """Whether the budget does, or nothing is held for the one peer that the message goes to: others cannot take its room.

        shared: bytes that were copied for it.
        """
        outbox, nbytes = self._outbox, charge + shared
        if self.budget.admits(nbytes, outbox.bytes_in_flight):
            return True
        if self._places:
            outbox.settle()  # acknowledgements are found only by looking
            if self.budget.admits(nbytes, outbox.bytes_in_flight):
                return True
        if route and not self.budget.holds_for(route) and not outbox.holds_for(route):
            return True
        self.has(ROOM)  # else the descriptor stays readable if it is, and who waits for room would not sleep
        return False

    def _put_followed(self, frames: Sequence[wire.Frame], route: bytes, shared: int) -> Tracker | None:
        head = frames[0]
        length = len(head)
        size = sum(map(len, frames)) - length
        charge = size + length if length >= FOLLOWED else size
        if not self._admits(charge, shared, route):
            return None
        releasing.be_ready()
        ticket = next(self._tickets)
        tracker = Tracker(self._release, ticket, attend=self._attend)
        parts: list[Any] = [_followed(frame, tracker) if len(frame) >= FOLLOWED else frame for frame in frames]
        if tracker.done:
            parts[-1] = _followed(frames[-1], tracker)
        if route:
            parts.insert(0, route)
        parts.reverse()  # what was sent is taken off, so that nobody here keeps it
        first = parts.pop()
        flags = _MORE if parts else _LAST
        try:
            self._send(first, flags)
        except zmq.Again:
            if not self._has_room_after_all(lambda: self._send(first, flags)):
                tracker.forget()
                return None
        self.budget.hold(ticket, self.sent + 1, charge, tracker, route)
        try:
            while parts:
                part = parts.pop()
                self._send(part, _MORE if parts else _LAST)
                del part
        except zmq.Again:
            # The peer went between two frames: libzmq (lb.cpp) has dropped those that it had, and drops the rest if any.
            if parts:
                self._break_off()
            tracker.forget()
            self.budget.cancel(ticket)
            return None
        except BaseException:
            self._break_off()
            raise
        self.sent += 1
        self._mark_at = self.now + self._mark
        self._counters.bytes_in_band += length
        self._counters.bytes_out_of_band += size
        return tracker if size else DONE

    def _send_small(self, head: wire.Frame, route: bytes) -> None:
        if not route:
            self._send(head, _LAST)
            return
        self._send(route, _MORE)
        try:
            self._send(head, _LAST)
        except BaseException:
            self._break_off()
            raise

    def _break_off(self) -> None:
        """Rule 1: end a message that cannot be sent whole, so that the next one begins as one."""
        with contextlib.suppress(zmq.ZMQError):
            self._send(b"", _LAST)

    def _has_room_after_all(self, send: Callable[[], None]) -> bool:
        """Try again. A failed send does not look what the peers have taken meanwhile; reading the events does."""
        if not self.has(ROOM):
            return False
        try:
            send()
        except zmq.Again:
            return False
        return True

    def has(self, events: int) -> bool:
        """Whether the socket says so: RECEIVE or ROOM."""
        return bool(self._get(zmq.EVENTS) & events)

    @property
    def bytes_in_flight(self) -> int:
        """What is held for receivers, as of now."""
        self.budget.settle()
        self._outbox.settle()
        return self.budget.held + self._outbox.bytes_in_flight

    def unsent(self) -> int:
        """The most messages that the socket may still hold."""
        return self.budget.unsettled(self.sent)


def _followed(frame: wire.Frame, tracker: Tracker) -> zmq.Frame:
    """To be handed to libzmq without a copy."""
    return zmq.Frame(tracker.follow(frame), copy=False)


class _Release:
    """What a tracker calls when its message is gone. It knows no endpoint: it must not keep one alive."""

    __slots__ = ("_budget", "_waiters")

    def __init__(self, budget: Budget, waiters: set[Waiter]) -> None:
        self._budget = budget
        self._waiters = waiters

    def __call__(self, ticket: int) -> None:
        budget = self._budget
        budget.release(ticket)
        if budget.refused:
            budget.refused = False
            for waiter in tuple(self._waiters):
                if waiter.wants == ROOM:
                    waiter.wake()

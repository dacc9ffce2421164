"""The way in: receive -> unpack -> follow -> decode.

Rule 1: a message is taken whole. What comes after it in the queue is never mistaken for a part of it: also when an
interrupt falls between two of its frames, the rest of it is thrown away.
Rule 2: nothing that a peer sends ends a receiver. What is no message, or does not decode, is counted, logged once a second
at the most, and passed over.
Rule 3: references are followed last: a message that was lost by then is one that was not received (lane.py).
Rule 4: between the frames and the object there is no wait, so nobody loses a message that way.
"""

import contextlib
import logging
from collections.abc import Sequence
from time import time_ns
from typing import Any

import zmq

from oobpickle import allocator, limits, message, wire
from oobpickle.codec import Codec
from oobpickle.endpoints.blocking import Blocking
from oobpickle.endpoints.endpoint import Endpoint
from oobpickle.endpoints.lane import References, read_only
from oobpickle.endpoints.sparing import Sparing
from oobpickle.endpoints.waiting import RECEIVE
from oobpickle.errors import DecodeError, LaneError
from oobpickle.lanes.following import followed, lengths_of_shared
from oobpickle.patterns.stats import Counters

logger = logging.getLogger(__name__)

_PROTO = b"\x80"  # what a stream begins with that a plain pyzmq sender sends, without a head
_NOW = int(zmq.DONTWAIT)
_view: Any = memoryview  # pyzmq's annotations do not say that a Frame is a buffer


class Incoming:
    """What one endpoint receives. `take` is used under its lock; the rest by one thread at a time."""

    def __init__(
        self,
        socket: "zmq.Socket[Any]",
        codec: Codec,
        counters: Counters,
        *,
        references: References,
        routed: bool = False,
    ) -> None:
        """references: what is done with those. routed: a ROUTER puts a frame before each message that names its sender; it is kept in `route`."""
        self._recv: Any = socket.recv
        self._socket = socket
        self._codec = codec
        self._decode = codec.decode
        self._number = codec.number
        self._plain = codec.number == wire.PICKLE
        self._counters = counters
        self._references = references
        self._inbox = references.inbox
        self._readonly = references.readonly
        self._latencies = counters.latencies
        self._routed = routed
        self._warn = Sparing(logger)
        self.route = b""
        self.received_large = False  # the last message had frames of its own

    def take(self) -> list[memoryview] | None:
        """The frames of the next message, or None. An attempt: it never waits."""
        try:
            if self._routed:
                self.route = self._recv(_NOW)
            frame = self._recv(_NOW, False)
        except zmq.Again:
            return None
        if not frame.more:
            self.received_large = False
            return [_view(frame)]
        self.received_large = True
        views = [_view(frame)]
        try:
            allocator.teach()
            while frame.more:
                frame = self._recv(_NOW, False)
                if len(views) <= limits.FRAMES_MAX:
                    views.append(_view(frame))
        except BaseException:
            with contextlib.suppress(zmq.ZMQError):
                while self._socket.get(zmq.RCVMORE):
                    self._recv(_NOW)
            raise
        return views

    def open(self, views: Sequence[memoryview]) -> wire.Message:
        """Take a message apart. Raises DecodeError; a LaneError for references that are not to be followed."""
        if len(views) > 1 and len(views) > limits.FRAMES_MAX:
            raise DecodeError(f"a message of more than {limits.FRAMES_MAX} frames")
        try:
            opened = wire.unpack(views, True)
        except DecodeError:
            head = views[0]
            if self._plain and head[:1] == _PROTO:
                return wire.Message(wire.PICKLE, 0, 0, 0, 0, head, list(views[1:]), head[:0])
            raise
        if opened.references:
            self._references.check(opened, views[0])
        return opened

    def skip(self, opened: wire.Message) -> None:
        """The message will not be decoded."""
        self._references.skip(opened)

    def decode(self, opened: wire.Message, views: Sequence[memoryview], since: int) -> Any:
        """The object; enters it in the books. Raises DecodeError, and whatever the pickle codec lets a peer raise.

        views: the message's frames. since: when its way began, ns since the Unix epoch; 0: not known.
        """
        counters = self._counters
        buffers = opened.buffers
        if opened.references:
            lengths = lengths_of_shared(opened)
            buffers = followed(opened, lengths, self._inbox, readonly=self._readonly)
            counters.bytes_shared += sum(lengths)
        if self._readonly:
            buffers = read_only(buffers)
        if opened.codec == self._number:
            obj = self._decode(opened.stream, buffers)
        else:
            obj = message.decode(opened._replace(buffers=buffers), self._codec)
        counters.messages += 1
        counters.bytes_in_band += len(views[0])
        if len(views) > 1:
            counters.bytes_out_of_band += sum(map(len, views)) - len(views[0])
        if since:
            self._latencies.append(time_ns() - since)
        return obj

    def reject(self, error: Exception) -> None:
        """Enter one that was not."""
        if isinstance(error, LaneError) and error.stale:
            self._counters.missed += 1
            self._warn("%s: a message was lost: %s", self._references.where, str(error))
            return
        counters = self._counters
        counters.malformed += 1
        # As text: a log record that is kept would keep the error's frames, and with them the message.
        text = f"{type(error).__name__}: {error}"
        counters.problem = f"{counters.malformed:,} of the messages that came could not be taken, at the last {text}"
        self._warn("%s: a malformed message was passed over: %s", self._references.where, text)


class Receiving(Endpoint):
    """An endpoint that takes messages, one at a time. `_take` is its attempt."""

    _in: Incoming

    @property
    def _spins(self) -> bool:
        return self._near or not self._in.received_large  # see spinning.py

    def _take(self) -> Any:
        """What `_accept` makes of the next good message; None when there is none. Bad ones are passed over."""
        incoming = self._in
        skipped = 0
        while True:
            try:
                with self._lock:
                    if not self._open:
                        self._refuse()
                    views = incoming.take()
            except zmq.ZMQError as error:
                raise self._gone(error) from error
            if views is None:
                return None
            try:
                taken = self._accept(views)
            except Exception as error:  # noqa: BLE001 - rule 2: whatever a peer makes happen
                incoming.reject(error)
            else:
                if taken is not None:
                    return taken
            skipped += 1
            if skipped == limits.SKIPS_MAX:
                self._wake(RECEIVE)  # there may be more; but first look at the clock
                return None

    def _take_if_here(self) -> Any:
        """As _take, for when there is nothing, as a rule."""
        return None if self._is_empty() else self._take()

    def _accept(self, views: Any) -> Any:
        """What the caller gets of this message, never None; None: pass it over. Raises when it is malformed."""
        raise NotImplementedError


class BlockingReceiving(Receiving, Blocking):
    """One that waits for its messages."""

    def _next(self, what: str, timeout: float | None) -> Any:
        """What `_take` gives, when there is one. Raises Timeout after so many seconds, and Closed."""
        if not self._slept:
            taken = self._take()
            if taken is not None:
                if len(self._waiters) > self._own_waiters:
                    self._stir()
                return taken
        # Who had to wait for the last message will as a rule have to wait for this one too.
        self._slept = False
        return self._until(self._take, RECEIVE, what, timeout, self._take_if_here)

"""Requesting: all of a Client but its waits.

Rule 1: a reply reaches the call that asked for it, and no other. One that comes when nobody waits for it any more is
counted as late, and dropped.
Rule 2: whoever looks for a reply hands each that he finds to its call: it does not matter who looks.
Rule 3: when its time is up a request may have been carried out or not, or may still be. It is repeated only when asked for.

Theory of operation. A DEALER, so many requests may be in flight. The header's epoch and sequence name a request; the
server sends them back. A server that went away is connected to again by libzmq, and what is in the queue then goes to
the one that has taken its place. Closing delivers nothing: whoever still waits for a reply gets Closed.
"""

import time
from collections.abc import Iterable
from typing import Any, TypeAlias

import zmq

from oobpickle import limits, wire
from oobpickle.codec import DEFAULT_CODEC, AnyCodec
from oobpickle.endpoints.incoming import Incoming
from oobpickle.endpoints.lane import LaneChoice
from oobpickle.endpoints.options import HIGH_WATER_MARK, receiving
from oobpickle.endpoints.outgoing import MAX_BYTES
from oobpickle.endpoints.parcel import Parcel
from oobpickle.endpoints.security import Curve
from oobpickle.endpoints.sending import Sending
from oobpickle.endpoints.waiting import RECEIVE
from oobpickle.errors import DecodeError, RemoteError
from oobpickle.patterns.correlation import Correlation
from oobpickle.patterns.numbering import new_epoch
from oobpickle.patterns.stats import Stats

A_REPLY, NO_ROOM = "a reply", "room for a request"


Answer: TypeAlias = tuple[wire.Message, list[memoryview]]


class Call:
    """One request in flight."""

    __slots__ = ("answer", "fresh", "number", "started")

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.number = 0
        self.fresh = True
        self.started = time.time_ns()

    def wake(self) -> None:
        """The answer is there, or the client is closed. Called with the client's lock held, by any thread."""


class Requesting(Sending):
    """A Client without its waits."""

    def __init__(
        self,
        *,
        bind: str | Iterable[str] | None = None,
        connect: str | Iterable[str] | None = None,
        codec: AnyCodec = DEFAULT_CODEC,
        curve: Curve | None = None,
        insecure: bool = False,
        context: "zmq.Context[Any] | None" = None,
        high_water_mark: int = HIGH_WATER_MARK,
        max_bytes: int | None = MAX_BYTES,
        max_frame: int = limits.FRAME_BYTES_MAX,
        lane: LaneChoice = "auto",
        readonly: bool = False,
    ) -> None:
        super().__init__(
            zmq.DEALER,
            bind=bind,
            connect=connect,
            codec=codec,
            curve=curve,
            insecure=insecure,
            context=context,
            linger=0,
            options={zmq.SNDHWM: high_water_mark, **receiving(high_water_mark, max_frame)},
            lane=lane,
        )
        self._out = self._outgoing(max_bytes, "one", marks=False)
        references = self._references(readonly=readonly)
        self._in = Incoming(self._socket, self._codec, self._counters, references=references)
        self._flags = wire.TAKES_SHARED if references.takes else 0
        self._epoch = new_epoch()
        self._calls: Correlation[Call] = Correlation()
        self._leading: dict[str, Call] = {}  # of threads that wait, the one that looks for all; see request.py

    def _encode(self, call: Call, obj: Any, copy: bool, retries: int) -> list[wire.Frame]:
        """The frames of a request; one that may be repeated is all frames. From here on its reply is expected."""
        if not self._open:
            self._refuse()
        call.number = self._calls.expect(call)
        stream, buffers = self._codec.encode(obj)
        return self._out.pack(stream, buffers, self._flags, self._epoch, call.number, copy, not retries)

    def _give_up(self, call: Call, frames: list[wire.Frame]) -> None:
        """The call is over, however it ended: a reply that comes now is late."""
        self._calls.give_up(call.number)
        if type(frames) is Parcel:
            frames.abandon()

    def _look(self, wanted: Call | None = None) -> bool:
        """Take what has come and hand it to the calls that wait for it, up to the one that is wanted.

        False when there may be more.
        """
        try:
            with self._lock:
                if not self._open:
                    self._refuse()
                for _ in range(limits.SKIPS_MAX):
                    views = self._in.take()
                    if views is None:
                        return True
                    call = self._hand_out(views)
                    if call is not None and call is wanted:
                        break
        except zmq.ZMQError as error:
            raise self._gone(error) from error
        return False

    def _hand_out(self, views: list[memoryview]) -> Call | None:
        try:
            opened = self._in.open(views)
        except DecodeError as error:
            self._in.reject(error)
            return None
        call = self._calls.settle(opened.sequence if opened.epoch == self._epoch else 0)
        if call is None:
            self._in.skip(opened)
        else:
            call.answer = (opened, views)
            call.wake()
        return call

    def _look_for(self, call: Call) -> Answer | None:
        """The attempt that waits for one reply. Who leads those that wait for others makes another lead when he leaves."""
        if call.answer is None and call.fresh:
            call.fresh = False
            if self._is_empty():  # there can be no reply yet, as a rule
                return None
        if call.answer is None and not self._look(call) and call.answer is None:
            self._wake(RECEIVE)  # look once more, but first at the clock
        return call.answer

    def _result(self, call: Call, answer: Answer) -> Any:
        """What the reply says. Raises RemoteError, and DecodeError when it cannot be read."""
        opened, views = answer
        try:
            obj = self._in.decode(opened, views, call.started)
            if opened.flags & wire.FAILED:
                obj = _remote_error(obj)
        except Exception as error:
            self._in.reject(error)
            raise
        if opened.flags & wire.FAILED:
            raise obj
        return obj

    def _snapshot(self) -> Stats:
        return self._counters.snapshot(
            late=self._calls.late, in_flight=len(self._calls), bytes_in_flight=self._out.bytes_in_flight
        )

    def _unsent(self) -> int:
        return 0  # whoever waits for a reply is told that there will be none

    def _shut(self) -> None:
        super()._shut()
        for call in self._calls.callers():
            call.wake()


def _remote_error(obj: Any) -> RemoteError:
    if type(obj) is not tuple or len(obj) != 3 or not all(type(part) is str for part in obj):
        raise DecodeError("an error reply that holds no error")
    return RemoteError(*obj)

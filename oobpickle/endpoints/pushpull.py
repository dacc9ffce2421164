"""`Pusher` and `Puller`: a pipeline. Each object goes to one of the pullers; a pusher waits when all are full.

Theory of operation: PUSH deals messages out in turn to the peers that have room, PULL takes them fairly. What a puller
has in its queue when it dies is lost with it (libzmq has no acknowledgement); what had not left the pusher goes to others.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import zmq

from oobpickle import limits
from oobpickle.codec import DEFAULT_CODEC, AnyCodec
from oobpickle.endpoints.blocking import Blocking
from oobpickle.endpoints.endpoint import LINGER
from oobpickle.endpoints.incoming import BlockingReceiving, Incoming, Receiving
from oobpickle.endpoints.lane import LaneChoice
from oobpickle.endpoints.options import HIGH_WATER_MARK, receiving
from oobpickle.endpoints.outgoing import MAX_BYTES
from oobpickle.endpoints.parcel import Waiting
from oobpickle.endpoints.security import Curve
from oobpickle.endpoints.sending import Sending
from oobpickle.endpoints.waiting import ROOM
from oobpickle.errors import Closed
from oobpickle.patterns.numbering import new_epoch
from oobpickle.tracker import Tracker
from oobpickle.wire import Frame

A_MESSAGE, NO_ROOM = "a message", "room for a message"


class Pushing(Sending):
    """A Pusher without its waits."""

    def __init__(
        self,
        *,
        bind: str | Iterable[str] | None = None,
        connect: str | Iterable[str] | None = None,
        codec: AnyCodec = DEFAULT_CODEC,
        curve: Curve | None = None,
        insecure: bool = False,
        context: "zmq.Context[Any] | None" = None,
        linger: float | None = LINGER,
        high_water_mark: int = HIGH_WATER_MARK,
        max_bytes: int | None = MAX_BYTES,
        lane: LaneChoice = "auto",
    ) -> None:
        super().__init__(
            zmq.PUSH,
            bind=bind,
            connect=connect,
            codec=codec,
            curve=curve,
            insecure=insecure,
            context=context,
            linger=linger,
            options={zmq.SNDHWM: high_water_mark},
            lane=lane,
        )
        self._out = self._outgoing(max_bytes, "one")
        self._epoch = new_epoch()

    def _encode(self, obj: Any, copy: bool) -> list[Frame]:
        if not self._open:
            self._refuse()
        stream, buffers = self._codec.encode(obj)
        out = self._out
        return out.pack(stream, buffers, 0, self._epoch, out.sent + 1, copy)


class Pusher(Pushing, Blocking):
    """Sends each object to one of its pullers."""

    def send(self, obj: Any, *, timeout: float | None = None, snapshot: bool = False) -> Tracker:
        """Send obj to the next puller that has room; wait while none has, or while max_bytes are on their way.

        Gives a tracker: until it is done leave the arrays of obj as they are; snapshot=True copies them first.
        Raises EncodeError, Timeout after so many seconds (nothing was sent), and Closed.
        """
        frames = self._encode(obj, snapshot)
        tracker = self._put(frames)
        if tracker is None:
            with Waiting(frames):
                tracker = self._until(partial(self._put, frames), ROOM, NO_ROOM, timeout)
        return tracker


class Pulling(Receiving):
    """A Puller without its waits."""

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
        max_frame: int = limits.FRAME_BYTES_MAX,
        lane: LaneChoice = "auto",
        readonly: bool = False,
    ) -> None:
        super().__init__(
            zmq.PULL,
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

    def _accept(self, views: list[memoryview]) -> tuple[Any]:
        opened = self._in.open(views)
        return (self._in.decode(opened, views, opened.sent_at),)


class Puller(Pulling, BlockingReceiving):
    """Receives objects from its pushers; iterating gives one after the other until the puller is closed."""

    def recv(self, *, timeout: float | None = None) -> Any:
        """The next object. Raises Timeout after so many seconds, and Closed."""
        return self._next(A_MESSAGE, timeout)[0]

    def __iter__(self) -> Iterator[Any]:
        try:
            while True:
                yield self.recv()
        except Closed:
            return


# What is wrong with a call of a class, Python tells with this name: let it be one that the user knows.
Pushing.__init__.__qualname__ = "Pusher.__init__"
Pulling.__init__.__qualname__ = "Puller.__init__"

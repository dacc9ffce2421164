"""Serving: all of a Server but its waits.

Rule 1: every request that can be answered is: with the handler's result, or with what went wrong, as text. The exception
object stays here: whoever asks must not make the client run code, or read what the exception refers to.
Rule 2: a client cannot hold up the server. When its queue stays full, or it is gone, the reply is dropped and counted; and
nobody waits for it a second time, until it has taken something.
Rule 3: a request is answered once.

Theory of operation. A ROUTER; ROUTER_MANDATORY makes it say when a client is gone or full, where it would drop silently.
"""

import errno
import logging
import traceback
from collections.abc import Iterable
from typing import Any

import zmq

from oobpickle import limits, wire
from oobpickle.codec import DEFAULT_CODEC, AnyCodec
from oobpickle.endpoints.endpoint import LINGER
from oobpickle.endpoints.incoming import Incoming, Receiving
from oobpickle.endpoints.lane import LaneChoice, is_near
from oobpickle.endpoints.options import HIGH_WATER_MARK, receiving
from oobpickle.endpoints.outgoing import MAX_BYTES
from oobpickle.endpoints.security import Curve
from oobpickle.endpoints.sending import Sending
from oobpickle.endpoints.sparing import Sparing
from oobpickle.errors import EncodeError, LaneError, type_name
from oobpickle.patterns.stats import Stats
from oobpickle.tracker import DONE, Tracker

logger = logging.getLogger(__name__)

A_REQUEST, NO_ROOM = "a request", "room for a reply"

REPLY_PATIENCE = 1.0
"""Seconds that a reply waits for room at its client: a queue of large replies drains in that time; see rule 2."""

TRACEBACK_MAX = 32 * 1024
"""Characters of a traceback that are sent: its end, where the error is. A recursion's has millions."""

TEXT_MAX = 8 * 1024
"""Characters of an error's text that are sent: its beginning. Some quote what they were given."""


class Asked:
    """A request as it came; the base of Request."""

    __slots__ = ("_answered", "_epoch", "_route", "_sequence", "_server", "_shares", "obj")

    def __init__(self, server: Any, route: bytes, opened: wire.Message, obj: Any) -> None:
        self.obj = obj
        self._server = server
        self._route = route
        self._epoch = opened.epoch
        self._sequence = opened.sequence
        self._shares = bool(opened.flags & wire.TAKES_SHARED)
        self._answered = False

    def _answer(self, obj: Any, copy: bool = False, flags: int = 0) -> list[wire.Frame]:
        """The frames of the answer. Raises EncodeError, then it can still be answered; and RuntimeError the second time."""
        if self._answered:
            raise RuntimeError("this request has been answered already")
        server = self._server
        if not server._open:  # noqa: SLF001 - its own server
            server._refuse()  # noqa: SLF001
        stream, buffers = server._codec.encode(obj)  # noqa: SLF001
        frames: list[wire.Frame] = server._out.pack(  # noqa: SLF001
            stream, buffers, flags, self._epoch, self._sequence, copy, self._shares, self._route
        )
        self._answered = True
        return frames

    def _failure(self, error: BaseException) -> list[wire.Frame]:
        """The frames of an answer that tells of an error. Raises as `_answer` does."""
        told = describe(error)
        try:
            return self._answer(told, flags=wire.FAILED)
        except EncodeError:  # limits that are smaller than that
            return self._answer((told[0], "", ""), flags=wire.FAILED)

    @property
    def answered(self) -> bool:
        """Whether it has its answer."""
        return self._answered

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._sequence}{' (answered)' if self._answered else ''}>"


class Serving(Receiving, Sending):
    """A Server without its waits."""

    _request_type: type[Asked]

    def __init__(
        self,
        *,
        bind: str | Iterable[str] | None = None,
        connect: str | Iterable[str] | None = None,
        codec: AnyCodec = DEFAULT_CODEC,
        workers: int = 1,
        curve: Curve | None = None,
        insecure: bool = False,
        context: "zmq.Context[Any] | None" = None,
        linger: float | None = LINGER,
        high_water_mark: int = HIGH_WATER_MARK,
        max_bytes: int | None = MAX_BYTES,
        max_frame: int = limits.FRAME_BYTES_MAX,
        lane: LaneChoice = "auto",
        readonly: bool = False,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers={workers}: there must be one at least")
        super().__init__(
            zmq.ROUTER,
            bind=bind,
            connect=connect,
            codec=codec,
            curve=curve,
            insecure=insecure,
            context=context,
            linger=linger,
            options={
                zmq.SNDHWM: high_water_mark,
                zmq.ROUTER_MANDATORY: 1,
                **receiving(high_water_mark, max_frame),
            },
            lane=lane,
        )
        self._out = self._outgoing(max_bytes, "one", marks=False)
        references = self._references(readonly=readonly)
        self._in = Incoming(self._socket, self._codec, self._counters, references=references, routed=True)
        self._workers = workers
        self._refusals = 0
        self._stuck: set[bytes] = set()  # clients that did not take a reply within REPLY_PATIENCE, by their routes
        self._warn = Sparing(logger)

    def _take(self) -> Any:
        return None if self._is_empty() else super()._take()  # after a reply there is no request yet, as a rule

    def _accept(self, views: list[memoryview]) -> Asked:
        route = self._in.route
        try:
            opened = self._in.open(views)
        except LaneError as error:
            self._refuse_request(route, wire.unpack(views, allow_shared=True), error)
            raise
        try:
            obj = self._in.decode(opened, views, opened.sent_at)
        except Exception as error:
            self._refuse_request(route, opened, error)
            raise
        return self._request_type(self, route, opened, obj)

    def _refers(self) -> bool:
        """A reply is shared when its request asked for that, which those do that came over ipc."""
        return self._lane == "shared" or (self._lane == "auto" and any(map(is_near, self._addresses)))

    def _failed(self, asked: Asked, error: BaseException) -> bool:
        """Whether the client can still be told that its handler raised this. False: the server is closed."""
        if not self._open:
            return False
        logger.error("the handler of a request raised", exc_info=error)
        if asked.answered:
            raise error
        return True

    def _refuse_request(self, route: bytes, opened: wire.Message, error: Exception) -> None:
        """Tell the client why there will be no answer, if there is room for that."""
        stream, buffers = self._codec.encode(describe(error, with_traceback=False))
        frames = self._out.pack(stream, buffers, wire.FAILED, opened.epoch, opened.sequence)
        if self._put(frames, route) is not None:
            self._refusals += 1

    def _put(self, frames: list[wire.Frame], route: bytes = b"") -> Tracker | None:
        try:
            with self._lock:
                if not self._open:
                    self._refuse()
                return self._attempt(frames, route)
        except zmq.ZMQError as error:
            if error.errno != errno.EHOSTUNREACH:
                raise self._gone(error) from error
        with self._lock:
            self._counters.dropped += 1
        return DONE

    def _drop(self, route: bytes) -> Tracker:
        """A reply for which there was no room."""
        with self._lock:
            self._counters.dropped += 1
            if len(self._stuck) == limits.STUCK_MAX:
                self._stuck.clear()
            self._stuck.add(route)
        self._warn("a reply was dropped: the client does not take its replies")
        return DONE

    def _snapshot(self) -> Stats:
        counters = self._counters
        answered = self._out.sent + counters.dropped - self._refusals
        return counters.snapshot(in_flight=counters.messages - answered, bytes_in_flight=self._out.bytes_in_flight)

    def _unsent(self) -> int:
        # Small replies are not followed: if any is left there is one at least, and more is not known.
        return 0 if self._inproc_only else max(1, self._known_unsent())

    def _known_unsent(self) -> int:
        self._out.budget.settle()
        return 0 if self._inproc_only else len(self._out.budget)


def describe(error: BaseException, *, with_traceback: bool = True) -> tuple[str, str, str]:
    """What a client is told of an error: (type name, text, traceback)."""
    lines = "".join(traceback.format_exception(error))[-TRACEBACK_MAX:] if with_traceback else ""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the class's own
        text = "(its text cannot be made)"
    return type_name(error), text[:TEXT_MAX], lines

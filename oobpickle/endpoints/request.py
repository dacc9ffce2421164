"""`Client` and `Server`: requests and their replies. Blocking; what they do is in requesting.py and serving.py.

Theory of operation of a Client in many threads. One of those that wait is the leader: it sleeps on the socket, takes every
reply that comes, and hands each to its call. The others sleep on gates of their own. A leader that has its reply makes
one of them the next leader; and so does whoever leaves while nobody leads, for he may have been told to.
"""

import _thread
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from oobpickle import wire
from oobpickle.endpoints.blocking import Blocking
from oobpickle.endpoints.incoming import BlockingReceiving
from oobpickle.endpoints.parcel import Waiting
from oobpickle.endpoints.requesting import A_REPLY, NO_ROOM, Answer, Call, Requesting
from oobpickle.endpoints.serving import A_REQUEST, REPLY_PATIENCE, Asked, Serving
from oobpickle.endpoints.serving import NO_ROOM as NO_ROOM_FOR_REPLY
from oobpickle.endpoints.waiting import RECEIVE, ROOM, deadline_of
from oobpickle.errors import Closed, Timeout
from oobpickle.tracker import Tracker

_LEADER = "leader"


class _ThreadCall(Call):
    """A call whose thread may sleep at a gate."""

    __slots__ = ("gate",)

    def __init__(self) -> None:
        super().__init__()
        self.gate: Any = None

    def wake(self) -> None:
        if self.gate is not None:
            with contextlib.suppress(RuntimeError):  # it is open already
                self.gate.release()


class Client(Requesting, Blocking):
    """Asks a server; from as many threads as you like, and each may have its own request in flight."""

    def request(self, obj: Any, *, timeout: float | None = None, retries: int = 0, snapshot: bool = False) -> Any:
        """Send obj and return the server's reply to it.

        retries: how often the request is sent again when nothing has come within timeout seconds; only for requests
        that may be carried out twice. snapshot=True copies the arrays of obj first: without it leave them as they are
        until the reply is here, and after a Timeout for good, or close the client first.
        Raises EncodeError; RemoteError when the server's handler raised; Timeout: then the request may have been
        carried out or not, and the next one works; DecodeError for a reply that cannot be read, LaneError for one whose
        shared memory is gone (its server died at once); and Closed.
        """
        call = _ThreadCall()
        frames: list[wire.Frame] = []
        try:
            frames = self._encode(call, obj, snapshot, retries)
            while True:
                try:
                    return self._result(call, self._ask(call, frames, timeout))
                except Timeout:
                    if not retries:
                        raise
                    retries -= 1
        finally:
            self._give_up(call, frames)
            self._hand_on(call)

    def _ask(self, call: _ThreadCall, frames: list[wire.Frame], timeout: float | None) -> Answer:
        deadline = deadline_of(timeout)
        if self._put(frames) is None:
            with Waiting(frames):
                self._until(partial(self._put, frames), ROOM, NO_ROOM, timeout)
        elif self._waiters:
            self._stir()
        while call.answer is None:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if self._lead(call):
                try:
                    return self._until(partial(self._look_for, call), RECEIVE, A_REPLY, left)
                except Timeout:
                    raise self._expired(A_REPLY, timeout) from None
            if call.gate is None:
                call.gate = _thread.allocate_lock()
                call.gate.acquire()  # and now look once more: whoever hands on from here on sees the gate
            elif not call.gate.acquire(timeout=-1 if left is None else left):
                raise self._expired(A_REPLY, timeout)
            elif not self._open:
                self._refuse()
        return call.answer

    def _lead(self, call: Call) -> bool:
        return self._leading.setdefault(_LEADER, call) is call  # one step, which CPython does not interrupt

    def _hand_on(self, call: Call) -> None:
        """Leave: see that somebody leads those who stay."""
        if self._leading.get(_LEADER) is call:
            del self._leading[_LEADER]
        if len(self._calls) and not self._leading:
            for other in self._calls.callers():
                if isinstance(other, _ThreadCall) and other.gate is not None:
                    other.wake()
                    return


class Request(Asked):
    """A request that waits for its answer. obj: what the client sent."""

    def reply(self, obj: Any, *, snapshot: bool = False) -> Tracker:
        """Answer with obj. A client that is gone, or does not take its replies for a second, does not get it: counted.

        Gives a tracker: until it is done leave the arrays of obj as they are; snapshot=True copies them first.
        Raises EncodeError (then it can still be answered), RuntimeError when it was answered already, and Closed.
        """
        tracker: Tracker = self._server._deliver(self._answer(obj, snapshot), self._route)  # noqa: SLF001
        return tracker

    def fail(self, error: BaseException) -> None:
        """Answer that it went wrong: the client's request raises RemoteError. Raises as reply does."""
        self._server._deliver(self._failure(error), self._route)  # noqa: SLF001


class Server(Serving, BlockingReceiving):
    """Answers requests: `serve` them by a function, or `recv` and `reply` them one by one, or several together."""

    _request_type = Request
    _threads: tuple[threading.Thread, ...] = ()

    def recv(self, *, timeout: float | None = None) -> Request:
        """The next request; it is to be answered by its `reply` or `fail`, in any order, by any thread.

        Raises Timeout after so many seconds, and Closed.
        """
        request: Request = self._next(A_REQUEST, timeout)
        return request

    def __iter__(self) -> Iterator[Request]:
        try:
            while True:
                yield self.recv()
        except Closed:
            return

    def serve(self, handler: Callable[[Any], Any]) -> None:
        """Answer each request with what handler returns for its object, until the server is closed.

        What it raises reaches the client as RemoteError, and is logged; the server goes on. workers= threads call it,
        one of them at a time each; with one worker it is called in this thread. SystemExit and what else is no Exception
        is told to the client as well, and raised; where there are several workers the server is closed then.
        """
        turn = threading.Lock()
        if self._workers == 1:
            self._serve(handler, turn)
            return
        ended: list[BaseException] = []

        def work() -> None:
            try:
                self._serve(handler, turn)
            except BaseException as error:  # noqa: BLE001 - raised below
                ended.append(error)
                self.close()

        threads = tuple(
            threading.Thread(target=work, name=f"oobpickle worker {number}", daemon=True)
            for number in range(self._workers)
        )
        for thread in threads:
            thread.start()
        self._threads = threads  # only now: close joins them, and may be called while they start
        for thread in threads:
            thread.join()
        if ended:
            raise ended[0]

    def _serve(self, handler: Callable[[Any], Any], turn: threading.Lock) -> None:
        try:
            while True:
                with turn:
                    request = self.recv()
                self._handle(handler, request)
        except Closed:
            return

    def _handle(self, handler: Callable[[Any], Any], request: Request) -> None:
        try:
            request.reply(handler(request.obj))
        except Exception as error:  # noqa: BLE001 - whatever a handler raises: the client is told
            if not self._failed(request, error):
                raise Closed from None
            request.fail(error)
        except BaseException as error:
            if not request.answered:
                with contextlib.suppress(Exception):  # what ends us is told to our caller first of all
                    request.fail(error)
            raise

    def _deliver(self, frames: list[wire.Frame], route: bytes) -> Tracker:
        tracker = self._put(frames, route)
        if tracker is None:
            patience = 0.0 if route in self._stuck else REPLY_PATIENCE
            try:
                with Waiting(frames):
                    tracker = self._until(partial(self._put, frames, route), ROOM, NO_ROOM_FOR_REPLY, patience)
            except Timeout:
                return self._drop(route)
        if self._stuck:
            self._stuck.discard(route)
        if self._waiters:
            self._stir()
        return tracker

    def close(self, linger: float | None = -1.0) -> None:
        """As of every endpoint; and its workers end, each after the request that it is at."""
        super().close(linger)
        if threading.current_thread() not in self._threads:  # two of them would wait for each other
            for thread in self._threads:
                thread.join()


# What is wrong with a call of a class, Python tells with this name: let it be one that the user knows.
Requesting.__init__.__qualname__ = "Client.__init__"
Serving.__init__.__qualname__ = "Server.__init__"

"""`Client` and `Server` for asyncio; see oobpickle/endpoints/request.py.

The replies of a Client are taken when the loop finds the socket readable, by nobody's task, and each wakes its own: a
thousand requests in flight cost what one costs, a thousand times.
"""

import asyncio
import contextlib
import inspect
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Self

from oobpickle import wire
from oobpickle.aio.waiting import Awaiting, TaskWaiter
from oobpickle.endpoints.parcel import Waiting
from oobpickle.endpoints.requesting import A_REPLY, NO_ROOM, Answer, Call, Requesting
from oobpickle.endpoints.serving import A_REQUEST, REPLY_PATIENCE, Asked, Serving
from oobpickle.endpoints.serving import NO_ROOM as NO_ROOM_FOR_REPLY
from oobpickle.endpoints.waiting import RECEIVE, ROOM, deadline_of
from oobpickle.errors import Closed, Timeout
from oobpickle.tracker import Tracker


class _TaskCall(Call):
    __slots__ = ("waiter",)

    def __init__(self) -> None:
        super().__init__()
        self.waiter = TaskWaiter(RECEIVE)

    def wake(self) -> None:
        self.waiter.wake()


class Client(Requesting, Awaiting):
    """Asks a server; any number of tasks may have a request in flight."""

    async def request(self, obj: Any, *, timeout: float | None = None, retries: int = 0, snapshot: bool = False) -> Any:
        """As oobpickle.Client.request."""
        call = _TaskCall()
        frames: list[wire.Frame] = []
        try:
            frames = self._encode(call, obj, snapshot, retries)
            while True:
                try:
                    return self._result(call, await self._ask(call, frames, timeout))
                except Timeout:
                    if not retries:
                        raise
                    retries -= 1
        finally:
            self._give_up(call, frames)

    async def _ask(self, call: _TaskCall, frames: list[wire.Frame], timeout: float | None) -> Answer:
        deadline = deadline_of(timeout)
        self._enter(call.waiter)
        try:
            with Waiting(frames):
                await self._until(partial(self._put, frames), ROOM, NO_ROOM, timeout)
            while call.answer is None:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise self._expired(A_REPLY, timeout)
                await call.waiter.sleep(left)
                if call.answer is None:
                    if not self._open:
                        self._refuse()
                    self._stir()  # the loop will not say it again: who woke us may have swallowed the signal
            return call.answer
        finally:
            self._leave(call.waiter)

    def _readable(self) -> None:
        self._wake(ROOM)
        with contextlib.suppress(Closed):  # its context is gone: that has woken all, and they find it out
            self._stir()

    def _stir(self) -> None:
        if self._open and not self._look():
            asyncio.get_running_loop().call_soon(self._readable)


class Request(Asked):
    """A request that waits for its answer. obj: what the client sent."""

    async def reply(self, obj: Any, *, snapshot: bool = False) -> Tracker:
        """As oobpickle.Request.reply."""
        tracker: Tracker = await self._server._deliver(self._answer(obj, snapshot), self._route)  # noqa: SLF001
        return tracker

    async def fail(self, error: BaseException) -> None:
        """As oobpickle.Request.fail."""
        await self._server._deliver(self._failure(error), self._route)  # noqa: SLF001


class Server(Serving, Awaiting):
    """Answers requests: `serve` them by a function, or `recv` and `reply` them one by one, or several together."""

    _request_type = Request

    async def recv(self, *, timeout: float | None = None) -> Request:
        """As oobpickle.Server.recv."""
        request: Request = await self._until(self._take, RECEIVE, A_REQUEST, timeout)
        return request

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Request:
        try:
            return await self.recv()
        except Closed:
            raise StopAsyncIteration from None

    async def serve(self, handler: Callable[[Any], Any]) -> None:
        """As oobpickle.Server.serve. handler may be a coroutine function; workers= is how many run at a time."""
        tasks = [asyncio.create_task(self._serve(handler)) for _ in range(self._workers)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, handler: Callable[[Any], Any]) -> None:
        async for request in self:
            try:
                result = handler(request.obj)
                await request.reply(await result if inspect.isawaitable(result) else result)
            except (Exception, asyncio.CancelledError) as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():  # we are; else it is what the handler awaited
                    raise
                if not self._failed(request, error):
                    return
                await request.fail(error)
            except BaseException as error:
                if not request.answered:
                    with contextlib.suppress(Exception):  # what ends us is told to our caller first of all
                        await request.fail(error)
                raise

    async def _deliver(self, frames: list[wire.Frame], route: bytes) -> Tracker:
        put = partial(self._put, frames, route)
        patience = 0.0 if route in self._stuck else REPLY_PATIENCE
        try:
            with Waiting(frames):
                tracker = await self._until(put, ROOM, NO_ROOM_FOR_REPLY, patience)
        except Timeout:
            return self._drop(route)
        self._stuck.discard(route)
        return tracker

"""The waits of asyncio, the counterpart of endpoints/blocking.py; endpoints/waiting.py has the rules.

Theory of operation. The socket is a plain one, and only ever used without waiting. While somebody waits, the loop watches
the socket's descriptor; when it can be read everybody who waits attempts again, each in its own task. So a
message is taken by the task that returns it, in one step: a task that was cancelled in its sleep has taken nothing.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Self, TypeVar

from oobpickle.endpoints.endpoint import Endpoint
from oobpickle.endpoints.waiting import PATIENCE, RECEIVE, ROOM, deadline_of

T = TypeVar("T")

TURNS = 64
"""Calls that may succeed at once, one after the other, before other tasks get their turn: about 1 ms of small messages."""


class TaskWaiter:
    """One task that sleeps until it is woken."""

    __slots__ = ("_future", "_loop", "_thread", "_woken", "wants")

    def __init__(self, wants: int) -> None:
        self.wants = wants
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._future: asyncio.Future[None] | None = None
        self._woken = False

    def wake(self) -> None:
        """See Waiter."""
        if threading.get_ident() == self._thread:
            self._stand_up()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stand_up)

    def _stand_up(self) -> None:
        self._woken = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def sleep(self, seconds: float | None) -> None:
        """Return when woken, or after so many seconds; None: no bound."""
        if not self._woken:
            self._future = self._loop.create_future()
            timer = None if seconds is None else self._loop.call_later(seconds, self._stand_up)
            try:
                await self._future
            finally:
                self._future = None
                if timer is not None:
                    timer.cancel()
        self._woken = False


class Awaiting(Endpoint):
    """The awaited wait, and what is made of it."""

    _turn = 0
    _watching: asyncio.AbstractEventLoop | None = None

    async def _until(self, attempt: Callable[[], T | None], wants: int, what: str, timeout: float | None) -> T:
        """Repeat the attempt until it gives something. Raises Timeout after so many seconds, and Closed."""
        self._turn += 1
        if self._turn % TURNS == 0:
            await asyncio.sleep(0)  # before the attempt: what was taken is returned
        result = attempt()
        if result is not None:
            if self._waiters:
                self._stir()
            return result
        deadline = deadline_of(timeout)
        waiter = TaskWaiter(wants)
        self._enter(waiter)
        try:
            while (result := attempt()) is None:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise self._expired(what, timeout)
                if wants & ROOM:
                    left = PATIENCE if left is None else min(left, PATIENCE)
                    if len(self._waiters) > 1:
                        self._stir()
                await waiter.sleep(left)
            return result
        finally:
            self._leave(waiter)

    def _enter(self, waiter: TaskWaiter) -> None:
        self._waiters.add(waiter)
        if self._watching is None:
            self._watching = loop = asyncio.get_running_loop()
            loop.add_reader(self._descriptor, self._readable)
            for descriptor in self._signals:
                loop.add_reader(descriptor, self._attend)

    def _leave(self, waiter: TaskWaiter) -> None:
        self._waiters.discard(waiter)
        if len(self._waiters) == self._own_waiters:  # no task of anybody's
            self._unwatch()
        if self._waiters:
            self._stir()

    def _unwatch(self) -> None:
        if self._watching is not None and not self._watching.is_closed():
            for descriptor in (self._descriptor, *self._signals):
                self._watching.remove_reader(descriptor)
        self._watching = None

    def _readable(self) -> None:
        self._wake(RECEIVE | ROOM)

    async def close(self, linger: float | None = -1.0) -> None:
        """As of the blocking endpoints; what waits in other tasks raises Closed."""
        if not self._open:
            return
        self._shut()
        self._unwatch()
        deadline = self._deadline(linger)
        loop = asyncio.get_running_loop()
        waiter = TaskWaiter(RECEIVE)
        for descriptor in self._monitor.descriptors:
            loop.add_reader(descriptor, waiter.wake)
        try:
            try:
                while (left := self._awaits(deadline)) is not None:
                    await waiter.sleep(left)
            finally:
                self._part(deadline)
            while (left := self._lingers(deadline)) is not None:
                await waiter.sleep(left)
        finally:
            for descriptor in self._monitor.descriptors:
                loop.remove_reader(descriptor)
            self._farewell()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self.close(self._linger_after(kind))

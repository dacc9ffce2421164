"""`Blocking`: the wait of a thread, and what is made of it. Its counterpart is oobpickle.aio.waiting."""

import time
from collections.abc import Callable
from typing import Self, TypeVar

from oobpickle.endpoints.endpoint import Endpoint
from oobpickle.endpoints.waiting import PATIENCE, RECEIVE, ROOM, ThreadWaiter, deadline_of

T = TypeVar("T")


class Blocking(Endpoint):
    """The blocking wait, and what is made of it."""

    def _until(
        self,
        attempt: Callable[[], T | None],
        wants: int,
        what: str,
        timeout: float | None,
        first: Callable[[], T | None] | None = None,
    ) -> T:
        """Repeat the attempt until it gives something. Raises Timeout after so many seconds, and Closed.

        first: instead of the first attempt.
        """
        deadline = deadline_of(timeout)
        try:
            waiter = self._resting.pop()
        except IndexError:
            # Over inproc the peer is a thread that needs the interpreter, which a spin would take again and again.
            waiter = ThreadWaiter(self._descriptor, tell=self._signals, spins=not self._inproc_only)
        waiter.wants = wants
        self._waiters.add(waiter)
        spins = wants == RECEIVE and self._spins  # room for one message comes when many have been taken
        try:
            left = None
            result = (first or attempt)()
            while result is None:
                if deadline is not None and (left := deadline - time.monotonic()) <= 0:
                    raise self._expired(what, timeout)
                if wants & ROOM:
                    left = PATIENCE if left is None else min(left, PATIENCE)
                    if len(self._waiters) > 1:
                        self._stir()
                if waiter.sleep(left, spins):
                    self._attend()
                self._slept = True
                result = attempt()
            return result
        finally:
            self._waiters.discard(waiter)
            waiter.rest()
            if self._open:  # a closed endpoint holds no descriptors
                self._resting.append(waiter)
            if self._waiters:
                self._stir()

    def close(self, linger: float | None = -1.0) -> None:
        """Close it. Returns when what was sent has left, after `linger` seconds at the most (None: no bound; by default
        what the endpoint was made with); then what could not be delivered is counted as dropped and logged as a warning.

        Calls that wait in other threads raise Closed. Closing twice is fine. After Ctrl-C the endpoint is closed, and
        libzmq goes on delivering in the background as long as the process lives.
        """
        if not self._open:
            return
        self._shut()
        deadline = self._deadline(linger)
        try:
            waiter = ThreadWaiter(*self._monitor.descriptors, spins=False)
            try:
                while (left := self._awaits(deadline)) is not None:
                    waiter.sleep(left)
            finally:
                self._part(deadline)
            while (left := self._lingers(deadline)) is not None:
                waiter.sleep(left)
        finally:
            self._farewell()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(self._linger_after(kind))

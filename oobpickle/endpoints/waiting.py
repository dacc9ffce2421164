"""Waiting: the one thing that blocking and asyncio endpoints do differently.

Rule 1: an *attempt* is a function that takes no time: it does its work and returns the result, or returns None because
there is nothing to take or no room to put. Everything that an endpoint does is such attempts, and `_until` repeats one
until it succeeds, the time is up, or the endpoint is closed.
Rule 2: what was taken is returned. Nothing lies between a successful attempt and the caller where a cancellation could
lose it.
Rule 3: whoever waits is woken; nobody is trusted to look by himself. `wake` may be called by any thread and by any
garbage collector's callback: it takes no lock and does not block.

Theory of operation. libzmq's file descriptor of a socket is *edge-triggered*: it tells that something has changed since
the socket was last used, whoever used it. So an attempt must leave nothing unread that it was told of (it tries until
libzmq says EAGAIN, or has read ZMQ_EVENTS), and a call that uses the socket while others wait looks afterwards whether
it swallowed the signal of one of them (`Endpoint._stir`): also a call that failed, and one that goes on waiting. That is exact for those who wait to receive. Whether there is
room cannot be told for every kind of socket (XPUB and ROUTER always claim it), so those who wait for room look again
after `PATIENCE` seconds even when nobody woke them.
"""

import contextlib
import math
import os
import select
import time
from typing import Protocol

import zmq

from oobpickle.errors import type_name
from oobpickle.spinning import SPIN, Spin

RECEIVE, ROOM = int(zmq.POLLIN), int(zmq.POLLOUT)
"""What is waited for; the values are those of ZMQ_EVENTS."""

PATIENCE = 0.01
"""Seconds after which one who waits for room looks again: rare enough to cost nothing (0.1 % of a core)."""


_LONG = 1e6  # seconds; poll takes no more than twice that, and then one looks again


def deadline_of(timeout: float | None) -> float | None:
    """When a wait of so many seconds is over, as time.monotonic tells it; None: never. Raises TypeError for no number."""
    try:
        return None if timeout is None else time.monotonic() + timeout
    except TypeError:
        raise TypeError(f"timeout must be a number of seconds, or None, not {type_name(timeout)}") from None


class Waiter(Protocol):
    """One who waits. wants: RECEIVE or ROOM."""

    wants: int

    def wake(self) -> None:
        """Make it attempt again. Never blocks; also for one that does not wait any longer."""


class ThreadWaiter:
    """Sleeps until one of some file descriptors can be read, or another thread calls `wake`."""

    __slots__ = ("_flag", "_poll", "_ready", "_spin", "_tell", "_woken", "wants")

    def __init__(self, *descriptors: int, tell: tuple[int, ...] = (), spins: bool = True) -> None:
        """tell: more of them, of which `sleep` tells. spins: whether it looks again for a moment before it sleeps."""
        self.wants = RECEIVE
        self._spin = Spin() if spins else None
        self._ready: list[tuple[int, int]] = []
        self._flag = Flag()
        self._woken = False
        self._tell = tell
        self._poll = select.poll()
        for descriptor in (self._flag.fileno(), *descriptors, *tell):
            self._poll.register(descriptor, select.POLLIN)

    def wake(self) -> None:
        """See Waiter."""
        self._woken = True
        self._flag.set()

    def sleep(self, seconds: float | None, spins: bool = True) -> bool:
        """Return when there may be something to do, or after so many seconds; None: no bound. spins: False: this time not.

        Gives whether one of the descriptors of `tell` can be read.
        """
        spin = None if not spins or (seconds is not None and seconds * 1e9 <= SPIN) else self._spin
        if spin is None or not spin.until(self._look):
            self._ready = self._poll.poll(None if seconds is None else math.ceil(min(max(0.0, seconds), _LONG) * 1000))
        if self._woken:
            self.rest()
        for descriptor, _ in self._ready:  # noqa: SIM110 - any() and its generator cost more than the rest of this
            if descriptor in self._tell:
                return True
        return False

    def _look(self) -> list[tuple[int, int]]:
        self._ready = self._poll.poll(0)
        return self._ready

    def rest(self) -> None:
        """Forget wakes: what they told of is looked at now, or was meant for a call that is over."""
        if self._woken:
            self._woken = False  # before the flag: a wake in between is a sleep cut short, not a sleep too long
            self._flag.clear()


class Flag:
    """A flag with a file descriptor, which is readable while it is set.

    The descriptors live as long as the object and are not closed before: so a late `set` from another thread never
    writes to a descriptor that has become somebody else's.
    """

    __slots__ = ("_read", "_write")

    def __init__(self) -> None:
        if hasattr(os, "eventfd"):
            self._read = self._write = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            self._read, self._write = os.pipe()
            os.set_blocking(self._read, False)
            os.set_blocking(self._write, False)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # Ctrl-C in the constructor: there is none
            os.close(self._read)
            if self._write != self._read:
                os.close(self._write)

    def fileno(self) -> int:
        """The descriptor to poll for reading."""
        return self._read

    def set(self) -> None:
        """Make it readable. Never blocks."""
        with contextlib.suppress(BlockingIOError):  # a pipe that is full of wakes: it is readable
            os.write(self._write, b"\x01\0\0\0\0\0\0\0")

    def clear(self) -> None:
        """Make it unreadable."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read, 4096):
                pass

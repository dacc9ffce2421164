"""`Tracker`: tells when libzmq has let go of the memory that it was given to send.

Theory of operation. pyzmq keeps the object that it sends without a copy until libzmq is done with it, and then drops it.
So each frame is handed over as a memoryview that nobody else refers to, and a weak reference to that view calls back when
it dies. That costs half a microsecond a frame; a pyzmq tracker costs 10 to 30 (an Event, and a thread that sets it).
The callback may run in any thread at any point of its code: it takes no lock and does not block.
"""

import _thread
import contextlib
import math
import time
from collections.abc import Callable
from typing import Any, Protocol
from weakref import ref

from oobpickle.errors import Timeout

_Release = Callable[[int], None]

LOOK = 0.05
"""Seconds after which one who waits has the socket looked after: libzmq lets go of what a peer had that has gone only
when the socket is used."""


class Beside(Protocol):
    """Another tracker, of what went another way."""

    @property
    def done(self) -> bool: ...

    def wait(self, timeout: float | None = None) -> None: ...


class _Part(ref[memoryview]):
    """A view on its way. A weak reference knows its referent no longer when it calls back; this one knows its tracker."""

    __slots__ = ("number", "tracker")

    number: int
    tracker: "Tracker"


class Tracker:
    """Follows the memory of one message.

    Until ``done`` is true leave the arrays of the message as they are, or the receiver may get them half changed.
    Arrays of oobpickle.shared: until no receiver has them any more. Others: done means that the kernel, or every subscriber's queue, has a copy, or that the message was dropped: not that a
    receiver has it. Over inproc the receiver's arrays are the sender's memory, and it is done when they are gone.
    """

    __slots__ = ("_attend", "_beside", "_gate", "_parts", "_release", "_ticket")

    def __init__(
        self,
        release: _Release | None = None,
        ticket: int = 0,
        beside: Beside | None = None,
        attend: Callable[[], object] | None = None,
    ) -> None:
        """release: is called with the ticket when all parts are gone. beside: as `together_with`.

        attend: is called every `LOOK` seconds while somebody waits, in his thread; None: nobody looks after the socket.
        """
        self._attend = attend
        self._beside = beside
        self._parts: dict[int, _Part] = {}
        self._gate: Any = None
        self._release = release
        self._ticket = ticket

    def follow(self, frame: Any) -> memoryview:
        """A view of the frame, to be handed to pyzmq and kept by nobody. All are followed before the first is sent."""
        view = memoryview(frame)
        part = _Part(view, _gone)
        part.tracker = self
        part.number = len(self._parts)
        self._parts[part.number] = part
        return view

    def together_with(self, beside: Beside) -> "Tracker":
        """The same tracker, to be done only when that one is as well."""
        self._beside = beside
        return self

    def forget(self) -> None:
        """The message was not sent after all: nobody is told when its parts go."""
        self._release = None

    @property
    def done(self) -> bool:
        """Whether the memory may be changed."""
        return not self._parts and (self._beside is None or self._beside.done)

    def wait(self, timeout: float | None = None) -> None:
        """Return when done. Raises Timeout after so many seconds; None waits for ever."""
        end = None if timeout is None else time.monotonic() + timeout
        self._wait_for_parts(timeout)
        if self._beside is not None:
            self._beside.wait(None if end is None else max(0.0, end - time.monotonic()))

    def _wait_for_parts(self, timeout: float | None) -> None:
        if not self._parts:
            return
        if self._gate is None:
            gate = _thread.allocate_lock()
            gate.acquire()
            self._gate = gate
        # From here on whoever takes the last part opens the gate; if that was just before, parts is empty now.
        end = math.inf if timeout is None else time.monotonic() + timeout
        while self._parts:
            left = end - time.monotonic()
            if self._attend is not None:
                self._attend()
                opened = self._gate.acquire(timeout=max(0.0, min(left, LOOK)))
            else:
                opened = self._gate.acquire(timeout=-1 if left == math.inf else max(0.0, left))
            if opened:
                break
            if left <= 0:
                raise Timeout("the message to leave", timeout or 0.0)
        self._open_gate()

    def _open_gate(self) -> None:
        with contextlib.suppress(RuntimeError):  # open already
            self._gate.release()

    def __repr__(self) -> str:
        return f"<Tracker {'done' if self.done else 'not done'}>"


def _gone(part: _Part) -> None:
    tracker = part.tracker
    tracker._parts.pop(part.number, None)  # noqa: SLF001 - the two are one thing
    if not tracker._parts:  # noqa: SLF001
        if tracker._gate is not None:  # noqa: SLF001
            tracker._open_gate()  # noqa: SLF001
        if tracker._release is not None:  # noqa: SLF001
            tracker._release(tracker._ticket)  # noqa: SLF001


DONE = Tracker()
"""The tracker of a message that was copied, or was not sent."""

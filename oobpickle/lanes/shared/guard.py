"""One mutex for the lane's books in this process, and the queue of what garbage collection let go.

Rule: no callback waits. Python may collect garbage at almost any point, also while this very thread holds the mutex, so
whatever a collection sets off (an array died, an endpoint was dropped) is put on a queue. The queue is drained by
whoever can take the mutex at once, and by each holder of the mutex when it leaves, so nothing stays on it.

The mutex is held for microseconds: books, lock calls, opening a peer's file; never a copy and never a wait.
"""

import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, TypeVarTuple

import numpy as np

_AT_ONCE = (False,)  # blocking

Ts = TypeVarTuple("Ts")
R = TypeVar("R")


class Held(Protocol):
    """Something that stays as long as somebody holds it: a block of our own, or a lease on another's."""

    def hold(self) -> None:
        """Add a holder. Under the mutex."""

    def drop(self) -> None:
        """Take a holder away; the last one frees it. Under the mutex; raises nothing."""


class Guard:
    """The mutex and the queue. `run` is not reentrant."""

    def __init__(self) -> None:
        self.mutex = threading.Lock()
        self._queue: deque[Callable[[], None]] = deque()
        self._watches: dict[int, _Watch] = {}  # by identity: a reference to an ndarray cannot be hashed
        self._ended = False

    def run(self, books: Callable[[*Ts], R], *args: *Ts) -> R:
        """Call `books` under the mutex."""
        try:
            with self.mutex:  # a bare lock, not a context manager of ours: Ctrl-C cannot fall between take and release
                return books(*args)
        finally:
            if self._queue:
                self.drain()

    def watch(self, array: Any, held: Held) -> None:
        """Drop `held` once, when `array` is gone; soon after, under the mutex.

        array: a plain ndarray over a memoryview. Of those a weak reference fires when the last view of the memory is
        gone, and not before: ndarrays take no part in garbage cycles, and numpy does not shorten a view's base past one
        whose own base is no ndarray. Of a memoryview, a map, or a view of another array it fires too early.
        """
        watch = _Watch(array, self._gone)
        watch.held = held
        self._watches[id(watch)] = watch

    def watched(self, memory: memoryview, held: Held) -> memoryview:
        """A view of memory whose last view, when it is gone, drops `held`, which is held once more. Under the mutex."""
        array = np.frombuffer(memory, np.uint8)
        held.hold()
        self.watch(array, held)
        return array.data

    def soon(self, action: Callable[[], None]) -> None:
        """Do this under the mutex: now, or when its holder leaves. For what a garbage collection may call."""
        self._queue.append(action)
        self.drain()

    def drain(self) -> None:
        """Do what is on the queue, unless somebody holds the mutex: then that one will."""
        # Asking again after the release is what keeps an action from being left: whoever appends while we hold the
        # mutex cannot take it, and is seen here.
        queue = self._queue
        while queue and not self._ended:
            taken: list[bool] = []
            try:
                taken.extend(
                    map(self.mutex.acquire, _AT_ONCE)
                )  # one call: Ctrl-C cannot fall between taking and knowing it
                if not taken[0]:
                    return
                while queue:
                    queue.popleft()()
            finally:
                if taken and taken[0]:
                    self.mutex.release()

    def end(self) -> None:
        """The interpreter ends: let nothing go any more. Arrays may outlive us; the kernel cleans up after them."""
        self._ended = True

    def _gone(self, watch: "weakref.ref[Any]") -> None:
        assert isinstance(watch, _Watch)  # noqa: S101 - our own object; for the type checker
        self._watches.pop(id(watch), None)  # Ctrl-C may have come before it was entered
        self.soon(watch.held.drop)


class _Watch(weakref.ref[Any]):
    __slots__ = ("held",)

    held: Held

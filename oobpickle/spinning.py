"""Spinning: to look again for a moment before one sleeps.

To put two processes to sleep and wake them takes most of a round trip, 50 to 150 us. So who waits looks again for `SPIN`,
and offers its core to others between two looks, among whom may be the one that it waits for.

Rule: who waits in vain pays little. A spin that did not pay is not tried again in the next wait, and after each more
that did not in twice as many, up to `RESTS_MAX`; one that paid makes up for all of them. So a stream of a thousand messages a
second costs 4 us a message, and an idle receiver nothing.

Over a network nobody spins who has just received a large message: what he waits for is being copied by the kernel, which
needs the core more than he does (1 MB over tcp: 0.65 of the rate). Over ipc one does: 1 MB goes at 1.2 of the rate, at 1.3 of the receiver's CPU time; why is not known for certain, presumably
since a core that does not fall asleep is quicker to take up the next piece.
"""

import os
import time
from collections.abc import Callable

SPIN = 250_000
"""Nanoseconds: about two wake-ups. Longer, and sleeping would have been as fast."""

RESTS_MAX = 63
"""Waits without a spin after those that did not pay."""

# Where a process cannot give its core away, a sleep of no time lets others run as well.
_give_way: Callable[[], object] = getattr(os, "sched_yield", lambda: time.sleep(0))


class Spin:
    """What one waiter knows of its waits. For one thread at a time."""

    __slots__ = ("_left", "_near", "_rests")

    def __init__(self, *, near: bool = False) -> None:
        """near: what comes is sent by processes of this host, over ipc."""
        self._near = near
        self._rests = 0  # waits without a spin after the next that does not pay, less one
        self._left = 0  # of these, still to come

    def rest(self) -> None:
        """A large message has come: unless from near, the next wait is to be without a spin."""
        if not self._near:
            self._left = self._left or 1

    def rests(self) -> bool:
        """Begin a wait: whether it is to be without a spin, since one did not pay lately."""
        if self._left:
            self._left -= 1
            return True
        return False

    def until(self, ready: Callable[[], object]) -> bool:
        """Whether ready() became true within a moment; False: sleep. It is not asked at all while a spin does not pay."""
        if self.rests():
            return False
        end = time.perf_counter_ns() + SPIN
        while True:
            _give_way()
            is_ready = bool(ready())
            if time.perf_counter_ns() > end:  # also when the others kept the core for long
                self._left = self._rests = min(2 * self._rests + 1, RESTS_MAX)
                return is_ready
            if is_ready:
                self._rests = 0
                return True

"""When the memory of a sent object may be written again."""

import time
from collections.abc import Callable
from itertools import count

from oobpickle.errors import Timeout
from oobpickle.lanes.shared.blocks import Block
from oobpickle.lanes.shared.lane import Lane
from oobpickle.lanes.shared.sends import Send, Sends

_FIRST_POLL, _LAST_POLL = 0.00005, 0.002  # seconds between looks. Nothing tells of a word that another process wrote


class Tracker:
    """Of one message, as zmq.MessageTracker, across the shared lane.

    Only loaned arrays make one wait: until no send refers to their memory and no receiver in any process has views of
    it. A publisher knows that only once newer sends have taken this one's place in what it keeps. May be asked from any
    thread.
    """

    def __init__(self, lane: Lane, sends: Sends, send: Send, loans: list[tuple[Block, int]]) -> None:
        self._lane = lane
        self._forks = lane.forks
        self._sends = sends
        self._send = send
        self._loans = loans

    @property
    def done(self) -> bool:
        """Whether it may. Once True, always True; what is written from then on, no receiver of this send sees."""
        if self._loans and (self._lane.forks != self._forks or self._lane.guard.run(self._settle)):
            self._loans = []  # in a child after a fork: its memory is its own
        return not self._loans

    def wait(self, timeout: float | None = None) -> None:
        """Wait until done. timeout: seconds, None for ever. Raises Timeout."""
        if not poll(lambda: self.done, timeout):
            raise Timeout("receivers still have the memory of what was sent", timeout or 0.0)

    def _settle(self) -> bool:
        self._sends.look(self._send)
        return self._send.is_over and all(block.settle(generation) for block, generation in self._loans)


def poll(condition: Callable[[], bool], timeout: float | None) -> bool:
    """Look until it holds, less and less often; whether it did within `timeout` seconds (None: for ever)."""
    end = None if timeout is None else time.monotonic() + timeout
    for attempt in count():
        if condition():
            return True
        if end is not None and time.monotonic() >= end:
            return False
        time.sleep(min(_LAST_POLL, _FIRST_POLL * 2 ** min(attempt, 10)))
    return False

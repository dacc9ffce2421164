"""The sending side: what one sending endpoint has in shared memory, until its receivers have it."""

from collections.abc import Sequence
from typing import Literal

from oobpickle.lanes.interface import INLINE, Placed
from oobpickle.lanes.shared import references
from oobpickle.lanes.shared.blocks import Block
from oobpickle.lanes.shared.lane import Lane
from oobpickle.lanes.shared.placing import SHARE_FROM, Placing
from oobpickle.lanes.shared.process import current
from oobpickle.lanes.shared.references import NO_ACK
from oobpickle.lanes.shared.sends import Awaited, Retained, Send, Sends
from oobpickle.lanes.shared.tracker import Tracker, poll

RETAIN = 256 << 20
"""Bytes of the newest sends that a publisher keeps in place. Tried at full speed with messages of 1 MB: with 8 MB
subscribers lost 68-84 %, with 64 MB up to 7 %, with 256 MB none."""

_LOOK_AT = 4  # sends in flight that each send looks at: looking keeps up with sending


class SharedOutbox:
    """The messages of one sending endpoint that have buffers in shared memory; oobpickle.lanes.Outbox tells the rest.

    receivers, retain: as in `oobpickle.lanes.open_outbox`.
    """

    def __init__(self, *, receivers: Literal["one", "many"], retain: int | None = None) -> None:
        self._lane: Lane = current()
        self._forks = self._lane.forks
        if retain is None:
            retain = min(RETAIN, self._lane.arena.limit // 2)
        self._sends: Sends = Awaited() if receivers == "one" else Retained(retain)
        self._awaits = receivers == "one"
        self._closed = False
        self._lane.guard.run(self._lane.join_sending, self._sends)

    def place(self, buffers: Sequence[memoryview]) -> Placed:
        """Refer to what lies in shared memory, and copy into it what is worth it."""
        lane = self._lane
        if self._closed or lane.forks != self._forks:
            return INLINE
        if not lane.refers:
            length = 0
            for view in buffers:
                length += view.nbytes
            if length < SHARE_FROM:
                return INLINE
        placing = Placing()
        try:
            placed = lane.guard.run(self._begin, lane, placing, buffers)
            if placed is None:
                placing.copy()
                placed = lane.guard.run(self._enter, lane, placing)
        except OSError:  # no memory to copy into
            lane.guard.run(placing.let_go)
            return INLINE
        except BaseException:
            lane.guard.run(placing.let_go)
            raise
        return placed

    def cancel(self, placed: Placed) -> None:
        """Give back what `place` took."""
        if placed.send is not None and self._lane.forks == self._forks:
            self._lane.guard.run(self._sends.cancel, placed.send)

    @property
    def in_flight(self) -> int:
        """Sends that are unacknowledged, or retained; none in a child after a fork."""
        if self._lane.forks != self._forks:
            return 0
        return self._lane.guard.run(self._count)

    def wait(self, timeout: float | None = None) -> bool:
        """Look at the words of the sends until all are written."""
        return not self._awaits or poll(lambda: not self.in_flight, timeout)

    def peer_gone(self, remaining: int) -> None:
        """Make the sends in flight suspects (sends.py)."""
        if self._lane.forks == self._forks:
            self._lane.guard.run(self._sends.peer_gone, remaining)

    def close(self) -> None:
        """End all sends."""
        if not self._closed and self._lane.forks == self._forks:
            self._closed = True
            lane, sends = self._lane, self._sends
            lane.guard.soon(lambda: lane.leave_sending(sends))

    def __del__(self) -> None:
        if hasattr(self, "_closed"):  # else it was never made
            self.close()

    def _count(self) -> int:
        self._sends.settle()
        return len(self._sends)

    def _begin(self, lane: Lane, placing: Placing, buffers: Sequence[memoryview]) -> Placed | None:
        # What is to be copied into blocks is entered as a send only afterwards: a send may be ended by others (a peer
        # goes, the endpoint is closed, the arena is full), and then its blocks must not be written any more.
        self._sends.settle(_LOOK_AT)
        placing.find(lane, buffers)
        return None if placing.copies else self._enter(lane, placing)

    def _enter(self, lane: Lane, placing: Placing) -> Placed:
        entries = placing.entries
        wanted = bool(entries) and not self._closed
        board, acknowledge = lane.take_word() if wanted and self._awaits else (None, NO_ACK)
        if not wanted or (self._awaits and board is None):
            placing.let_go()
            return INLINE
        send = Send(placing.helds, placing.length, board, acknowledge)
        self._sends.add(send)
        packed = references.pack(acknowledge, placing.blocks, [entry for _, entry in entries])
        tracker = None
        if lane.arena.loans:
            loans = [(held, held.generation) for held in placing.helds if isinstance(held, Block) and held.loan]
            tracker = Tracker(lane, self._sends, send, loans) if loans else None
        return Placed({index for index, _ in entries}, packed, tracker, send)

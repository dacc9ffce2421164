"""The sending side: what one sending endpoint has in shared memory, until its receivers have it."""

import time
from collections.abc import Sequence
from typing import Literal

from oobpickle.lanes.interface import INLINE, Placed
from oobpickle.lanes.shared import references
from oobpickle.lanes.shared.acks import Board
from oobpickle.lanes.shared.address import address_of
from oobpickle.lanes.shared.blocks import Block
from oobpickle.lanes.shared.lane import Lane
from oobpickle.lanes.shared.placing import REFER_FROM, SHARE_FROM, Placing, copy_into
from oobpickle.lanes.shared.process import current
from oobpickle.lanes.shared.references import NO_ACK, AckReference
from oobpickle.lanes.shared.sends import Awaited, Retained, Send, Sends
from oobpickle.lanes.shared.tracker import Tracker, poll

RETAIN = 256 << 20
"""Bytes of the newest sends that a publisher keeps in place. Tried at full speed with messages of 1 MB: with 8 MB
subscribers lost 68-84 %, with 64 MB up to 7 %, with 256 MB none."""

CATCH_UP = 1.0
"""Seconds without progress after which a closing publisher waits for its subscribers no longer. It cannot know who wants
what it sent last, so this is also what a subscriber of other topics costs."""

_ALONE = frozenset({0})  # which buffers are shared, of one

_LOOK_AT = 4  # sends in flight that each send looks at: looking keeps up with sending
_LOOK_EACH = 8  # sends of loaned arrays after which one looks, at twice as many: they wait for no memory


class SharedOutbox:
    """The messages of one sending endpoint that have buffers in shared memory; oobpickle.lanes.Outbox tells the rest.

    receivers, retain, share_from: as in `oobpickle.lanes.open_outbox`.
    """

    def __init__(
        self, *, receivers: Literal["one", "many"], retain: int | None = None, share_from: int | None = None
    ) -> None:
        self._share_from = SHARE_FROM if share_from is None else share_from
        self.least = min(REFER_FROM, self._share_from)
        self._lane: Lane = current()
        self._forks = self._lane.forks
        if retain is None:
            retain = min(RETAIN, self._lane.arena.limit // 2)
        self._sends: Sends = Awaited() if receivers == "one" else Retained(retain)
        self._awaits = receivers == "one"
        self._last: tuple[Board, AckReference] | None = None  # of what was published
        self._lags: list[int] = []
        self._moved = 0.0
        self._closed = False
        self._lane.guard.run(self._lane.join_sending, self._sends)

    def place(self, buffers: Sequence[memoryview], *, snapshot: bool = False) -> Placed:
        """Refer to what lies in shared memory, and copy into it what is worth it."""
        lane = self._lane
        # Whether arrays live that lie in shared memory already: loaned, or received.
        refers = not snapshot and bool(lane.arena.loans or lane.attachments.leases)
        if not refers:
            length = 0
            for view in buffers:
                length += view.nbytes
            if length < self._share_from:
                return INLINE
        if self._closed or lane.forks != self._forks:
            return INLINE
        if len(buffers) == 1:
            if not refers:
                return self._copy(lane, buffers[0])
            placed = lane.guard.run(self._refer_to, lane, buffers[0])
            if placed is not None:
                return placed
        placing = Placing(self._share_from, refers=refers)
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
            sends, send = self._sends, placed.send
            self._lane.guard.soon(lambda: sends.cancel(send))

    def abandon(self, placed: Placed) -> None:
        """Free what its receiver has not come for."""
        if placed.send is not None and self._lane.forks == self._forks:
            sends, send = self._sends, placed.send
            self._lane.guard.soon(lambda: sends.abandon(send))

    @property
    def in_flight(self) -> int:
        """Sends that are unacknowledged; none in a child after a fork."""
        if self._lane.forks != self._forks or not self._awaits:
            return 0
        return self._lane.guard.run(self._count)

    def settle(self) -> None:
        """Count them."""
        _ = self.in_flight

    @property
    def bytes_in_flight(self) -> int:
        """What its receivers have not acknowledged, as far as was looked."""
        return self._sends.length if self._awaits else 0

    def lingers(self, peers: int) -> bool:
        """Look at the words of the sends; of published ones at the readers' progress."""
        if self._awaits:
            return self.in_flight > 0
        if self._closed or self._last is None or self._lane.forks != self._forks:
            return False
        lags = self._lane.guard.run(self._behind, *self._last)
        now = time.monotonic()
        if lags != self._lags or not self._moved:
            self._lags, self._moved = lags, now
        return (len(lags) < peers or any(lags)) and now < self._moved + CATCH_UP

    def wait(self, timeout: float | None = None, *, peers: int = 0) -> bool:
        """Look until it lingers no longer."""
        return poll(lambda: not self.lingers(peers), timeout)

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

    def _behind(self, board: Board, acknowledge: AckReference) -> list[int]:
        return board.behind(acknowledge) if board in self._lane.boards else []

    def _count(self) -> int:
        self._sends.settle()
        return len(self._sends)

    def _begin(self, lane: Lane, placing: Placing, buffers: Sequence[memoryview]) -> Placed | None:
        # What is to be copied into blocks is entered as a send only afterwards: a send may be ended by others (a peer
        # goes, the endpoint is closed, the arena is full), and then its blocks must not be written any more.
        self._sends.settle(_LOOK_AT)
        placing.find(lane, buffers)
        return None if placing.copies else self._enter(lane, placing)

    def _copy(self, lane: Lane, view: memoryview) -> Placed:
        """As the rest of `place`, for one buffer that is copied into a block of its own, in half the time."""
        blocks: list[Block] = []  # that we hold: none any more when a send has taken it over
        try:
            lane.guard.run(self._allocate, lane, view.nbytes, blocks)
            if not blocks:
                return INLINE
            copy_into(blocks[0], 0, view)
            return lane.guard.run(self._enter_copy, lane, blocks, view)
        except OSError:  # no memory to copy into
            lane.guard.run(_drop, blocks)
            return INLINE
        except BaseException:
            lane.guard.run(_drop, blocks)
            raise

    def _allocate(self, lane: Lane, length: int, blocks: list[Block]) -> None:
        self._sends.settle(_LOOK_AT)
        block = lane.arena.allocate(length)
        if block is not None:
            blocks.append(block)

    def _enter_copy(self, lane: Lane, blocks: list[Block], view: memoryview) -> Placed:
        length = view.nbytes
        board, acknowledge = (None, NO_ACK) if self._closed else self._word(lane)
        if self._closed or (self._awaits and board is None):
            _drop(blocks)
            return INLINE
        packed = references.pack_one(acknowledge, blocks[0].reference(), read_only=view.readonly, start=0)
        send = Send(blocks, length, board if self._awaits else None, acknowledge)
        self._sends.add(send)
        return Placed(_ALONE, packed, None, length, length, send)

    def _word(self, lane: Lane) -> tuple[Board | None, AckReference]:
        """Where a send is to be acknowledged; no board: nowhere is room for it."""
        if self._awaits:
            return lane.take_word()
        board, acknowledge = lane.publish_word()
        if board is not None:
            self._last = board, acknowledge
        return board, acknowledge

    def _refer_to(self, lane: Lane, view: memoryview) -> Placed | None:
        """As `_begin`, for one buffer that lies in shared memory, in half the time; None: it is not that."""
        if not self._awaits or self._closed or view.nbytes < REFER_FROM:
            return None
        found = lane.book.find(address_of(view), view.nbytes)
        board, acknowledge = lane.take_word() if found else (None, NO_ACK)
        if found is None or board is None:
            return None
        held, start = found
        held.hold()
        send = Send((held,), 0, board, acknowledge)
        self._sends.add(send)
        try:
            tracker = None
            if not isinstance(held, Block):
                self._sends.settle(_LOOK_AT)  # its owner may wait for it
            elif not send.position % _LOOK_EACH:
                self._sends.settle(2 * _LOOK_EACH)
            if isinstance(held, Block) and held.loan:
                tracker = Tracker(lane, self._sends, send, [(held, held.generation)])
            packed = references.pack_one(acknowledge, held.reference(), read_only=view.readonly, start=start)
            return Placed(_ALONE, packed, tracker, view.nbytes, 0, send)
        except BaseException:
            self._sends.cancel(send)
            raise

    def _enter(self, lane: Lane, placing: Placing) -> Placed:
        entries = placing.entries
        wanted = bool(entries) and not self._closed
        board, acknowledge = self._word(lane) if wanted else (None, NO_ACK)
        if not wanted or (self._awaits and board is None):
            placing.let_go()
            return INLINE
        copied = sum([source.nbytes for _, _, source in placing.copies]) if placing.copies else 0
        if self._awaits:
            send = Send(placing.helds, copied, board, acknowledge)
        else:
            send = Send(placing.helds, placing.length, None, acknowledge)
        self._sends.add(send)
        packed = references.pack(acknowledge, placing.blocks, entries.values())
        tracker = None
        if lane.arena.loans:
            loans = [(held, held.generation) for held in placing.helds if isinstance(held, Block) and held.loan]
            tracker = Tracker(lane, self._sends, send, loans) if loans else None
        return Placed(entries.keys(), packed, tracker, placing.length, copied, send)


def _drop(blocks: list[Block]) -> None:
    while blocks:
        blocks.pop().drop()

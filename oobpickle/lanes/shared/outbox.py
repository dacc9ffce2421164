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
from oobpickle.lanes.shared.references import AckReference
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

    receivers, retain: as in `oobpickle.lanes.open_outbox`.
    """

    def __init__(self, *, receivers: Literal["one", "many"], retain: int | None = None) -> None:
        self.least = min(REFER_FROM, SHARE_FROM)
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

    def place(self, buffers: Sequence[memoryview], *, snapshot: bool = False, peer: bytes = b"") -> Placed:
        """Refer to what lies in shared memory, and copy into it what is worth it."""
        lane = self._lane
        # Whether arrays live that lie in shared memory already: loaned, or received.
        refers = not snapshot and bool(lane.arena.loans or lane.attachments.leases)
        if not refers:
            length = 0
            for view in buffers:
                length += view.nbytes
            if length < SHARE_FROM:
                return INLINE
        if self._closed or lane.forks != self._forks:
            return INLINE
        send = Send(peer)  # what it holds is let go by us, whatever happens, until somebody else has `Placed`
        try:
            if len(buffers) == 1:
                if not refers:
                    return self._copy(lane, buffers[0], send)
                placed = lane.guard.run(self._refer_to, lane, buffers[0], send)
                if placed is not None:
                    return placed
            placing = Placing(send.helds, refers=refers, warm=self._awaits)
            placed = lane.guard.run(self._begin, lane, placing, buffers, send)
            if placed is None:
                placing.copy()
                placed = lane.guard.run(self._enter, lane, placing, send)
        except OSError:  # no memory to copy into
            lane.guard.run(self._undo, send)
            return INLINE
        except BaseException:
            lane.guard.run(self._undo, send)
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

    def went(self, placed: Placed) -> None:
        """Enter what was copied in the books of the sends."""
        if placed.copied and self._lane.forks == self._forks:
            self._lane.guard.run(self._sends.charge, placed.send, placed.copied)

    def holds_for(self, peer: bytes) -> bool:
        """Look through them."""
        return self._lane.guard.run(self._sends.holds_for, peer)

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

    def _begin(self, lane: Lane, placing: Placing, buffers: Sequence[memoryview], send: Send) -> Placed | None:
        # What is to be copied into blocks is entered as a send only afterwards: a send may be ended by others (a peer
        # goes, the endpoint is closed, the arena is full), and then its blocks must not be written any more.
        self._sends.settle(_LOOK_AT)
        placing.find(lane, buffers)
        return None if placing.copies else self._enter(lane, placing, send)

    def _enter(self, lane: Lane, placing: Placing, send: Send) -> Placed:
        entries = placing.entries
        if not entries or not self._takes_word(lane, send):
            self._undo(send)
            return INLINE
        copied = sum([source.nbytes for _, _, source in placing.copies]) if placing.copies else 0
        send.length = 0 if self._awaits else placing.length
        packed = references.pack(send.acknowledge, placing.blocks, entries.values())
        tracker = None
        if lane.arena.loans:
            loans = [(held, held.generation) for held in send.helds if isinstance(held, Block) and held.loan]
            tracker = Tracker(lane, self._sends, send, loans) if loans else None
        self._sends.add(send)
        return Placed(entries.keys(), packed, tracker, placing.length, copied, send)

    def _copy(self, lane: Lane, view: memoryview, send: Send) -> Placed:
        """As the rest of `place`, for one buffer that is copied into a block of its own, in half the time."""
        block = lane.guard.run(self._allocate, lane, view.nbytes, send)
        if block is None:
            return INLINE
        copy_into(block, 0, view)
        return lane.guard.run(self._enter_copy, lane, block, view, send)

    def _allocate(self, lane: Lane, length: int, send: Send) -> Block | None:
        self._sends.settle(_LOOK_AT)
        block = lane.arena.allocate(length, warm=self._awaits)
        if block is not None:
            send.helds.append(block)
        return block

    def _enter_copy(self, lane: Lane, block: Block, view: memoryview, send: Send) -> Placed:
        if not self._takes_word(lane, send):
            self._undo(send)
            return INLINE
        length = view.nbytes
        send.length = 0 if self._awaits else length
        packed = references.pack_one(send.acknowledge, block.reference(), read_only=view.readonly, start=0)
        self._sends.add(send)
        return Placed(_ALONE, packed, None, length, length, send)

    def _refer_to(self, lane: Lane, view: memoryview, send: Send) -> Placed | None:
        """The same for one buffer that lies in shared memory; None: it is not that."""
        if not self._awaits or self._closed or view.nbytes < REFER_FROM:
            return None
        found = lane.book.find(address_of(view), view.nbytes)
        if found is None or not self._takes_word(lane, send):
            return None
        held, start = found
        held.hold()
        send.helds.append(held)
        self._sends.add(send)
        tracker = None
        if not isinstance(held, Block):
            self._sends.settle(_LOOK_AT)  # its owner may wait for it
        elif not send.position % _LOOK_EACH:
            self._sends.settle(2 * _LOOK_EACH)
        if isinstance(held, Block) and held.loan:
            tracker = Tracker(lane, self._sends, send, [(held, held.generation)])
        packed = references.pack_one(send.acknowledge, held.reference(), read_only=view.readonly, start=start)
        return Placed(_ALONE, packed, tracker, view.nbytes, 0, send)

    def _takes_word(self, lane: Lane, send: Send) -> bool:
        """Find out where a send is to be acknowledged; False: it is not to be sent, for nowhere is room for that."""
        if self._closed:
            return False
        if self._awaits:
            send.board, send.acknowledge = lane.take_word()
            return send.board is not None
        board, send.acknowledge = lane.publish_word()
        if board is not None:
            self._last = board, send.acknowledge
        return True

    def _undo(self, send: Send) -> None:
        """It is not sent after all."""
        if send.position:
            self._sends.cancel(send)
        elif not send.is_over:
            send.end(reusable=True)

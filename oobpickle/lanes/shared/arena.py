"""The arena: this process's shared memory, cut into blocks, recycled warm, bounded in bytes.

Rule 1: `allocate` never waits and never raises; it says None where there is no room, and the buffer goes inline.
Rule 2: a slot whose block is nobody's any more may still have readers. It is given out again only when their locks are
gone, which the kernel knows and we only ask (`Segment.turn`).

Recycling. For what is published, first in, first out: the slot that has been free longest comes first, so a late reader has
as much time as there is. For a message with one receiver, who has it when its block is free, last in, first out: a stream
stays in the few slots that it needs, warm, and what a burst needed beside them falls idle. A page that was never written costs ten times one that was, so free slots come
before fresh ones; within the limit fresh ones come before waiting for a reader. Segments where nothing has been in use
for a while are closed, which gives their memory back: when memory is asked for or let go, and at once when no endpoint is
left that sends. No thread does it, so a process that calls nothing keeps what it has.
"""

import time
from collections import defaultdict, deque
from typing import NamedTuple, Protocol

from oobpickle.lanes.shared import locks, segment
from oobpickle.lanes.shared.address import AddressBook
from oobpickle.lanes.shared.blocks import Block
from oobpickle.lanes.shared.segment import Segment

TRIES = 8
"""Free slots that are tried before a fresh one is taken. Readers may have them; a try costs 2 us."""

SEARCH = 256
"""Free slots that are tried before the arena counts as full; the next search goes on where this one stopped."""

IDLE_SECONDS = 10.0
"""A segment that nobody has used for this long is given back to the system."""

_TRIM_EVERY = 1.0  # seconds between looks for idle segments
_RETRY_AFTER = 0.01  # seconds that a full arena is not searched again


class Stats(NamedTuple):
    """The arena at a moment, in bytes of memory; blocks: their number.

    in_use: blocks that an array, an unfinished send, or a reader in any process has. free: memory that is kept for the
    next blocks. limit: what in_use and free may come to together.
    """

    in_use: int
    free: int
    limit: int
    blocks: int


class Settle(Protocol):
    """Finds sends that are over. pressing: there is no room, so what is kept without need is to be let go."""

    def __call__(self, *, pressing: bool) -> None: ...


class Arena:
    """One a process. All methods are called under the mutex.

    settle: called when there is no room, and for figures. book: is told where segments lie in memory.
    """

    def __init__(self, pid: int, limit: int, book: AddressBook, settle: "Settle") -> None:
        self.pid = pid
        self.limit = limit
        self.resident = 0  # bytes of memory that all slots cost together
        self.loans = 0
        self.users = 0  # endpoints that send; without any, what is idle is given back at once
        self.segments: list[Segment] = []
        self._book = book
        self._settle = settle
        self._free: defaultdict[int, deque[tuple[Segment, int]]] = defaultdict(
            deque
        )  # by slot size; the longest free first
        self._fresh: dict[int, Segment] = {}  # by slot size: the segment that has slots never used
        self._next_trim = 0.0
        self._full_until = 0.0

    def allocate(self, length: int, *, warm: bool = False) -> Block | None:
        """A block of `length` bytes (1 or more), held once, whose bytes no reader can see; None: there is no room.

        warm: rather in the slot that was let go last than in the one that has been free longest.
        """
        slot_size = segment.slot_size_for(length)
        return (
            self._recycled(slot_size, length, TRIES, warm=warm)
            or self._from_fresh(slot_size, length)
            or self._after_search(slot_size, length)
        )

    def release(self, block: Block) -> None:
        """Take back a block that nobody holds."""
        owner = block.segment
        if block.growth:  # it never got its memory
            owner.written[block.slot] -= block.growth
            self.resident -= block.growth
        del owner.blocks[block.slot]
        self._free[owner.slot_size].append((owner, block.slot))
        if not owner.blocks:
            owner.idle_since = now = time.monotonic()
            if now > self._next_trim or not self.users:
                self._next_trim = now + _TRIM_EVERY
                self.trim_idle(now)

    def trim_idle(self, now: float) -> None:
        """Give back what has been idle for long; without an endpoint that sends, what is idle."""
        self.trim(now - IDLE_SECONDS if self.users else now)

    def trim(self, idle_before: float) -> None:
        """Give back the segments that nobody has used since then (time.monotonic)."""
        for owner in [owner for owner in self.segments if not owner.blocks and owner.idle_since <= idle_before]:
            if owner.close():
                self.segments.remove(owner)
                self._book.remove(owner.address)
                self.resident -= owner.resident()
                if self._fresh.get(owner.slot_size) is owner:
                    del self._fresh[owner.slot_size]
        for slot_size, free in list(self._free.items()):
            if any(owner.closed for owner, _ in free):
                self._free[slot_size] = deque(entry for entry in free if not entry[0].closed)

    def set_limit(self, limit: int) -> None:
        """Bound the memory from now on; what is in use above it stays until it is let go."""
        self.limit = limit
        self._full_until = 0.0
        if self.resident > limit:
            self.trim(time.monotonic())

    def stats(self) -> Stats:
        """Look at every block."""
        self._settle(pressing=False)
        self.trim_idle(time.monotonic())
        in_use = blocks = 0
        for owner in self.segments:
            for slot in range(owner.unused):
                if slot in owner.blocks or locks.is_locked(owner.fd, slot):
                    in_use += owner.written[slot]
                    blocks += 1
        return Stats(in_use, self.resident - in_use, self.limit, blocks)

    def _recycled(self, slot_size: int, length: int, tries: int, *, warm: bool = False) -> Block | None:
        free = self._free[slot_size]
        passed: list[tuple[Segment, int]] = []
        block = None
        while free and block is None and len(passed) < tries:
            entry = free.pop() if warm else free.popleft()
            block = self._take(*entry, length)
            if block is None:
                passed.append(entry)
        free.extend(reversed(passed) if warm else passed)
        return block

    def _from_fresh(self, slot_size: int, length: int) -> Block | None:
        owner = self._fresh.get(slot_size)
        if owner is None:
            if self.resident + segment.cost_of(slot_size, length) > self.limit:
                return None
            try:
                owner = self._fresh[slot_size] = Segment.of(slot_size)
            except OSError:  # out of descriptors or of memory: as good as full
                return None
            self.segments.append(owner)
            self._book.add(owner.address, owner.size, owner)
        block = self._take(owner, owner.unused, length)
        if block is not None:
            owner.unused += 1
            if owner.unused == owner.slot_count:
                del self._fresh[slot_size]
        return block

    def _after_search(self, slot_size: int, length: int) -> Block | None:
        now = time.monotonic()
        if now < self._full_until:
            return None
        self._settle(pressing=True)
        block = self._recycled(slot_size, length, SEARCH)
        if block is None:
            self.trim(now)
            block = self._from_fresh(slot_size, length)
        for larger in sorted(size for size in self._free if size > slot_size):
            block = block or self._recycled(larger, length, TRIES)
        if block is None:
            self._full_until = now + _RETRY_AFTER
        return block

    def _take(self, owner: Segment, slot: int, length: int) -> Block | None:
        growth = owner.growth(slot, length) if length > owner.written[slot] else 0
        if self.resident + growth > self.limit:
            return None
        generation = owner.turn(slot)
        if not generation:
            return None
        owner.written[slot] += growth
        self.resident += growth
        block = owner.blocks[slot] = Block(self, owner, slot, generation=generation, length=length, growth=growth)
        return block

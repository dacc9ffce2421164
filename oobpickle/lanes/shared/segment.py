"""A segment: one sealed memfd of slots of equal size, and how its bytes are laid out.

    header       `HEADER`
    generations  one u64 a slot, in the machine's byte order (both sides run on one machine)
    slots        `count` times `slot_size` bytes, from the next page on

Slot sizes are powers of two, so slots from a page up begin on a page, and smaller ones on a multiple of 64. A slot costs
memory only as far as it was ever written: the file is sparse.

Lock bytes: byte i is slot i's. A reader that has views of the slot holds it shared; the owner takes it exclusively for
the moment in which it changes the generation. Byte `ALIVE` is held exclusively by the owner as long as there is one.
"""

import mmap
import os
import secrets
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from oobpickle.lanes.shared import locks, memfd
from oobpickle.lanes.shared.address import address_of

if TYPE_CHECKING:
    from oobpickle.lanes.shared.blocks import Block

HEADER = struct.Struct("=8sQQQ")
"""magic, token, slot size, number of slots."""

MAGIC = b"oobaren0"

ALIVE = 1 << 40
"""The lock byte of the owner's life; no segment has as many slots."""

SMALLEST = 64
"""Bytes of the smallest slot: a cache line, and the alignment of every array."""

SIZE = 64 << 20
"""Bytes of slots in a segment, unless one slot is larger. A segment is given back to the system only as a whole, which
asks for small ones; each costs a descriptor (two before Python 3.13), which asks for large ones."""

MOST_SLOTS = 4096
"""Slots in a segment of small ones: a bound on the kernel's list of locks."""


def slot_size_for(length: int) -> int:
    """The size of the slots that hold blocks of this length."""
    return max(SMALLEST, 1 << (length - 1).bit_length())


def cost_of(slot_size: int, length: int) -> int:
    """Bytes of memory for a block of this length in a fresh slot: whole pages, or the slot where it is less than one."""
    return memfd.pages(length) if slot_size >= mmap.PAGESIZE else slot_size


def start_of(slot_count: int) -> int:
    """Where the first slot begins."""
    return memfd.pages(HEADER.size + 8 * slot_count)


class Segment:
    """A segment of our own. Its methods are called under the mutex."""

    def __init__(self, slot_size: int, slot_count: int) -> None:
        self.slot_size = slot_size
        self.slot_count = slot_count
        self.start = start_of(slot_count)
        self.size = self.start + slot_size * slot_count
        self.token = secrets.randbits(64)
        header = HEADER.pack(MAGIC, self.token, slot_size, slot_count)
        self.fd, self.map = memfd.create(header, memfd.pages(self.size), memfd.OWNER_WRITES)
        self.memory = memoryview(self.map)
        self.address = address_of(self.memory)
        self.generations = self.memory[HEADER.size : HEADER.size + 8 * slot_count].cast("Q")
        self.written = [0] * slot_count  # how far each slot ever was: what it costs
        self.blocks: dict[int, Block] = {}  # the slots that are somebody's
        self.unused = 0  # slots from here on were never given out
        self.idle_since = 0.0
        self.closed = False
        locks.lock_exclusive(self.fd, ALIVE)

    @classmethod
    def of(cls, slot_size: int) -> Self:
        """Make a segment for slots of this size. Raises OSError."""
        return cls(slot_size, max(1, min(SIZE // slot_size, MOST_SLOTS)))

    def offset(self, slot: int) -> int:
        """Where in the file this slot begins."""
        return self.start + slot * self.slot_size

    def growth(self, slot: int, length: int) -> int:
        """By how much a block of this length makes the segment's memory grow."""
        return max(0, cost_of(self.slot_size, length) - self.written[slot])

    def turn(self, slot: int) -> int:
        """Give the slot its next generation, which makes every reference to it stale. 0, and nothing done, if a reader
        has it.
        """
        # Unlocking before the change, or changing after the bytes, let readers see torn bytes when tried.
        fd = self.fd
        if not locks.lock_exclusive(fd, slot):
            return 0
        generation = self.generations[slot] + 1
        self.generations[slot] = generation
        locks.unlock(fd, slot)
        return generation

    def close(self) -> bool:
        """Give the memory back to the system, which a reader's lease forbids: False. No block may be left."""
        if not locks.lock_exclusive(self.fd, 0, self.slot_count):
            return False
        for slot in range(self.unused):
            self.generations[slot] += 1
        os.close(self.fd)  # ends all locks, ALIVE too: readers let go of their maps
        self.unmap()
        return True

    def unmap(self) -> None:
        """Let go of the map."""
        self.closed = True
        self.generations.release()
        self.memory.release()
        with suppress(BufferError):  # the last view of it is dying at this moment, and takes the map along
            self.map.close()
        del self.map  # a tracker may know this segment for long

    def loaned(self) -> "list[Block]":
        """The blocks that a user's array is over."""
        return [block for block in self.blocks.values() if block.loan is not None and not block.loan.is_over]

    def at(self, offset: int, length: int) -> "tuple[Block, int] | None":
        """The block that all of these bytes of the file belong to, and where in it they begin."""
        slot, start = divmod(offset - self.start, self.slot_size)
        block = self.blocks.get(slot)
        return (block, start) if block is not None and start + length <= self.slot_size else None

    def resident(self) -> int:
        """Bytes of memory that this segment costs."""
        return sum(self.written)

"""A block: what a slot of our own arena holds at present, for whom, and at which generation.

A block is held by its loan (the user's array over it lives) and by each send that refers to it and is not over. When
nobody holds it its slot goes back to the arena, which gives it to another block as soon as no reader has a lease.
"""

import os
from typing import TYPE_CHECKING

from oobpickle.lanes.shared import references
from oobpickle.lanes.shared.segment import Segment

if TYPE_CHECKING:
    from oobpickle.lanes.shared.arena import Arena
    from oobpickle.lanes.shared.guard import Held


class Block:
    """Made by `Arena.allocate`, held once. Methods are called under the mutex, `back` and `memory` excepted."""

    __slots__ = ("arena", "generation", "growth", "holders", "length", "loan", "segment", "slot")

    def __init__(
        self, arena: "Arena", segment: Segment, slot: int, *, generation: int, length: int, growth: int
    ) -> None:
        self.arena = arena
        self.segment = segment
        self.slot = slot
        self.generation = generation
        self.length = length
        self.growth = growth  # bytes at the slot's end that no block had before: there is no memory behind them yet
        self.holders = 1
        self.loan: Loan | None = None

    @property
    def memory(self) -> memoryview:
        """The block's bytes, writable."""
        start = self.segment.offset(self.slot)
        return self.segment.memory[start : start + self.length]

    def back(self) -> None:
        """Have memory behind all of it. Not under the mutex: for a large one it takes its time. Before it is written.

        Raises OSError where touching it would kill the process; then it is to be dropped.
        """
        if self.growth:
            segment = self.segment
            end = segment.offset(self.slot) + segment.written[self.slot]
            os.posix_fallocate(segment.fd, end - self.growth, self.growth)
            self.growth = 0

    @property
    def place(self) -> tuple[int, int]:
        """Which part of which segment it is."""
        return self.segment.token, self.slot

    def reference(self) -> bytes:
        """What a peer needs to find it."""
        segment = self.segment
        return references.BLOCK.pack(self.arena.pid, segment.fd, segment.token, self.slot, self.generation)

    def hold(self) -> None:
        """Add a holder."""
        self.holders += 1

    def drop(self) -> None:
        """Take a holder away; the last one's end frees the slot."""
        self.holders -= 1
        if not self.holders:
            self.arena.release(self)

    def settle(self, generation: int) -> bool:
        """Whether no reader can see this generation any more, so that the owner of a loan may write to it.

        No send refers to it, and no reader has a lease: then the generation changes, and a reader who comes too late
        finds that out instead of bytes that are being written.
        """
        if generation != self.generation or not self.holders:
            return True
        if self.holders > (self.loan is not None and not self.loan.is_over):
            return False
        turned = self.segment.turn(self.slot)
        self.generation = turned or self.generation
        return bool(turned)


class Loan:
    """The hold of a user's array on its block; after a fork, the child's on its copy."""

    __slots__ = ("_arena", "held", "is_over")

    def __init__(self, block: Block) -> None:
        self._arena = block.arena
        self.held: Held = block
        self.is_over = False
        block.loan = self
        block.arena.loans += 1

    def hold(self) -> None:
        """Add a holder to the block."""
        self.held.hold()

    def drop(self) -> None:
        """The array is gone."""
        self.is_over = True
        self._arena.loans -= 1
        self.held.drop()

"""One message's buffers being given places: referred to where they are, or copied into blocks, or left inline.

Loaned arrays and received ones lie in shared memory already: they are referred to where they are. Others are copied, if
together they are worth it: large ones into a block each, so that a receiver that keeps one does not pin the others,
mid-size ones together.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from oobpickle.lanes.shared import copying
from oobpickle.lanes.shared.address import address_of
from oobpickle.lanes.shared.lane import Lane
from oobpickle.lanes.shared.references import BUFFER, MOST_BLOCKS, READ_ONLY

if TYPE_CHECKING:
    from oobpickle.lanes.shared.blocks import Block
    from oobpickle.lanes.shared.guard import Held

SHARE_FROM = 64 * 1024 + 1
"""Bytes of buffers, all of a message together, from which they are copied into blocks. Rates by reference over those by frames
(`benchmarks/share_from.py`), at 48, 64, 128, 256 KB and 1 MB: one way 1.2, 1.3, 1.2, 1.3, 2.4; to four subscribers 1.0, 1.1, 1.7, 2.8, 4.0;
but round trips 0.86, 0.86, 0.98, 1.1, 3.0."""

EACH_FROM = 4 * 1024
"""Buffers below this stay in the head: a reference and its bookkeeping cost as much as two copies of them."""

REFER_FROM = 32 * 1024
"""Buffers from this size up are referred to where they are, if they lie in shared memory: a message that refers to one costs
as much CPU as one with so many bytes in its head. Codecs gather smaller arrays into a buffer anyway."""

ALONE_FROM = 1 << 20
"""Buffers from this size up get a block each; smaller ones share blocks of up to this size."""

_ALIGN = 64

Indexed: TypeAlias = list[tuple[int, memoryview]]


class Placing:
    """The places of one message's buffers. `find` under the mutex; then `copy`, which takes its time, without it.

    helds: what the message keeps in place, each held once: a list of the caller's, who lets them go. blocks: their
    references, packed. entries: for the index of each buffer that has a place its packed reference, in order. length: bytes
    of these buffers. copies: what `copy` has to do: (block, where in it, view).
    """

    __slots__ = (
        "_numbers",
        "_refers",
        "_warm",
        "_written",
        "blocks",
        "copies",
        "entries",
        "helds",
        "length",
    )

    def __init__(self, helds: "list[Held]", *, refers: bool, warm: bool) -> None:
        """refers: whether some of the buffers may lie in shared memory, and are to be referred to there. warm: as
        `Arena.allocate` has it.
        """
        self._warm = warm
        self._refers = refers
        self.helds = helds
        self.blocks: list[bytes] = []
        self.entries: dict[int, bytes] = {}
        self.length = 0
        self.copies: list[tuple[Block, int, memoryview]] = []

    def find(self, lane: Lane, buffers: Sequence[memoryview]) -> None:
        """Find a place for each buffer that is to have one."""
        rest = [(index, view) for index, view in enumerate(buffers) if view.nbytes >= EACH_FROM]
        if self._refers:
            self._numbers: dict[tuple[int, int], int] = {}  # of blocks that are referred to where they are
            self._written: list[list[tuple[int, int]]] = []  # of those: the parts that arrive writable, in order
            rest = [
                (index, view) for index, view in rest if view.nbytes < REFER_FROM or not self._refer(lane, index, view)
            ]
        if len(rest) == 1:
            if (length := rest[0][1].nbytes) >= SHARE_FROM:
                self._allocate(lane, rest, length)
        elif rest and sum([view.nbytes for _, view in rest]) >= SHARE_FROM:
            for group, length in _groups(rest):
                self._allocate(lane, group, length)
        if len(self.entries) > 1:
            self.entries = dict(sorted(self.entries.items()))

    def copy(self) -> None:
        """Copy into the blocks what is to be copied. Raises OSError when there is no memory for it."""
        for block, start, source in self.copies:
            copy_into(block, start, source)

    def _refer(self, lane: Lane, index: int, view: memoryview) -> bool:
        found = lane.book.find(address_of(view), view.nbytes)
        if found is None:
            return False
        held, start = found
        number = self._numbers.get(held.place)
        if number is None:
            if len(self.blocks) == MOST_BLOCKS:
                return False
            number = self._numbers[held.place] = len(self.blocks)
            self._written.append([])
            self.blocks.append(held.reference())
            self.helds.append(held)
            held.hold()
        if not view.readonly and not _enter(self._written[number], start, start + view.nbytes):
            return False  # the receiver would get an alias of another buffer; so this one is copied
        self._add(index, number, view, start)
        return True

    def _allocate(self, lane: Lane, group: Indexed, length: int) -> None:
        block = lane.arena.allocate(length, warm=self._warm) if len(self.blocks) < MOST_BLOCKS else None
        if block is None:
            return
        self.helds.append(block)
        number = len(self.blocks)
        self.blocks.append(block.reference())
        start = 0
        for index, view in group:
            self.copies.append((block, start, view))
            self._add(index, number, view, start)
            start += -(-view.nbytes // _ALIGN) * _ALIGN

    def _add(self, index: int, number: int, view: memoryview, start: int) -> None:
        self.entries[index] = BUFFER.pack(number, READ_ONLY if view.readonly else 0, start)
        self.length += view.nbytes


def copy_into(block: "Block", start: int, source: memoryview) -> None:
    """Copy a buffer to `start` of a block that nobody has yet. Raises OSError when there is no memory for it."""
    block.back()
    copying.copy(block.memory[start : start + source.nbytes], source)


def _groups(buffers: Indexed) -> Iterator[tuple[Indexed, int]]:
    """Buffers that go into a block together, and the block's length."""
    group: Indexed = []
    size = 0
    for index, view in buffers:
        length = -(-view.nbytes // _ALIGN) * _ALIGN
        if length >= ALONE_FROM:
            yield [(index, view)], view.nbytes
            continue
        if size + length > ALONE_FROM:
            yield group, size
            group, size = [], 0
        group.append((index, view))
        size += length
    if group:
        yield group, size


def _enter(parts: list[tuple[int, int]], start: int, end: int) -> bool:
    """Enter a part in order; False if it overlaps one that is there."""
    at = bisect_left(parts, (start, end))
    if (at and parts[at - 1][1] > start) or (at < len(parts) and parts[at][0] < end):
        return False
    insort(parts, (start, end))
    return True

"""The reading side of a segment: opened, checked, mapped once and kept, with a lease for each slot that we have views of.

Theory of operation. The first reference into a segment attaches it: the memfd behind the sender's descriptor is opened,
its header copied and checked against the seals and the size. From then on nothing of it is trusted that the sender can
change but the generations, and those are compared under a lock.

A lease is our shared lock on a slot's byte. It is taken *before* the generation is compared; comparing first let readers
see torn bytes when tried. Locks do not count, leases do: one a slot, held by every view over it and by every send that
passes it on. There is a read-only map for read-only views. Writable views are of private maps, where what is written is
seen by nobody else; a slot that arrives again while views of it live takes the next private map, a `layer`, where
nobody has written to it.

A kept map keeps the sender's memory. It is let go when the sender is (its ALIVE lock is gone) and no lease is left.
"""

import mmap
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from oobpickle.errors import LaneError
from oobpickle.lanes.shared import locks, memfd, references, segment
from oobpickle.lanes.shared.address import address_of
from oobpickle.lanes.shared.written import PAGE, Mark

if TYPE_CHECKING:
    from oobpickle.lanes.shared.attachments import Attachments

MOST_LAYERS = 8
"""Private maps of one segment. The next arrival of a slot beyond that is copied."""


class Layer:
    """A private map of a whole segment."""

    def __init__(self, attachment: "Attachment", memory: mmap.mmap) -> None:
        self.attachment = attachment
        self.map = memory
        self.memory = memoryview(memory)
        self.address = address_of(self.memory)
        self.slots: set[int] = set()  # those that an arrival has
        self._is_spoiled = False
        self._mark: Mark = (None, 0)

    def at(self, offset: int, length: int) -> "tuple[Lease, int] | None":
        """The lease that these bytes belong to, and where in the slot they begin; None if they were written to."""
        found = self.attachment.at(offset, length)
        at = self.address + offset
        return None if found is None or self.attachment.kept.pagemap.written(at, at + length) else found

    def is_spoiled(self) -> bool:
        """Whether it has pages of its own to which nobody has written: mlock(2) makes them, of a map that can be written.

        Such a map shows old bytes. Told by the page of the segment's header, to which nobody writes.
        """
        pagemap = self.attachment.kept.pagemap
        if not pagemap.is_untouched_since(self._mark) and not self._is_spoiled:
            self._is_spoiled = pagemap.tells and bool(pagemap.written(self.address, self.address + PAGE))
            self._mark = pagemap.mark
        return self._is_spoiled

    def forget(self, start: int, end: int) -> None:
        """Drop what was written to [start, end) of the map, in whole pages. Raises OSError where they are locked."""
        at = self.address
        for first, stop in self.attachment.kept.pagemap.written(at + start, at + end):
            self.map.madvise(mmap.MADV_DONTNEED, first - at, stop - first)


class Lease:
    """Our hold of a slot at a generation. Held by views of it and by sends that pass it on. memory: of the read-only map."""

    __slots__ = ("attachment", "generation", "holders", "memory", "slot")

    def __init__(self, attachment: "Attachment", slot: int, generation: int) -> None:
        self.attachment = attachment
        self.slot = slot
        self.generation = generation
        self.holders = 1
        self.memory = attachment.memory

    @property
    def place(self) -> tuple[int, int]:
        """Which part of which segment it is."""
        return self.attachment.token, self.slot

    def reference(self) -> bytes:
        """What a peer needs to find it, with us in the sender's place."""
        at = self.attachment
        return references.BLOCK.pack(at.kept.pid, at.fd, at.token, self.slot, self.generation)

    def hold(self) -> None:
        """Add a holder."""
        self.holders += 1

    def drop(self) -> None:
        """Take a holder away; the last one's end unlocks the slot."""
        self.holders -= 1
        if not self.holders:
            self.attachment.end_lease(self.slot)


class Arrival:
    """Writable views of one slot of one message: what a layer is taken up by until the last of them is gone."""

    __slots__ = ("_end", "_layer", "_lease", "_mark", "_start", "holders", "memory")

    def __init__(self, layer: Layer, lease: Lease, start: int, end: int) -> None:
        self._layer = layer
        self._lease = lease
        self._start = start
        self._end = end
        self._mark = layer.attachment.kept.pagemap.mark
        self.memory = layer.memory
        self.holders = 0
        layer.slots.add(lease.slot)
        lease.holders += 1

    def hold(self) -> None:
        """Add a view."""
        self.holders += 1

    def drop(self) -> None:
        """A view is gone; with the last one what was written is forgotten, and then the lease ends."""
        self.holders -= 1
        if not self.holders:
            layer = self._layer
            try:
                if not layer.attachment.kept.pagemap.is_untouched_since(self._mark):
                    layer.forget(self._start, self._end)
                layer.slots.discard(self._lease.slot)
            except OSError:  # locked in memory: the slot is not used again in this layer
                pass
            self._lease.drop()


class Attachment:
    """A segment of another process (or of this one, when it receives its own). Methods are called under the mutex."""

    def __init__(self, kept: "Attachments", fd: int, token: int) -> None:
        """Check and map it. fd: an open file of our own, which is taken over, also on failure. Raises LaneError."""
        self.fd = fd
        self.kept = kept
        self.next_look = 0.0
        self._book = kept.book
        try:
            self.token, self.slot_size, self.slot_count, self._size = _checked(fd, token)
            self.map = memfd.map_file(fd, self._size, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
        except BaseException:
            os.close(fd)
            raise
        self.start = segment.start_of(self.slot_count)
        self.memory = memoryview(self.map)
        self.address = address_of(self.memory)
        self.leases: dict[int, Lease] = {}
        self.layers: list[Layer] = []
        generations = self.memory[segment.HEADER.size : segment.HEADER.size + 8 * self.slot_count]
        self._generations = generations.cast("Q")
        self._book.add(self.address, self._size, self)

    def lease(self, slot: int, generation: int) -> Lease:
        """Take a lease of a block, held once more. Raises LaneError when it is gone."""
        lease = self.leases.get(slot)
        if lease is not None:
            if lease.generation != generation:
                raise _stale()
            lease.holders += 1
            return lease
        if slot >= self.slot_count:
            raise LaneError("the reference is to a slot that does not exist")
        if not locks.lock_shared(self.fd, slot):
            raise _stale()
        if self._generations[slot] != generation:
            locks.unlock(self.fd, slot)
            raise _stale()
        self.kept.leases += 1
        lease = self.leases[slot] = Lease(self, slot, generation)
        return lease

    def inherit(self, slot: int, generation: int) -> Lease:
        """A lease on a slot that is locked for this process already, held once more: what a fork leaves to a child."""
        lease = self.leases.get(slot)
        if lease is not None:
            lease.hold()
            return lease
        locks.lock_shared(self.fd, slot)
        self.kept.leases += 1
        lease = self.leases[slot] = Lease(self, slot, generation)
        return lease

    def arrival(self, lease: Lease, start: int, end: int) -> Arrival | None:
        """Room for writable views of [start, end) of the file, which is in the lease's slot; None when there is no layer left, or a page would be shared with others."""
        if self.slot_size < PAGE:
            return None
        for layer in self.layers:
            if lease.slot not in layer.slots and not layer.is_spoiled():
                return Arrival(layer, lease, start, end)
        if len(self.layers) == MOST_LAYERS or any(layer.is_spoiled() for layer in self.layers):
            return None
        memory = memfd.map_file(
            self.fd, self._size, flags=mmap.MAP_PRIVATE | memfd.MAP_NORESERVE, prot=memfd.READ_WRITE
        )
        layer = Layer(self, memory)
        self.layers.append(layer)
        self._book.add(layer.address, self._size, layer)
        return None if layer.is_spoiled() else Arrival(layer, lease, start, end)

    def end_lease(self, slot: int) -> None:
        """Nobody has the slot any more."""
        del self.leases[slot]
        self.kept.leases -= 1
        locks.unlock(self.fd, slot)
        if not self.leases and (time.monotonic() > self.next_look or not self.kept.users):
            self.kept.unused(self)  # a look costs as much as a lock

    def offset(self, slot: int) -> int:
        """Where in the file this slot begins."""
        return self.start + slot * self.slot_size

    def at(self, offset: int, length: int) -> tuple[Lease, int] | None:
        """The lease that all of these bytes of the file belong to, and where in its slot they begin."""
        slot, start = divmod(offset - self.start, self.slot_size)
        lease = self.leases.get(slot)
        return (lease, start) if lease is not None and start + length <= self.slot_size else None

    def is_abandoned(self) -> bool:
        """Whether the sender has given up this segment, or has ended."""
        return not locks.is_locked(self.fd, segment.ALIVE, exclusively=True)

    def allocated(self) -> int:
        """Bytes of memory that there really are behind the file; the rest of it is holes."""
        blocks: int = os.fstat(self.fd).st_blocks
        return blocks * 512

    def close(self) -> None:
        """Let go of the maps. No lease may be left."""
        os.close(self.fd)
        self._generations.release()
        parts: list[Attachment | Layer] = [self, *self.layers]
        self.layers = []
        for part in parts:
            self._book.remove(part.address)
            part.memory.release()
            with suppress(BufferError):  # its last view is dying at this moment, and takes the map along
                part.map.close()
            del part.map


def _checked(fd: int, token: int) -> tuple[int, int, int, int]:
    """A segment's token, slot size, number of slots, and the size of its file. Raises LaneError for anything odd."""
    (magic, actual, slot_size, slot_count), size = memfd.read_header(fd, segment.HEADER)
    if magic != segment.MAGIC or actual != token:
        raise LaneError("the reference is stale: the sender has closed that memory", stale=True)
    if not (
        segment.SMALLEST <= slot_size <= size
        and slot_size & (slot_size - 1) == 0
        and 1 <= slot_count <= segment.MOST_SLOTS
        and segment.start_of(slot_count) + slot_size * slot_count <= size
    ):
        raise LaneError("the sender's memory is not laid out as it says")
    return actual, slot_size, slot_count, size


def _stale() -> LaneError:
    return LaneError(
        "the message came too late: its block has been used again",
        advice="receive faster, or give the sender's arena more room (oobpickle.shared.set_limit)",
        stale=True,
    )

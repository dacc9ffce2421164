"""The receiving side: references into views.

Order, for each message: leases of all its blocks (lock, then compare the generation); then the acknowledgement; then the
views. A reader that is killed at any point before the acknowledgement has not been heard of by the sender, which keeps
the blocks; the kernel has dropped its locks. After it, its locks are what keeps them.

A block whose part in the message is small is copied out, and its lease ends at once: cheaper than views.
"""

from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TypeAlias

from oobpickle.errors import LaneError
from oobpickle.lanes.shared import references
from oobpickle.lanes.shared.attach import Lease
from oobpickle.lanes.shared.boards import Boards
from oobpickle.lanes.shared.lane import Lane
from oobpickle.lanes.shared.process import current
from oobpickle.lanes.shared.references import READ_ONLY, AckReference, References

COPY_UP_TO = 128 * 1024
"""Bytes of one block in one message that are rather copied than viewed: a view costs a few us to make and to end."""

_Part: TypeAlias = tuple[int, int, bool, int]
# One buffer's part of a slot: start, end, whether its view can be written, its position in the message.

_NOTHING = memoryview(b"")


class SharedInbox:
    """The references that one receiving endpoint follows; oobpickle.lanes.Inbox tells the rest."""

    def __init__(self) -> None:
        self._lane = current()
        self._boards = Boards()
        self._closed = False
        self._lane.guard.run(self._lane.join_receiving, self._boards)

    def follow(self, packed: memoryview | bytes, lengths: Sequence[int], *, readonly: bool = False) -> list[memoryview]:
        """Take leases, acknowledge, and give views of the blocks."""
        one = references.unpack_one(packed)
        if one is not None and len(lengths) == 1 and lengths[0] > COPY_UP_TO:
            return self._lane.guard.run(self._follow_one, self._lane, one, lengths[0], readonly)
        refs = references.unpack(packed, len(lengths))
        return self._lane.guard.run(self._follow, self._lane, refs, lengths, readonly)

    def skip(self, packed: memoryview | bytes, count: int) -> None:
        """Acknowledge it."""
        with suppress(LaneError):
            refs = references.unpack(packed, count)
            self._lane.guard.run(self._boards.acknowledge, refs.acknowledge)

    def peer_gone(self) -> None:
        """Let go of the maps and boards of senders that are gone."""
        self._lane.guard.run(self._sweep)

    def close(self) -> None:
        """Give up this reader's numbers on the senders' boards."""
        if not self._closed:
            self._closed = True
            lane, boards = self._lane, self._boards
            lane.guard.soon(lambda: lane.leave_receiving(boards))

    def __del__(self) -> None:
        if hasattr(self, "_closed"):  # else it was never made
            self.close()

    def _sweep(self) -> None:
        self._lane.attachments.sweep()
        self._boards.sweep()

    def _follow(self, lane: Lane, refs: References, lengths: Sequence[int], readonly: bool) -> list[memoryview]:
        leases: list[Lease] = []
        views = [_NOTHING] * len(lengths)
        attach = lane.attachments.attach
        try:
            for reference in refs.blocks:
                leases.append(attach(reference[:3]).lease(*reference[3:]))  # noqa: PERF401 - some, on failure
            groups = _grouped(refs, lengths, leases, readonly)
            for lease, parts in zip(leases, groups, strict=True):
                _fill(views, lane, lease, parts)
            self._boards.acknowledge(refs.acknowledge)
        except BaseException:
            views.clear()  # the traceback, which somebody may keep, would hold them
            with suppress(LaneError):
                self._boards.acknowledge(refs.acknowledge)  # as far as the sender goes it is over
            raise
        finally:
            for lease in leases:
                lease.drop()
        return views

    def _follow_one(self, lane: Lane, one: list[int], length: int, readonly: bool) -> list[memoryview]:
        """As `_follow`, for one block with one large buffer in it, in half the time."""
        *asked, pid, fd, token, slot, generation, _, read_only, start = one
        acknowledge = AckReference(*asked)
        lease: Lease | None = None
        views: list[memoryview] = []
        try:
            lease = lane.attachments.attach((pid, fd, token)).lease(slot, generation)
            views.append(_view(lane, lease, start, start + length, writable=not (readonly or read_only)))
            self._boards.acknowledge(acknowledge)
        except BaseException:
            views.clear()
            with suppress(LaneError):
                self._boards.acknowledge(acknowledge)
            raise
        finally:
            if lease is not None:
                lease.drop()
        return views


def _grouped(refs: References, lengths: Sequence[int], leases: list[Lease], readonly: bool) -> list[list[_Part]]:
    """The parts of each block, checked."""
    if len(leases) > 1 and len({id(lease) for lease in leases}) != len(leases):
        raise LaneError("the references name a block twice")
    groups: list[list[_Part]] = [[] for _ in leases]
    for position, (index, flags, start) in enumerate(refs.buffers):
        end = start + lengths[position]
        if end > leases[index].attachment.slot_size:
            raise _beyond()
        groups[index].append((start, end, not (readonly or flags & READ_ONLY), position))
    for parts in groups:
        if len(parts) > 1:
            written = sorted([part for part in parts if part[2]])
            if any(before[1] > after[0] for before, after in pairwise(written)):
                raise LaneError("references to writable buffers overlap")
    return groups


def _view(lane: Lane, lease: Lease, start: int, end: int, *, writable: bool) -> memoryview:
    """A view of a large part of a block, the only one of its message, holding what it needs."""
    attachment = lease.attachment
    if end > attachment.slot_size:
        raise _beyond()
    offset = attachment.start + lease.slot * attachment.slot_size
    start, end = offset + start, offset + end
    owner = attachment.arrival(lease, start, end) if writable else lease
    if owner is not None:
        return lane.guard.watched(owner.memory[start:end], owner)
    if end - start > attachment.allocated():
        raise _a_hole()
    return memoryview(bytearray(attachment.memory[start:end]))


def _fill(views: list[memoryview], lane: Lane, lease: Lease, parts: list[_Part]) -> None:
    """Put views of one block's parts, each holding what it needs, at their positions."""
    attachment = lease.attachment
    base = attachment.offset(lease.slot)
    total = sum([end - start for start, end, _, _ in parts])
    written = [(start, end) for start, end, writable, _ in parts if writable and start < end]
    arrival = None
    if written and total > COPY_UP_TO:
        arrival = attachment.arrival(lease, base + min(written)[0], base + max(written)[1])
        if arrival is None and total > attachment.allocated():
            raise _a_hole()
    for start, end, writable, position in parts:
        owner = arrival if writable and arrival else lease
        memory = owner.memory[base + start : base + end]
        if writable and not arrival:
            views[position] = memoryview(bytearray(memory))
        elif total <= COPY_UP_TO or start == end:
            views[position] = memoryview(bytes(memory))
        else:
            views[position] = lane.guard.watched(memory, owner)


def _beyond() -> LaneError:
    return LaneError("a reference reaches beyond its block")


def _a_hole() -> LaneError:
    return LaneError("a reference to more memory than there is")

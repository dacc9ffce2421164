"""What a fork does to the lane. The child has copies of all descriptors and maps, and no right to any of them.

Rule: a process never locks, unlocks or allocates in what it inherited; it only closes. An inherited descriptor is the
parent's open file: what the child unlocked there would be unlocked for the parent, and as long as the child had it open
the parent's locks would outlive the parent.

The arrays are the difficulty: the child has those too. Received ones stand on the parent's leases, which may end any
moment; loaned ones are writable memory that the parent will use again. So before the fork the parent takes the child's
leases for it, on open files made for that, which after the fork are closed in the parent and live on in the child. There
is no moment at which memory that the child can see is without a lock of its own.

In the child: loaned arrays become what received writable ones are, views of a private map under a lease, at the same
address; what either process writes from then on, the other does not see (of the child's that is certain; the parent's
writes to a page are seen until the child has written to it). The arena is a new one, made on first use. Endpoints do not
cross a fork, and their sends are none of the child's.

An exec right after the fork (subprocess) does not come here: the descriptors are close-on-exec, and Python runs no hooks.
"""

import ctypes
import mmap
import os
import threading
from contextlib import suppress
from typing import NamedTuple

from oobpickle.errors import LaneError
from oobpickle.lanes.shared import locks, memfd
from oobpickle.lanes.shared.arena import Arena
from oobpickle.lanes.shared.attach import Arrival, Attachment, Layer
from oobpickle.lanes.shared.attachments import Attachments
from oobpickle.lanes.shared.blocks import Block
from oobpickle.lanes.shared.guard import Held
from oobpickle.lanes.shared.lane import Lane
from oobpickle.lanes.shared.segment import Segment

NO_FILE = -1
_MAP_FIXED = 0x10


class _Inherited(NamedTuple):
    # What the child gets: open files that hold its leases.
    attachments: list[tuple[Attachment, int]]
    segments: list[tuple[Segment, int]]


class _Nothing:
    """Held by arrays that no lock stands behind any more."""

    def hold(self) -> None:
        pass

    def drop(self) -> None:
        pass


def prepare(lane: Lane) -> None:
    """See to it that forks of this process go as said above."""
    prepared: list[_Inherited] = []

    def before() -> None:
        lane.guard.mutex.acquire()
        prepared.append(_leases_for_child(lane))

    def in_parent() -> None:
        inherited = prepared.pop()
        lane.guard.mutex.release()
        for _, fd in (*inherited.attachments, *inherited.segments):
            if fd != NO_FILE:
                os.close(fd)

    def in_child() -> None:
        lane.guard.mutex = threading.Lock()
        _become(lane, prepared.pop())

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def _leases_for_child(lane: Lane) -> _Inherited:
    inherited = _Inherited([], [])
    for attachment in lane.attachments.all.values():
        if attachment.leases:
            fd = _locked(attachment.fd, list(attachment.leases))
            if fd == NO_FILE:  # no descriptor left: these leases are never let go, by us or by the child
                for lease in attachment.leases.values():
                    lease.hold()
            else:
                inherited.attachments.append((attachment, fd))
    for segment in lane.arena.segments:
        if loaned := segment.loaned():
            fd = _locked(segment.fd, [block.slot for block in loaned])
            if fd == NO_FILE:
                for block in loaned:
                    block.hold()
            inherited.segments.append((segment, fd))
    return inherited


def _locked(fd: int, slots: list[int]) -> int:
    """An open file of its own that has the slots locked as a reader has; NO_FILE: no descriptor is left."""
    try:
        fd = locks.reopen(fd, writable=False)
    except OSError:
        return NO_FILE
    for slot in slots:
        locks.lock_shared(fd, slot)
    return fd


def _become(lane: Lane, inherited: _Inherited) -> None:
    """Make the parent's lane the child's. Nothing here touches a lock of the parent's."""
    lane.pid = os.getpid()
    lane.forks += 1
    for segment, fd in inherited.segments:
        _make_private(segment, segment.fd if fd == NO_FILE else fd)
    kept = lane.attachments
    kept.become(lane.pid)
    taken_over = dict(inherited.attachments)
    for attachment in list(kept.all.values()):
        if attachment in taken_over:
            os.close(attachment.fd)
            attachment.fd = taken_over[attachment]
    segments, lane.arena = lane.arena.segments, Arena(lane.pid, lane.arena.limit, lane.book, lane.settle)
    for segment in segments:
        lane.book.remove(segment.address)
    for segment, fd in inherited.segments:
        for block in segment.loaned():
            _give(block, _Nothing())
        if fd != NO_FILE:
            with suppress(LaneError):  # no room for a map: the arrays stay, and their leases with them
                _adopt(kept, segment, fd)
    private = [segment for segment, _ in inherited.segments]
    for segment in segments:
        os.close(segment.fd)
        if segment not in private:
            segment.unmap()
    for board in lane.boards:
        board.close()
    lane.boards.clear()
    lane.sending.clear()
    for boards in lane.receiving:
        boards.close()
    lane.receiving.clear()
    kept.users = 0
    kept.sweep()


def _make_private(segment: Segment, fd: int) -> None:
    """Put a private map in the place of the parent's shared one, so that arrays keep their addresses."""
    mmap_ = ctypes.CDLL(None, use_errno=True).mmap
    mmap_.restype = ctypes.c_void_p
    mmap_.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    mapped = locks.reopen(fd, writable=False)
    flags = mmap.MAP_PRIVATE | memfd.MAP_NORESERVE | _MAP_FIXED
    placed = mmap_(segment.address, memfd.pages(segment.size), memfd.READ_WRITE, flags, mapped, 0)
    os.close(mapped)
    if placed != segment.address:
        # Writing on would destroy what the parent sends. No exception gets out of a fork hook.
        os.write(2, b"oobpickle: the child's copy of shared arrays cannot be made\n")
        os.abort()


def _adopt(kept: Attachments, segment: Segment, fd: int) -> None:
    """Make a segment of the parent's one that we have attached, and its loaned arrays views of an arrival."""
    attachment = kept.enter(fd, segment.token)
    layer = Layer(attachment, segment.map)
    attachment.layers.append(layer)
    kept.book.add(layer.address, segment.size, layer)
    for block in segment.loaned():
        lease = attachment.inherit(block.slot, block.generation)
        start = segment.offset(block.slot)
        arrival = Arrival(layer, lease, start, start + block.length)
        arrival.hold()
        lease.drop()
        _give(block, arrival)


def _give(block: Block, held: Held) -> None:
    """Let the user's array over a block of the parent's hold this instead."""
    if block.loan is not None:
        block.loan.held = held

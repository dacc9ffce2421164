"""The arena as the user sees it: memory for arrays, a limit, figures. Where there is no shared lane there is no room."""

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from oobpickle.lanes.shared import locks
from oobpickle.lanes.shared.address import address_of
from oobpickle.lanes.shared.arena import Stats
from oobpickle.lanes.shared.blocks import Loan
from oobpickle.lanes.shared.placing import REFER_FROM
from oobpickle.lanes.shared.process import current

if TYPE_CHECKING:
    from numpy.typing import NDArray

State: TypeAlias = Literal["shared", "written", ""]


def lend(length: int) -> "NDArray[np.uint8] | None":
    """Bytes in the arena, writable, whatever their last user left in them; None if there is no room.

    Any contiguous view of the array from `REFER_FROM` bytes up is sent by reference. The block is the array's until the last view of it is gone.
    """
    if not length or not locks.AVAILABLE:
        return None
    lane = current()
    block = lane.guard.run(lane.arena.allocate, length)
    if block is None:
        return None
    try:
        block.back()
    except OSError:
        lane.guard.run(block.drop)
        return None
    array = np.frombuffer(block.memory, np.uint8)
    lane.guard.watch(array, lane.guard.run(Loan, block))
    return array


def is_shared(view: memoryview) -> bool:
    """Whether a send would refer to this memory instead of copying it. view: flat, contiguous."""
    if not view.nbytes or not locks.AVAILABLE:
        return False
    lane = current()
    return lane.guard.run(lane.book.find, address_of(view), view.nbytes) is not None


def state(view: memoryview) -> State:
    """What a send makes of this memory. shared: it refers to it. written: it came by reference, and was written to.

    view: flat, contiguous. "" for any other memory, and for less than is worth a reference.
    """
    if view.nbytes < REFER_FROM or not locks.AVAILABLE:
        return ""
    lane = current()
    if is_shared(view):
        return "shared"
    return "written" if lane.guard.run(lane.book.covers, address_of(view)) else ""


def set_limit(limit: int) -> None:
    """Bound the arena's memory, in bytes."""
    if locks.AVAILABLE:
        lane = current()
        lane.guard.run(lane.arena.set_limit, limit)


def stats() -> Stats:
    """Look at every block of the arena."""
    if not locks.AVAILABLE:
        return Stats(0, 0, 0, 0)
    lane = current()
    return lane.guard.run(lane.arena.stats)

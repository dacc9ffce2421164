"""The receiving side: references into views.

Order, for each message: leases of all its blocks (lock, then compare the generation); then the acknowledgement; then the
views. A reader that is killed at any point before the acknowledgement has not been heard of by the sender, which keeps
the blocks; the kernel has dropped its locks. After it, its locks are what keeps them.

A block whose part in the message is small is copied out, and its lease ends at once: cheaper than views.
"""

from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from oobpickle.errors import LaneError
from oobpickle.lanes.shared import references
from oobpickle.lanes.shared.acks import PeerBoard
from oobpickle.lanes.shared.attach import Lease
from oobpickle.lanes.shared.guard import Held
from oobpickle.lanes.shared.lane import Lane
from oobpickle.lanes.shared.process import current
from oobpickle.lanes.shared.references import READ_ONLY, AckReference, References

COPY_UP_TO = 128 * 1024
"""Bytes of one block in one message that are rather copied than viewed: a view costs a few us to make and to end."""

MOST_BOARDS = 256
"""Boards of acknowledgements that one endpoint has open: one a sender. Beyond, the first opened is closed."""


class _Place(NamedTuple):
    # Where one buffer is. Its view will hold `held`; a copied one has no view, and `held` is let go after the copy.
    source: memoryview
    held: Held
    writable: bool
    copied: bool


class _Part(NamedTuple):
    # One buffer's part of a slot.
    start: int
    end: int
    writable: bool


class SharedInbox:
    """The references that one receiving endpoint follows; oobpickle.lanes.Inbox tells the rest."""

    def __init__(self) -> None:
        self._lane: Lane | None = None
        self._boards: dict[tuple[int, int, int], PeerBoard] = {}

    def follow(self, packed: memoryview | bytes, lengths: Sequence[int], *, readonly: bool = False) -> list[memoryview]:
        """Take leases, acknowledge, and give views of the blocks."""
        refs = references.unpack(packed, len(lengths))
        if self._lane is None:
            self._lane = current()
            self._lane.inboxes.add(self)
        return _views(self._lane, self._lane.guard.run(self._places, self._lane, refs, lengths, readonly))

    def close(self) -> None:
        """Give up this reader's numbers on the senders' boards."""
        if self._lane is not None:
            self._lane.guard.soon(self.leave_boards)

    def __del__(self) -> None:
        self.close()

    def leave_boards(self) -> None:
        """Close the boards, and with them this reader's numbers. Under the mutex."""
        while self._boards:
            self._boards.popitem()[1].close()

    def _places(self, lane: Lane, refs: References, lengths: Sequence[int], readonly: bool) -> list[_Place]:
        leases: list[Lease] = []
        places: list[_Place] = []
        try:
            for reference in refs.blocks:
                leases.append(lane.attachments.attach(reference).lease(reference))  # noqa: PERF401 - some, on failure
            _check_distinct(leases)
            groups: list[list[_Part]] = [[] for _ in leases]
            for (index, flags, start), length in zip(refs.buffers, lengths, strict=True):
                groups[index].append(_Part(start, start + length, not (readonly or flags & READ_ONLY)))
            order = [iter(_place(lease, group, places)) for lease, group in zip(leases, groups, strict=True)]
            result = [next(order[index]) for index, _, _ in refs.buffers]
            self._acknowledge(refs.acknowledge)
        except BaseException:
            for place in places:
                place.held.drop()
            with suppress(LaneError):
                self._acknowledge(refs.acknowledge)  # as far as the sender goes it is over
            raise
        finally:
            for lease in leases:
                lease.drop()
        return result

    def _acknowledge(self, acknowledge: AckReference) -> None:
        if not acknowledge.stamp:
            return
        key = acknowledge.pid, acknowledge.fd, acknowledge.token
        board = self._boards.get(key)
        if board is None:
            for other in [other for other, board in self._boards.items() if board.is_abandoned()]:
                self._boards.pop(other).close()
            if len(self._boards) >= MOST_BOARDS:
                self._boards.pop(next(iter(self._boards))).close()
            board = self._boards[key] = PeerBoard(acknowledge)
        board.acknowledge(acknowledge)


def _check_distinct(leases: list[Lease]) -> None:
    if len({id(lease) for lease in leases}) != len(leases):
        raise LaneError("the references name a block twice")


def _place(lease: Lease, parts: list[_Part], places: list[_Place]) -> list[_Place]:
    """Decide how the buffers in one block arrive, and hold what they need. places: gets what this returns as well."""
    attachment = lease.attachment
    written = sorted((part.start, part.end) for part in parts if part.writable)
    if max(part.end for part in parts) > attachment.slot_size:
        raise LaneError("a reference reaches beyond its block")
    if any(end > start for (_, end), (start, _) in pairwise(written)):
        raise LaneError("references to writable buffers overlap")
    total = sum(part.end - part.start for part in parts)
    base = attachment.offset(lease.slot)
    arrival = None
    if written and total > COPY_UP_TO:
        arrival = attachment.arrival(lease, base + written[0][0], base + written[-1][1])
        if arrival is None and total > attachment.allocated():
            raise LaneError("a reference to more memory than there is")
    first = len(places)
    for start, end, writable in parts:
        if writable and arrival is not None:
            place = _Place(arrival.memory[base + start : base + end], arrival, writable, copied=False)
        else:
            source = attachment.memory[base + start : base + end]
            place = _Place(source, lease, writable, copied=writable or total <= COPY_UP_TO)
        place.held.hold()
        places.append(place)
    return places[first:]


def _views(lane: Lane, places: list[_Place]) -> list[memoryview]:
    """Views or copies. Not under the mutex: what is held already is enough."""
    views: list[memoryview] = []
    done: list[Held] = []
    try:
        for source, held, writable, copied in places:
            if copied:
                views.append(memoryview(bytearray(source) if writable else bytes(source)))
                done.append(held)
            elif source:
                array = np.frombuffer(source, np.uint8)  # Guard.watch says why it is this one that is watched
                lane.guard.watch(array, held)
                views.append(array.data)
            else:
                views.append(memoryview(b""))
                done.append(held)
    except BaseException:
        done += [place.held for place in places[len(views) :]]
        raise
    finally:
        if done:
            lane.guard.run(_drop_all, done)
    return views


def _drop_all(held: list[Held]) -> None:
    for one in held:
        one.drop()

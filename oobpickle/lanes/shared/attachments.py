"""The segments that this process has attached, kept by inode: one map each, whoever refers to it and by what number."""

import os
import time

from oobpickle.errors import LaneError
from oobpickle.lanes.shared import memfd
from oobpickle.lanes.shared.address import AddressBook
from oobpickle.lanes.shared.attach import Attachment
from oobpickle.lanes.shared.written import Pagemap

MOST = 256
"""Segments attached at a time: each costs two to four descriptors, of which a process may have 1,024 unless somebody has
raised that, and a peer chooses how many it refers to. 16 GB of messages."""

_LOOK_EVERY = 0.05  # seconds between looks whether a sender lives

_MOST_KEYS = 4 * MOST  # ways to refer to them: by senders, and by those who pass them on


class Attachments:
    """One a process. Methods are called under the mutex."""

    def __init__(self, pid: int, book: AddressBook) -> None:
        self.pid = pid
        self.book = book
        self.users = 0  # endpoints that receive; without any, maps are kept only for leases
        self.leases = 0
        self.all: dict[tuple[int, int], Attachment] = {}  # by inode; the first attached first
        self._pagemap: Pagemap | None = None
        self._keys: dict[tuple[int, int, int], Attachment] = {}  # a cache of what references led to

    def attach(self, key: tuple[int, int, int]) -> Attachment:
        """The segment that a block is in. key: process, descriptor and token of its reference. Raises LaneError."""
        return self._keys.get(key) or self._open(key)

    def drop(self, attachment: Attachment) -> None:
        """Forget a segment that we have no lease in."""
        self.all = {inode: other for inode, other in self.all.items() if other is not attachment}
        self._keys = {key: other for key, other in self._keys.items() if other is not attachment}
        attachment.close()
        if not self.all:
            self.close_pagemap()

    def unused(self, attachment: Attachment) -> None:
        """The last lease of a segment has ended: let go of it if its sender is gone."""
        attachment.next_look = time.monotonic() + _LOOK_EVERY
        if not self.users or attachment.is_abandoned():
            self.drop(attachment)

    def sweep(self) -> None:
        """Let go of what the dead left to us; of all that no lease needs, when no endpoint receives any more."""
        for attachment in list(self.all.values()):
            if not attachment.leases and (not self.users or attachment.is_abandoned()):
                self.drop(attachment)

    def _open(self, key: tuple[int, int, int]) -> Attachment:
        pid, number, token = key
        self._make_room()
        fd = memfd.open_peer(pid, number, memfd.OWNER_WRITES, writable=False)
        attachment = self._keys[key] = self.enter(fd, token)
        return attachment

    def enter(self, fd: int, token: int) -> Attachment:
        """The segment behind an open file of our own, which is taken over, also on failure. Raises LaneError."""
        status = os.fstat(fd)
        inode = (status.st_dev, status.st_ino)
        attachment = self.all.get(inode)
        if attachment is None:
            attachment = self.all[inode] = Attachment(self, fd, token)
            return attachment
        os.close(fd)
        if attachment.token != token:
            raise LaneError("the reference is stale: the sender has closed that memory", stale=True)
        return attachment

    @property
    def pagemap(self) -> Pagemap:
        """What the kernel knows of our pages. Open as long as something is attached."""
        if self._pagemap is None:
            self._pagemap = Pagemap()
        return self._pagemap

    def close_pagemap(self) -> None:
        """Close it, until it is asked for again."""
        if self._pagemap is not None:
            self._pagemap.close()
            self._pagemap = None

    def become(self, pid: int) -> None:
        """We are this process now, a child of the one that we were."""
        self.pid = pid
        self.close_pagemap()

    def _make_room(self) -> None:
        if len(self._keys) >= _MOST_KEYS:
            self._keys.clear()
        self.sweep()
        if len(self.all) >= MOST:
            idle = next((attachment for attachment in self.all.values() if not attachment.leases), None)
            if idle is None:
                raise LaneError(f"views of {MOST} segments of shared memory are held already", advice="let some go")
            self.drop(idle)

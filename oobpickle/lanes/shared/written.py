"""Which pages of a private map were written, and giving those back.

A private map reads the sender's pages until a page is written; then it has its own copy of that page. When the arrays
over a part of it are gone these copies must go, or the next message in that place would show old bytes. Forgetting the
whole part does that as well, but makes the next reader fault every page in again, which costs more than a copy of the
bytes would. So only written pages are forgotten: ioctl PAGEMAP_SCAN finds them (Linux 6.7), before that
/proc/self/pagemap tells of each page whether it is still the file's (admin-guide/mm/pagemap). That looks at every page
that was read: 9 us for 1 MB, 120 for 16 MB, a seventh of what it took to copy them in.

Mostly nothing was written, and that can be told at once: the first write to a page takes a page fault, and the kernel
counts those of a process, of all its threads (getrusage(2), ru_minflt and ru_majflt: 0.7 us). As long as the count stands
still nothing needs to be looked for. A fault may have any other cause, so a count that moved says nothing. What another
process writes into this one (ptrace, process_vm_writev), or a device that takes faults of its own for it, counts there: who
does that to arrays in shared memory is on his own.
"""

import mmap
import os
import struct
import sys
from contextlib import suppress
from typing import TypeAlias

import numpy as np

if sys.platform == "linux":
    import fcntl
    from resource import RUSAGE_SELF, getrusage

PAGE = mmap.PAGESIZE

_SCAN = struct.Struct("=12Q")  # struct pm_scan_arg, linux/fs.h
_RANGE, _WALK_END = (
    struct.Struct("=QQQ"),
    struct.Struct("=Q"),
)  # its start, end and walk_end; the last, which it returns
_PAGEMAP_SCAN = 0xC0606610  # _IOWR('f', 16, struct pm_scan_arg)
_IS_FILE, _IS_PRESENT, _IS_SWAPPED = 1 << 2, 1 << 3, 1 << 4
_REGIONS = 64  # ranges found at a call

_ENTRY_IS_FILE, _ENTRY_IS_THERE = np.uint64(1 << 61), np.uint64(3 << 62)


Mark: TypeAlias = tuple[object, int]


class Pagemap:
    """What the kernel knows of this process's pages. Not to be used in a child after a fork: it speaks of the parent.

    mark: stands for the count of page faults at the last look. tells: whether the kernel tells what was written.
    """

    def __init__(self) -> None:
        self._own = object()  # a child after a fork has its own count, and marks that are equal to none of the parent's
        self.mark: Mark = (self._own, 0)
        self._counts = _faults_are_counted()
        self._fd = -1
        with suppress(OSError):  # a sandbox without it
            self._fd = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        self._regions = np.zeros((_REGIONS, 3), np.uint64)  # struct page_region: start, end, categories
        address = int(self._regions.__array_interface__["data"][0])
        # A page of its own: not the file's (inverted), and present or swapped out.
        categories = (_IS_FILE, _IS_FILE, _IS_PRESENT | _IS_SWAPPED, _IS_PRESENT)
        self._argument = bytearray(_SCAN.pack(_SCAN.size, 0, 0, 0, 0, address, _REGIONS, 0, *categories))
        self._scans = True

    def written(self, start: int, stop: int) -> list[tuple[int, int]]:
        """The ranges of addresses, whole pages that [start, stop) reaches into, where this private map has pages of its own.

        All of it where the kernel does not tell. Not for two threads at once.
        """
        start, stop = start & -PAGE, -(-stop & -PAGE)
        if self._fd < 0:
            return [(start, stop)]
        if not self._scans:
            return self._read(start, stop)
        ranges: list[tuple[int, int]] = []
        argument = self._argument
        try:
            while start < stop:
                _RANGE.pack_into(argument, 16, start, stop, 0)
                found = fcntl.ioctl(self._fd, _PAGEMAP_SCAN, argument)
                if found:
                    ranges += [(first, end) for first, end, _ in self._regions[:found].tolist()]
                (start,) = _WALK_END.unpack_from(argument, 32)  # how far it got
        except OSError:  # a kernel before 6.7 does not know the call
            self._scans = False
            return ranges + self._read(start, stop)
        return ranges

    @property
    def tells(self) -> bool:
        """Whether `written` knows anything."""
        return self._fd >= 0

    def is_untouched_since(self, mark: Mark) -> bool:
        """Whether no private map of this process can have been written to for the first time since `mark` was that."""
        if not self._counts:
            return False
        faults = _faults()
        if faults != self.mark[1]:
            self.mark = (self._own, faults)
        return self.mark == mark

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)

    def _read(self, start: int, stop: int) -> list[tuple[int, int]]:
        raw = os.pread(self._fd, 8 * ((stop - start) // PAGE), 8 * (start // PAGE))
        entries = np.frombuffer(raw, np.uint64)
        own = ((entries & _ENTRY_IS_FILE) == 0) & ((entries & _ENTRY_IS_THERE) != 0)
        edges = np.flatnonzero(np.diff(own, prepend=False, append=False)).reshape(-1, 2)
        return [(start + PAGE * first, start + PAGE * end) for first, end in edges.tolist()]


def _faults() -> int:
    usage = getrusage(RUSAGE_SELF)
    return usage.ru_minflt + usage.ru_majflt


def _faults_are_counted() -> bool:
    """Whether this kernel counts them: some stand-in for one does not, and a sandbox may forbid to ask."""
    try:
        before = _faults()
        with mmap.mmap(-1, PAGE) as page:
            page[0] = 1
        return _faults() > before
    except OSError:
        return False

"""Shared memory that belongs to nobody's file system: sealed memfds, made here and opened from another process.

Rule 1: a memfd is sealed in its size before anybody hears of it, so a peer that maps it cannot be hit by SIGBUS.
Rule 2: of a peer's process nothing is opened that is not a memfd of ours. Opening a pipe may block or wake somebody, a
device may do anything, so the file is looked at through a handle (O_PATH) that does not open it, and what is opened is
the file behind that handle, whatever the name has come to mean meanwhile.

A descriptor that is kept is both what peers open and what its holder's locks belong to. A map is made of another open
file: it keeps that open, and in a child as well (locks.py, rule 2).
"""

import mmap
import os
import stat
import struct
import sys
from typing import Any

from oobpickle.errors import LaneError
from oobpickle.lanes.shared import locks

if sys.platform == "linux":
    import fcntl

NAME = "oobpickle"

FIXED_SIZE = 0x2 | 0x4
"""F_SEAL_SHRINK | F_SEAL_GROW: the size stays."""

OWNER_WRITES = FIXED_SIZE | 0x10
"""And F_SEAL_FUTURE_WRITE: no writable shared map can be made any more; the owner's, made before, stays."""

READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE

MAP_NORESERVE = 0x4000  # linux/mman.h; the mmap module does not name it before 3.13

_MFD_NOEXEC_SEAL = 0x8  # Linux 6.3; where vm.memfd_noexec is 2 nothing else is allowed
_PAGE = mmap.PAGESIZE
# From 3.13 on a map need not keep a descriptor of its own. Before, a map costs one.
_UNTRACKED: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}


def create(header: bytes, size: int, seals: int) -> tuple[int, mmap.mmap]:
    """Make a memfd of `size` bytes that begins with `header`: (the descriptor for peers and locks, a writable map).

    size: a multiple of the page. Raises OSError when the system gives no memfd, descriptor or map.
    """
    fd = _memfd()
    try:
        os.ftruncate(fd, size)
        memory = mmap.mmap(fd, size, flags=mmap.MAP_SHARED, prot=READ_WRITE, **_UNTRACKED)
        memory[: len(header)] = header
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals | 0x1)  # F_SEAL_SEAL: and no more seals, by anybody
        return locks.reopen(fd, writable=True), memory
    finally:
        os.close(fd)


def map_file(fd: int, size: int, *, flags: int, prot: int) -> mmap.mmap:
    """Map the file behind a descriptor from its start, as an open file of its own. Raises LaneError."""
    try:
        mapped = locks.reopen(fd, writable=flags == mmap.MAP_SHARED and prot == READ_WRITE)
        try:
            return mmap.mmap(mapped, size, flags=flags, prot=prot, **_UNTRACKED)
        finally:
            os.close(mapped)
    except (OSError, ValueError, OverflowError) as error:  # the last two: a size that no map can have
        raise LaneError(f"the sender's memory cannot be mapped: {error}") from error


def open_peer(pid: int, number: int, seals: int, *, writable: bool) -> int:
    """Open the memfd that is descriptor `number` of process `pid`: an open file of our own.

    seals: those that it must have. Raises LaneError when it is anything else, or out of reach.
    """
    try:
        handle = os.open(f"/proc/{pid}/fd/{number}", os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        raise LaneError(
            f"process {pid} has no descriptor {number}: it has ended, or lives in another pid namespace",
            advice='containers that share memory need one pid namespace (docker --pid); else lane="inline" at the sender',
        ) from None
    except OSError as error:
        raise _unreachable(pid, number, error) from error
    try:
        name = os.readlink(f"/proc/self/fd/{handle}")
        status = os.fstat(handle)
        if not name.startswith(f"/memfd:{NAME}") or not stat.S_ISREG(status.st_mode):
            raise LaneError(f"descriptor {number} of process {pid} is no memory of oobpickle")
        fd = locks.reopen(handle, writable=writable)
    except OSError as error:
        raise _unreachable(pid, number, error) from error
    finally:
        os.close(handle)
    if not _is_sealed(fd, seals):
        os.close(fd)
        raise LaneError(f"descriptor {number} of process {pid} is not sealed")
    return fd


def read_header(fd: int, layout: struct.Struct) -> tuple[tuple[Any, ...], int]:
    """A copy of a peer's header, and the size of its file. The peer can write it: what is checked must be this copy."""
    header = os.pread(fd, layout.size, 0)
    if len(header) != layout.size:
        raise LaneError("the sender's memory is too short")
    return layout.unpack(header), os.fstat(fd).st_size


def pages(length: int) -> int:
    """`length` rounded up to whole pages."""
    return -(-length // _PAGE) * _PAGE


def _is_sealed(fd: int, seals: int) -> bool:
    try:
        return fcntl.fcntl(fd, fcntl.F_GET_SEALS) & seals == seals
    except OSError:  # a file that cannot have any
        return False


def _memfd() -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(NAME, flags | _MFD_NOEXEC_SEAL)
    except OSError:
        return os.memfd_create(NAME, flags)


def _unreachable(pid: int, number: int, error: OSError) -> LaneError:
    return LaneError(
        f"descriptor {number} of process {pid}: {error.strerror}",
        advice="a sender's memory can be opened by processes of the same user, with descriptors to spare (ulimit -n)",
    )

"""Locks that the kernel drops when their holder dies: one byte of a file each, of an open file description (OFD).

Rule 1: nobody waits. A lock that cannot be had at once is not had.
Rule 2: a lock belongs to an *open file*, not to a process, a thread or a descriptor. All holders that must exclude each
other have opened the file anew (`reopen`), and the descriptor of an open file that holds locks is never duplicated and
never mapped (a map keeps its file open): a copy of it would keep a dead holder's locks alive. Over a fork it is copied
all the same; fork.py says what is done about that.
Rule 3: locks do not count. Locked twice and unlocked once is unlocked, so whoever shares an open file counts.

The bytes need not exist: any offset can be locked. Adjacent bytes of one open file merge into one range in the kernel,
which keeps its list short (it is searched linearly: 2 us for a lock and its end among few ranges, 89 us among 5,000).

Source: fcntl(2), "Open file description locks". Where they do not exist `AVAILABLE` is False, and nothing else here
may be called.
"""

import os
import struct
import sys

if sys.platform == "linux":
    import fcntl

AVAILABLE = sys.platform == "linux" and hasattr(fcntl, "F_OFD_SETLK") and struct.calcsize("P") == 8
"""Whether this platform has such locks, with the layout of struct flock that is written here."""

_FLOCK = struct.Struct("hhqqixxxx")  # l_type, l_whence, l_start, l_len, l_pid (must be 0)


def lock_exclusive(fd: int, byte: int, count: int = 1) -> bool:
    """Take `count` bytes from `byte` on exclusively; False, and nothing taken, if others hold any of them.

    The descriptor must be open for writing. Raises OSError (ENOLCK) when the kernel has no room for locks.
    """
    return _set(fd, fcntl.F_WRLCK, byte, count)


def lock_shared(fd: int, byte: int, count: int = 1) -> bool:
    """Take the bytes together with other readers; False if somebody holds one exclusively. Raises as above."""
    return _set(fd, fcntl.F_RDLCK, byte, count)


def unlock(fd: int, byte: int, count: int = 1) -> None:
    """Let the bytes go; not holding them is no error."""
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, 0, byte, count, 0))


def is_locked(fd: int, byte: int, *, exclusively: bool = False) -> bool:
    """Whether *another* open file holds the byte (`exclusively`: holds it so that even a reader has to stay out)."""
    kind = fcntl.F_RDLCK if exclusively else fcntl.F_WRLCK
    answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _FLOCK.pack(kind, 0, byte, 1, 0))
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)


def reopen(fd: int, *, writable: bool) -> int:
    """Open the file behind a descriptor once more: an open file of its own, whose locks are its own."""
    return os.open(f"/proc/self/fd/{fd}", (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)


def _set(fd: int, kind: int, byte: int, count: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, 0, byte, count, 0))
    except BlockingIOError:
        return False
    return True

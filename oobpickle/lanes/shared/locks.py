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

AVAILABLE = sys.platform == "linux" and struct.calcsize("P") == 8
"""Whether this platform has such locks, with the layout of struct flock that is written here."""

if sys.platform == "linux":
    from fcntl import F_OFD_GETLK as _GET
    from fcntl import F_OFD_SETLK as _SET
    from fcntl import F_RDLCK as _SHARED
    from fcntl import F_UNLCK as _FREE
    from fcntl import F_WRLCK as _EXCLUSIVE
    from fcntl import fcntl as _fcntl

    _IS_FREE = struct.pack("h", _FREE)

_pack = struct.Struct("hhqqixxxx").pack  # struct flock: l_type, l_whence, l_start, l_len, l_pid (must be 0)


def lock_exclusive(fd: int, byte: int, count: int = 1) -> bool:
    """Take `count` bytes from `byte` on exclusively; False, and nothing taken, if others hold any of them.

    The descriptor must be open for writing. Raises OSError (ENOLCK) when the kernel has no room for locks.
    """
    try:
        _fcntl(fd, _SET, _pack(_EXCLUSIVE, 0, byte, count, 0))
    except BlockingIOError:
        return False
    return True


def lock_shared(fd: int, byte: int, count: int = 1) -> bool:
    """Take the bytes together with other readers; False if somebody holds one exclusively. Raises as above."""
    try:
        _fcntl(fd, _SET, _pack(_SHARED, 0, byte, count, 0))
    except BlockingIOError:
        return False
    return True


def unlock(fd: int, byte: int, count: int = 1) -> None:
    """Let the bytes go; not holding them is no error."""
    _fcntl(fd, _SET, _pack(_FREE, 0, byte, count, 0))


def is_locked(fd: int, byte: int, *, exclusively: bool = False) -> bool:
    """Whether *another* open file holds the byte (`exclusively`: holds it so that even a reader has to stay out)."""
    answer: bytes = _fcntl(fd, _GET, _pack(_SHARED if exclusively else _EXCLUSIVE, 0, byte, 1, 0))
    return not answer.startswith(_IS_FREE)


def reopen(fd: int, *, writable: bool) -> int:
    """Open the file behind a descriptor once more: an open file of its own, whose locks are its own."""
    return os.open(f"/proc/self/fd/{fd}", (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)

"""What is done to this process's allocator for receiving large messages: a little by itself, and more by `reuse_memory`.

libzmq allocates the memory of each received frame with malloc, and glibc's malloc takes a large piece fresh from the
kernel each time and gives it back when it is freed. A fresh page costs a fault and its clearing: at 256 MB that is two
thirds of the time of receiving. Memory of a dropped message that is used again is warm.

glibc learns (mallopt(3), M_MMAP_THRESHOLD): when a piece of up to 32 MiB that was mapped on its own is freed, pieces of up
to that size come from the heap from then on, and of a heap up to twice as much that is free at its end is kept. From
messages of 1 MB it learns to keep 2 MB, which is too little for a stream of them: depending on where they come to lie a
receiver takes 0 to 90 page faults a message, and is slower by up to a half. So it is taught at the first large message
what it would learn from one of 32 MB (`teach`).
"""

import ctypes
import sys

_LESSON = 2**25 - 2**16
"""Bytes: the most that malloc learns from, and a little less, for what it adds."""

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # malloc.h; mallopt(3)


def reuse_memory() -> bool:
    """Let malloc keep freed memory for reuse, in this whole process and for its lifetime; call it once, early.

    True if the allocator took the settings. False where there is no glibc (musl, macOS, Windows): nothing is changed.

    What it does to the process (mallopt(3)): no allocation is mapped on its own (M_MMAP_MAX 0), freed memory at the top of
    the heap is not given back (M_TRIM_THRESHOLD 2 GiB - 1), and all threads share one heap (M_ARENA_MAX 1; malloc in many
    threads contends). So the process keeps the most memory that it ever needed at one time.
    """
    libc = _glibc()
    if libc is None:
        return False
    mallopt = libc.mallopt
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_ARENA_MAX, 1))
    return all([mallopt(name, value) == 1 for name, value in settings])  # noqa: C419 - set all of them


def teach() -> None:
    """Once in a process: let malloc learn what it learns when an array of 32 MB is freed. No memory is touched.

    From then on up to 64 MB that are free at the end of a heap are kept. Where the user has set malloc's thresholds, glibc
    does not learn, and nothing changes; nor where there is no glibc.
    """
    global _taught  # noqa: PLW0603 - the allocator is the process's
    if _taught:
        return
    _taught = True
    libc = _glibc()
    if libc is not None:
        malloc, free = libc.malloc, libc.free
        malloc.restype, malloc.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
        free(malloc(_LESSON))


_taught = False


def _glibc() -> "ctypes.CDLL | None":
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL(None)
        _ = libc.gnu_get_libc_version, libc.mallopt
    except (OSError, AttributeError):
        return None
    return libc

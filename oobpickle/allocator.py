"""`reuse_memory`: tune this process's allocator for receiving large messages.

libzmq allocates the memory of each received frame with malloc, and glibc's malloc takes a large piece fresh from the
kernel each time and gives it back when it is freed. A fresh page costs a fault and its clearing: at 256 MB that is two
thirds of the time of receiving. With these settings the memory of a dropped message is used again, warm.
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # malloc.h; mallopt(3)


def reuse_memory() -> bool:
    """Let malloc keep freed memory for reuse, in this whole process and for its lifetime; call it once, early.

    True if the allocator took the settings. False where there is no glibc (musl, macOS, Windows): nothing is changed.

    What it does to the process (mallopt(3)): no allocation is mapped on its own (M_MMAP_MAX 0), freed memory at the top of
    the heap is not given back (M_TRIM_THRESHOLD 2 GiB - 1), and all threads share one heap (M_ARENA_MAX 1; malloc in many
    threads contends). So the process keeps the most memory that it ever needed at one time.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL(None)
        mallopt, _ = libc.mallopt, libc.gnu_get_libc_version
    except (OSError, AttributeError):
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_ARENA_MAX, 1))
    return all([mallopt(name, value) == 1 for name, value in settings])  # noqa: C419 - set all of them

"""Copying large buffers, in pieces that the C library copies by the processor's own string instruction.

glibc's memcpy has `rep movsb` copy what is smaller than the second-level cache, where the processor has it fast, and on AMD's
processors copies more than that by a loop of vector loads and stores. The instruction writes whole lines without reading them
first; the loop reads what it is about to overwrite. Where the destination is not in the cache that is the difference: on a Zen 5
pieces took 0.87 to 0.9 of the time of one call, from 4 MB up (``python -m benchmarks.copying``).
(glibc 2.36, sysdeps/x86/dl-cacheinfo.h: rep_movsb_stop_threshold.)
"""

import numpy as np

PIECE = (512 << 10) - 4096
"""Bytes that are copied at once: less than the second-level cache of any processor that this was made for, in whole pages."""

_RELEASES_GIL = 256 << 10  # bytes from which other threads should be let run during the copy, for 2 us


def copy(target: memoryview, source: memoryview) -> None:
    """Copy a buffer into another of the same length. Both flat bytes, contiguous, and not overlapping."""
    if source.nbytes < _RELEASES_GIL:
        target[:] = source
        return
    into, out_of = np.frombuffer(target, np.uint8), np.frombuffer(source, np.uint8)
    for start in range(0, source.nbytes, PIECE):
        into[start : start + PIECE] = out_of[start : start + PIECE]

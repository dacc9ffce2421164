"""How much memory a step took that was not there before: that is where a copy has to go.

Theory of operation. `Fresh` first has malloc give all its free memory back to the kernel, and resets the peak of the
process's resident memory; so whatever is then written anywhere, by Python, numpy or libzmq, is written to fresh pages and
raises the peak. No page of it goes uncounted for being freed again. A view costs nothing here, and a copy of 16 MB costs
16 MB, whoever makes it. What it cannot see: a copy into memory that somebody kept for that purpose, and of two copies of which the
first is freed before the second, one.

malloc gives back all that is free in its main arena only, so a process that measures must be started with `ONE_ARENA`.
All this is Linux with glibc; elsewhere it says None.
"""

import ctypes
import gc
import sys

ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}
"""What the environment of a process needs for its threads to have no arenas of their own (mallopt(3))."""


class Fresh:
    """Measures from here on."""

    def __init__(self) -> None:
        self._start = self._peak() if _forget_peak() else None

    def nbytes(self) -> int | None:
        """The bytes by which this process's memory has peaked above where it was; None where that cannot be told."""
        return None if self._start is None else max(0, self._peak() - self._start)

    @staticmethod
    def _peak() -> int:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        raise OSError("no VmHWM in /proc/self/status")


def _forget_peak() -> bool:
    """Give free memory back, and make the peak what is left (proc(5): clear_refs)."""
    if not sys.platform.startswith("linux"):
        return False
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except (AttributeError, OSError):
        return False
    return True

"""How much memory a measurement may take, and what a peer needs."""

import os
from contextlib import suppress

from oobpickle.bench.flow import window
from oobpickle.bench.peer import Peer
from oobpickle.bench.things import TWO, Thing

_UNKNOWN = 4 << 30  # where the system does not tell what is free


def free_memory() -> int:
    """Bytes that could be used now without pushing others out (MemAvailable of proc_meminfo(5))."""
    with suppress(OSError, ValueError, IndexError), open("/proc/meminfo") as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return _UNKNOWN


def needed(peer: Peer, thing: Thing, fars: int) -> int:
    """Bytes that a turn takes at the most, in all processes of the pair."""
    objects = 2 if thing.nbytes <= TWO else 1
    in_flight = window(thing.nbytes, fars)[0] * thing.nbytes
    return (
        objects * thing.nbytes + max(in_flight, 2 * thing.nbytes) * max(1, peer.holds // 2) * fars + thing.nbytes * fars
    )

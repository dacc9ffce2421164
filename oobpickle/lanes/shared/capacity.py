"""How much memory the arena may take when the user has set no limit."""

import os
from contextlib import suppress
from pathlib import Path

SHARE = 4
"""The arena takes at most one part in this many of the memory there is: messages in flight, not a working set."""


def default_limit() -> int:
    """A quarter of this machine's memory, or of what a container's control group allows, in bytes."""
    return min(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_group_limits()) // SHARE


def _group_limits() -> list[int]:
    # Version 2 (cgroups(7)): the process's group and all groups above it. Version 1 has another line, and no limit here.
    limits = [1 << 62]
    with suppress(OSError, ValueError):
        line = next((line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")), "")
        group = Path("/sys/fs/cgroup") / line[4:]
        for folder in (group, *group.parents):
            with suppress(OSError, ValueError):  # no such file in the root group; "max" where there is no limit
                limits.append(int((folder / "memory.max").read_text()))
    return limits

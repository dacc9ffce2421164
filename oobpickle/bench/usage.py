"""What a process has used so far: CPU time and page faults."""

import resource
from typing import NamedTuple


class Usage(NamedTuple):
    """user, system: seconds of all threads of the process. faults: pages that the kernel had to provide."""

    user: float = 0.0
    system: float = 0.0
    faults: int = 0

    @property
    def cpu(self) -> float:
        """Seconds of CPU, user and system."""
        return self.user + self.system

    def since(self, before: "Usage") -> "Usage":
        """What was used between the two."""
        return Usage(self.user - before.user, self.system - before.system, self.faults - before.faults)


def usage() -> Usage:
    """Of this process, now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Usage(used.ru_utime, used.ru_stime, used.ru_minflt + used.ru_majflt)

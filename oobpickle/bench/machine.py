"""What a figure must be read with: the machine, the versions, the command."""

import os
import platform
import shlex
import sys
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
import zmq

import oobpickle
from oobpickle.bench.memory import free_memory
from oobpickle.bench.things import size_name


def machine() -> dict[str, str]:
    """What this machine is and runs, in words."""
    return {
        "processor": f"{os.cpu_count()} x {_processor()}",
        "memory": f"{size_name(free_memory())} free",
        "load": _load(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "versions": (
            f"oobpickle {oobpickle.__version__}, Python {platform.python_version()}, numpy {np.__version__}, "
            f"pyzmq {zmq.__version__}, libzmq {zmq.zmq_version()}"
        ),
        "time": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def command() -> str:
    """The command that this process was started by, to be given again."""
    program = os.path.basename(sys.argv[0]) if sys.argv else ""
    if program.endswith(".py"):
        program = "oobpickle"
    return shlex.join([program, *sys.argv[1:]])


def _processor() -> str:
    with suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _load() -> str:
    """How busy it was before; figures of a busy machine spread."""
    with suppress(OSError, AttributeError):
        return f"load {os.getloadavg()[0]:.1f} in the last minute"
    return "load unknown"

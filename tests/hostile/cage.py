"""The process that runs cases, so that a decoder that falls for one does no harm.

    python -m tests.hostile.cage SOURCE TARGET FIRST END SEED PROGRESS

SOURCE and TARGET are ``module:function``. SOURCE(index, seed) gives a Case; TARGET takes it. What is wrong with a case is a
line of JSON on stdout: {"index", "fault", "seconds", "detail"}. PROGRESS is a file that holds the index of the case at
hand, so that the parent knows which one has ended or stopped this process.

The limits, once everything is imported and a few cases have run: MEMORY bytes of address space more than there is;
SECONDS of processor time a case; and an audit hook that refuses every event.
"""

import gc
import importlib
import json
import mmap
import resource
import sys
import time

from oobpickle.codec.reducers import times
from oobpickle.errors import DecodeError
from tests.hostile import corpus
from tests.hostile.targets import Case

MEMORY = 64 * 2**20
SECONDS = 0.25
LONG = 64 * 1024  # a longer stream may take so much longer
WARM_UP = (b"", b"\x80\x05\x95\x04\0\0\0\0\0\0\0K\x01\x85.", b"\x80\x05\x95\x03\0\0\0\0\0\0\0K\x01b")

seen = []  # audit events while armed
armed = False


class Audited(BaseException):
    """An audit event: the decoder did what plain data never asks for."""


HARMLESS = {
    "builtins.id",  # the address of an object of ours
    "array.__new__",  # an array.array was sent
}


def hook(event, arguments):
    if armed and event not in HARMLESS and not reads_a_time_zone(event, arguments):
        seen.append((event, repr(arguments)[:200]))
        raise Audited(event)


def reads_a_time_zone(event, arguments):
    """A ZoneInfo is its key; its rules are read from the receiver's own files, by fixed folders and names."""
    place = str(arguments[0]) if arguments else ""
    return (event == "open" and ("/zoneinfo/" in place or "tzdata" in place) and arguments[1] in ("r", "rb")) or (
        event == "import" and place.partition(".")[0] == "tzdata"
    )


def function_of(path):
    module, _, qualified = path.partition(":")
    return getattr(importlib.import_module(module), qualified)


def address_space():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def fault_of(error):
    """What is wrong with this outcome; None if it is a DecodeError that came about by itself."""
    cause = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return "memory"
        cause = cause.__cause__ or cause.__context__
    return None if isinstance(error, DecodeError) else "error"


def run(target, case):
    """Run one case; gives (fault or None, processor seconds, detail)."""
    global armed
    seen.clear()
    fault, detail = None, ""
    armed = True
    start = time.thread_time()
    try:
        result = target(case)
        result = None  # freeing it is part of the case
    except Exception as error:
        armed = False
        fault = fault_of(error)
        detail = f"{type(error).__name__}: {error}"[:300]
        result = error = None
    except Audited:
        pass
    finally:
        armed = False
    seconds = time.thread_time() - start
    if seen:
        fault, detail = "audit", str(seen)
    elif fault is None and seconds > SECONDS * max(1, len(case.stream) / LONG):
        fault = "slow"
    return fault, seconds, detail


def main():
    source_path, target_path, first, end, seed, progress_path = sys.argv[1:]
    source, target = function_of(source_path), function_of(target_path)
    with open(progress_path, "r+b") as file:
        progress = mmap.mmap(file.fileno(), 8)
    for case in (*map(Case, WARM_UP), *map(Case._make, corpus.encodings())):  # imports and caches are no faults
        run(target, case)
    times._keys_of_tzdata()
    gc.collect()
    gc.freeze()  # so that a collection looks at the case alone
    sys.addaudithook(hook)
    limit = address_space() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for index in range(int(first), int(end)):
        progress[:] = index.to_bytes(8, "little")
        case = source(index, int(seed))
        fault, seconds, detail = run(target, case)
        del case
        gc.collect()
        if fault is not None:
            print(json.dumps({"index": index, "fault": fault, "seconds": seconds, "detail": detail}), flush=True)


if __name__ == "__main__":
    main()

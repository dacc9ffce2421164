"""Run cases in cages, and tell which of them did harm.

    python -m tests.hostile.run [--source fuzz] [--target scanned] [--count 1000000] [--seed 1] [--processes 2]
    python -m tests.hostile.run --show INDEX [--seed 1]

A long run is as many as you have patience for; a fault is printed with the index that shows it again.
"""

import argparse
import json
import mmap
import pickletools
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
STUCK = 10
"""Seconds of one case after which its process is killed. The 250 ms of a case are told by the cage itself."""

STARTING = 120
"""Seconds for a process to import everything, on a busy machine."""

NOT_STARTED = b"\xff" * 8
"""What stands where a process writes the index of the case at hand, before it does."""


def hunt(source, target, first, end, seed=1, most=20):
    """Run the cases first to end - 1; gives the faults, at most so many, each {"index", "fault", "detail", ...}."""
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        progress = Path(folder, "progress")
        while first < end and len(faults) < most:
            progress.write_bytes(NOT_STARTED)
            output = Path(folder, "output")
            with output.open("wb") as stdout, Path(folder, "errors").open("wb") as stderr:
                arguments = [source, target, first, end, seed, progress]
                process = subprocess.Popen(
                    [sys.executable, "-m", "tests.hostile.cage", *map(str, arguments)],
                    cwd=ROOT,
                    stdout=stdout,
                    stderr=stderr,
                )
                stuck = _watch(process, progress)
            faults += map(json.loads, output.read_text().splitlines())
            if process.returncode == 0:
                break
            written = progress.read_bytes()
            at = first if written == NOT_STARTED else int.from_bytes(written, "little")
            detail = Path(folder, "errors").read_text(errors="replace")[-300:]
            faults.append(
                {"index": at, "fault": "hang" if stuck else f"ended with {process.returncode}", "detail": detail}
            )
            if written == NOT_STARTED:
                break
            first = at + 1
    return faults


def _watch(process, progress):
    """Wait for the end; true if it came because a case was stuck."""
    patience = STARTING
    with progress.open("r+b") as file, mmap.mmap(file.fileno(), 8) as at:
        while True:
            before = at[:]
            try:
                process.wait(STUCK)
                return False
            except subprocess.TimeoutExpired:
                patience -= STUCK
                if at[:] == before and (before != NOT_STARTED or patience < 0):
                    process.kill()
                    process.wait()
                    return True


def in_parallel(source, target, count, seed=1, processes=2):
    """`hunt` over count cases, shared out among processes."""
    with ThreadPoolExecutor(processes) as pool:
        found = pool.map(lambda part: hunt(source, target, *part, seed), shares(count, processes))
        return [fault for faults in found for fault in faults]


def shares(count, processes):
    """Ranges of indices, one a process, that are all of count cases together."""
    share = -(-count // processes)
    return [(start, min(start + share, count)) for start in range(0, count, share)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="fuzz", help="a function of sources.py")
    parser.add_argument("--target", default="scanned", help="a function of targets.py")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--show", type=int, help="disassemble one case instead")
    arguments = parser.parse_args()
    if arguments.show is not None:
        from tests.hostile import sources

        case = getattr(sources, arguments.source)(arguments.show, arguments.seed)
        print(case)
        pickletools.dis(case.stream)
        return 0
    source = f"tests.hostile.sources:{arguments.source}"
    target = f"tests.hostile.targets:{arguments.target}"
    faults = in_parallel(source, target, arguments.count, arguments.seed, arguments.processes)
    for fault in faults:
        print(fault)
    print(f"{arguments.count} cases, {len(faults)} faults")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())

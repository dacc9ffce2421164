"""Whether the shared lane costs anything where it has nothing to do: objects of 64 KB and below, over ipc.

    python -m benchmarks.small_on_ipc [pairs of processes]

Two processes have three pipelines between them, two with lane="inline" and one with lane="shared", and short batches go through them
in turns, in one order and then in the other; so the lanes have the same heaps, and what else the machine does cancels out. The
processes are renewed now and then. Rates are of the receiver; a ratio to the first is the median over all rounds, with the
quartiles. That of the second inline lane says what the measurement can tell.
"""

import multiprocessing
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from oobpickle import Puller, Pusher

LANES: dict[str, Any] = {"inline": "inline", "inline again": "inline", "shared": "shared"}
SIZES = {1024: 2_000, 4096: 2_000, 16384: 1_000, 65536: 500}
A_PAIR = 60  # rounds, then the processes are renewed


def receive(folder: str, messages: int, control: Connection) -> None:
    """The far end: so many messages by each lane a round, and their rate."""
    pullers = [Puller(connect=f"ipc://{folder}/{name}", lane=lane) for name, lane in LANES.items()]
    for number in range(A_PAIR):
        for puller in pullers[:: -1 if number % 2 else 1]:
            puller.recv()
            start = time.perf_counter()
            for _ in range(messages):
                puller.recv()
            control.send(messages / (time.perf_counter() - start))
    for puller in pullers:
        puller.close()


def rounds_of_a_pair(size: int) -> list[list[float]]:
    """The rates of each round, lane by lane."""
    obj = {"frame": np.zeros(size // 8), "exposure": 0.01, "camera": "left"}
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        pushers = [Pusher(bind=f"ipc://{folder}/{name}", lane=lane) for name, lane in LANES.items()]
        process = context.Process(target=receive, args=(folder, SIZES[size], there))
        process.start()
        rates = []
        for number in range(A_PAIR):
            turn = -1 if number % 2 else 1
            round_ = []
            for pusher in pushers[::turn]:
                for _ in range(SIZES[size] + 1):
                    pusher.send(obj)
                round_.append(here.recv())
            rates.append(round_[::turn])
        for pusher in pushers:
            pusher.close()
        process.join()
    return rates


def main() -> None:
    """The table."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    for size in SIZES:
        rates = [rates for _ in range(pairs) for rates in rounds_of_a_pair(size)]
        print(f"{size:6d} B: inline {statistics.median(first for first, *_ in rates):,.0f} messages/s", end="")
        for name, index in (("inline again", 1), ("shared", 2)):
            low, middle, high = statistics.quantiles([round_[index] / round_[0] for round_ in rates], n=4)
            print(f"; {name} {middle:.3f} of it ({low:.2f} to {high:.2f})", end="")
        print()


if __name__ == "__main__":
    main()

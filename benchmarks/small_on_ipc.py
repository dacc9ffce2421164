"""Whether the shared lane costs anything where it has nothing to do: objects of 64 KB and below, over ipc.

    python benchmarks/small_on_ipc.py [pairs of processes]

Two processes have two pipelines between them, one with lane="inline" and one with lane="shared", and batches go through them
in turns; so both lanes have the same heaps, and what else the machine does cancels out. The processes are renewed every few
rounds. Rates are of the receiver; the ratio is the median over all rounds, with the quartiles.
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

LANES: tuple[Any, ...] = ("inline", "shared")
SIZES = {1024: 20_000, 4096: 20_000, 16384: 8_000, 65536: 4_000}
A_PAIR = 6  # rounds, then the processes are renewed


def receive(folder: str, messages: int, control: Connection) -> None:
    """The far end: so many messages of each lane a round, and their rate."""
    pullers = [Puller(connect=f"ipc://{folder}/{lane}", lane=lane) for lane in LANES]
    for _ in range(A_PAIR):
        for puller in pullers:
            puller.recv()
            start = time.perf_counter()
            for _ in range(messages):
                puller.recv()
            control.send(messages / (time.perf_counter() - start))
    for puller in pullers:
        puller.close()


def rounds_of_a_pair(size: int) -> list[tuple[float, ...]]:
    """The rates of each round, lane by lane."""
    obj = {"frame": np.zeros(size // 8), "exposure": 0.01, "camera": "left"}
    here, there = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        pushers = [Pusher(bind=f"ipc://{folder}/{lane}", lane=lane) for lane in LANES]
        process = multiprocessing.Process(target=receive, args=(folder, SIZES[size], there))
        process.start()
        rates = []
        for _ in range(A_PAIR):
            round_ = []
            for pusher in pushers:
                for _ in range(SIZES[size] + 1):
                    pusher.send(obj)
                round_.append(here.recv())
            rates.append(tuple(round_))
        for pusher in pushers:
            pusher.close()
        process.join()
    return rates


def main() -> None:
    """The table."""
    multiprocessing.set_start_method("spawn")
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    print(f"{'':10s} {'inline':>10s} {'shared':>10s}")
    for size in SIZES:
        rates = [rates for _ in range(pairs) for rates in rounds_of_a_pair(size)]
        inline, shared = map(statistics.median, zip(*rates, strict=True))
        ratios = sorted(shared / inline for inline, shared in rates)
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"{size:8d} B {inline:10.0f} {shared:10.0f} messages/s   ratio {middle:.3f}  ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()

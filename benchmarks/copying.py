"""Copying into shared memory in pieces, beside one call for the whole: what `oobpickle.lanes.shared.copying` rests on.

From the repository: ``python -m benchmarks.copying``.

For each size its time in one call, and the times of pieces in parts of that: medians of rounds in which each takes a turn,
in an order by chance. Destinations are several, in turn, as those of a stream are.
"""

import random
import time
from statistics import median

import numpy as np

from oobpickle import shared
from oobpickle.bench.things import size_name
from oobpickle.lanes.shared import copying

SIZES = [1 << 20, 2 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20]
PIECES = [64 << 10, 256 << 10, (512 << 10) - 4096, (1 << 20) - 4096, 1 << 20, 4 << 20]
DESTINATIONS = 3


def measure(size: int, rounds: int) -> dict[int, float]:
    """Seconds by piece; the last is the whole."""
    sources = [np.random.default_rng(seed).integers(0, 256, size, np.uint8) for seed in range(2)]
    targets = [shared.zeros(size, np.uint8) for _ in range(DESTINATIONS)]
    pieces = [piece for piece in PIECES if piece < size] + [size]
    seconds: dict[int, list[float]] = {piece: [] for piece in pieces}
    for _ in range(rounds):
        for piece in random.sample(pieces, len(pieces)):
            copying.PIECE = piece  # of this process only
            for number, target in enumerate(targets):
                started = time.perf_counter()
                copying.copy(target.data, sources[number % 2].data)
                seconds[piece].append(time.perf_counter() - started)
    return {piece: median(taken) for piece, taken in seconds.items()}


def main() -> None:
    """Measure and print."""
    print(f"here pieces are of {copying.PIECE:,} bytes")
    for size in SIZES:
        found = measure(size, max(10, (1 << 30) // size))
        whole = found.pop(size)
        parts = ", ".join(f"{piece >> 10} KB {seconds / whole:.2f}" for piece, seconds in found.items())
        print(f"{size_name(size):>7}: {whole * 1e6:,.0f} us; in pieces of {parts}")


if __name__ == "__main__":
    main()

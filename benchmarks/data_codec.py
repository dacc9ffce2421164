"""What safety costs: the data codec beside the pickle codec, and beside the plain recipe.

    python benchmarks/data_codec.py [rounds]

One process, CPU time. In each round every contestant takes a turn; a ratio is the median over the rounds of the ratio
within a round, so drift of the machine cancels out. "Seen before": the codec has met the same stream with buffers of the
same lengths, as it does when a program sends one kind of message again and again. "Never seen": it has not; each message
has another key.
"""

import gc
import pickle
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

import oobpickle
from oobpickle import DataCodec, PickleCodec

Turn: TypeAlias = Callable[[], object]

MESSAGES = 400
"""Two-array messages of one turn."""


def two_arrays(number: int) -> dict[str, Any]:
    """Each number gives a message of the same shape and another stream."""
    return {f"image {number:6d}": np.zeros((480, 640), "u1"), "mask": np.zeros((480, 640), bool), "exposure": 0.01}


def seconds(turn: Turn) -> float:
    start = time.process_time()
    turn()
    return time.process_time() - start


def ratios(rounds: int, a: Callable[[int], Turn], b: Callable[[int], Turn]) -> tuple[float, float, list[float]]:
    """Median seconds of a's and b's turns, and the ratios of a to b, sorted. Each makes the turn of a round."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for which in (0, 1) if number % 2 else (1, 0):
            turn = (a, b)[which](number)
            gc.collect()
            gc.disable()
            taken[which].append(seconds(turn))
            gc.enable()
    first, second = taken[0][1:], taken[1][1:]  # the first round fills caches
    return (
        statistics.median(first),
        statistics.median(second),
        sorted(x / y for x, y in zip(first, second, strict=True)),
    )


def report(name: str, bound: str, a: float, b: float, found: Sequence[float], each: int) -> None:
    quarter = len(found) // 4
    print(
        f"{name:44s} {1e6 * a / each:10.2f} {1e6 * b / each:10.2f} us   ratio {statistics.median(found):5.2f}"
        f"  ({found[quarter]:.2f} to {found[-1 - quarter]:.2f}; to be {bound})"
    )


def encode_seen(codec: Any) -> Callable[[int], Turn]:
    obj = two_arrays(0)
    return lambda _: lambda: [codec.encode(obj) for _ in range(MESSAGES)]


def decode_seen(codec: Any) -> Callable[[int], Turn]:
    stream, buffers = type(codec)().encode(two_arrays(0))
    return lambda _: lambda: [codec.decode(stream, buffers) for _ in range(MESSAGES)]


def encode_new(codec: Any) -> Callable[[int], Turn]:
    def turn(number: int) -> Turn:
        objects = [two_arrays(number * MESSAGES + n) for n in range(MESSAGES)]
        return lambda: [codec.encode(obj) for obj in objects]

    return turn


def decode_new(codec: Any) -> Callable[[int], Turn]:
    sender = type(codec)()

    def turn(number: int) -> Turn:
        messages = [sender.encode(two_arrays(number * MESSAGES + n)) for n in range(MESSAGES)]
        return lambda: [codec.decode(*message) for message in messages]

    return turn


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    print(f"Python {sys.version.split()[0]}, numpy {np.__version__}; CPU time a message, {rounds} rounds")
    print(f"{'two arrays: data codec, pickle codec':44s}")
    for name, bound, make in (
        ("decode, seen before", "1.4 or less", decode_seen),
        ("decode, never seen", "5 or less", decode_new),
        ("encode, seen before", "1.3 or less", encode_seen),
        ("encode, never seen", "4 or less", encode_new),
    ):
        report(name, bound, *ratios(rounds, make(DataCodec()), make(PickleCodec())), MESSAGES)
    many = {f"array {number}": np.full(100, float(number)) for number in range(10_000)}
    print("dict of 10,000 arrays of 100 float64: plain recipe, data codec (there and back, no socket)")
    report(
        "dumps and loads",
        "4 or more",
        *ratios(rounds, lambda _: lambda: plainly(many), lambda _: lambda: ours(many)),
        1,
    )


def plainly(obj: Any) -> Any:
    """The plain recipe's work: pickle 5 out-of-band, and its frames taken as a receiver has them."""
    buffers: list[pickle.PickleBuffer] = []
    frames = [pickle.dumps(obj, 5, buffer_callback=buffers.append), *map(memoryview, buffers)]
    return pickle.loads(frames[0], buffers=frames[1:])


def ours(obj: Any) -> Any:
    return oobpickle.loads(oobpickle.dumps(obj))


if __name__ == "__main__":
    main()

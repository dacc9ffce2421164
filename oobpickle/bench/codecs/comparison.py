"""The comparison: every codec on every subject, in interleaved rounds; times, bytes, and what was copied."""

import importlib.util
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pickle import PickleBuffer
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from oobpickle.bench.codecs.contestants import CONTESTANTS, PICKLE_5, Contestant
from oobpickle.bench.codecs.subjects import SUBJECTS
from oobpickle.bench.report import number, table
from oobpickle.bench.things import digest, leaves

HEADINGS = ["codec", "encode us", "decode us", "of pickle 5", "KB", "copied, encode", "copied, decode"]


class Carried(NamedTuple):
    """How a codec did on a subject. encode, decode: seconds in each round. nbytes: of all buffers.

    copied_in: bytes of large arrays that are in the buffers as a copy, over all bytes of them; copied_out: bytes of them in
    the decoded object that are no views of the buffers. Copies on the way from one to the other are not seen by this.
    """

    encode: list[float]
    decode: list[float]
    nbytes: int
    copied_in: float
    copied_out: float


def markdown(comparisons: Sequence["Comparison"]) -> str:
    """All comparisons as Markdown."""
    lines = []
    for comparison in comparisons:
        lines += [f"### {comparison.subject}", "", *table(HEADINGS, rows(comparison)), "", cannot(comparison), ""]
    return "\n".join([*lines, LEGEND, ""])


def cannot(comparison: "Comparison") -> str:
    """What to say of the codecs that do not carry it."""
    return f"Cannot carry it: {'; '.join(f'{name} ({why})' for name, why in comparison.refused.items()) or 'none'}."


LEGEND = (
    "of pickle 5: speed over that of pickle 5 out-of-band, encode and decode together, round by round, the median. "
    "copied: bytes of arrays that are no views of the object's memory after encode, or of the buffers after decode."
)
"""What the columns mean."""


@dataclass(frozen=True)
class Comparison:
    """What came out of one subject; and of the codecs that cannot carry it, why."""

    subject: str
    carried: dict[str, Carried] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def compare(rounds: int, seconds: float) -> Iterator[Comparison]:
    """Compare on one subject after the other. seconds: of one turn of one codec, about."""
    for name, build in SUBJECTS.items():
        obj = build()
        comparison = Comparison(name)
        able: list[Contestant] = []
        for codec in CONTESTANTS:
            refusal = _refusal(codec, obj)
            if refusal:
                comparison.refused[codec.name] = refusal
            else:
                able.append(codec)
                comparison.carried[codec.name] = _looked_at(codec, obj)
        for part in range(rounds):
            for codec in able[:: -1 if part % 2 else 1]:
                encode, decode = _turn(codec, obj, seconds)
                comparison.carried[codec.name].encode.append(encode)
                comparison.carried[codec.name].decode.append(decode)
        yield comparison


def rows(comparison: Comparison) -> list[list[str]]:
    """A row for each codec under `HEADINGS`; one that cannot carry the subject has none."""
    reference = comparison.carried.get(PICKLE_5)
    found = []
    for name, carried in comparison.carried.items():
        encode, decode = median(carried.encode), median(carried.decode)
        ratio = ""
        if reference and name != PICKLE_5:
            rounds = zip(carried.encode, carried.decode, reference.encode, reference.decode, strict=True)
            ratio = number(median((theirs + back) / (ours + ours_back) for ours, ours_back, theirs, back in rounds))
        times = [number(encode * 1e6), number(decode * 1e6)]
        found.append(
            [
                name,
                *times,
                ratio,
                number(carried.nbytes / 1024),
                f"{carried.copied_in:.0%}",
                f"{carried.copied_out:.0%}",
            ]
        )
    return found


def _refusal(codec: Contestant, obj: Any) -> str:
    """Why it does not carry obj; empty if it does."""
    if codec.optional and importlib.util.find_spec(codec.optional) is None:
        return f"{codec.optional} is not installed"
    try:
        decoded = codec.decode(codec.encode(obj))
    except Exception as error:  # noqa: BLE001 - whatever a codec says of what it cannot do
        return str(error).partition("\n")[0]
    return "" if digest(decoded) == digest(obj) else "what comes back is not what went in"


def _turn(codec: Contestant, obj: Any, seconds: float) -> tuple[float, float]:
    buffers = codec.encode(obj)
    return _time(lambda: codec.encode(obj), seconds / 2), _time(lambda: codec.decode(buffers), seconds / 2)


def _time(call: Callable[[], Any], seconds: float) -> float:
    """Seconds of one call: the mean of as many as fit in."""
    started = time.perf_counter()
    call()
    count = max(1, int(seconds / max(time.perf_counter() - started, 1e-7)))
    started = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - started) / count


def _looked_at(codec: Contestant, obj: Any) -> Carried:
    buffers = codec.encode(obj)
    views = [_flat(buffer) for buffer in buffers]
    places = sorted(_place(np.frombuffer(view, np.uint8)) for view in views if view.nbytes)
    decoded = codec.decode(buffers)
    nbytes = sum(view.nbytes for view in views)
    return Carried([], [], nbytes, _outside(_arrays(obj), places), _outside(_arrays(decoded), places))


def _arrays(obj: Any) -> list[Any]:
    return [a for a in leaves(obj) if isinstance(a, np.ndarray) and not a.dtype.hasobject and a.nbytes]


def _flat(buffer: Any) -> memoryview:
    return buffer.raw() if isinstance(buffer, PickleBuffer) else memoryview(buffer).cast("B")


def _place(a: Any) -> tuple[int, int]:
    """The addresses of the first byte of an array, and behind the last."""
    first, last = byte_bounds(a)
    return first, last


def _outside(arrays: list[Any], places: list[tuple[int, int]]) -> float:
    """Bytes of arrays that lie in none of these places, over all of them."""
    total = outside = 0
    for a in arrays:
        first, last = _place(a)
        before = bisect_right(places, (first, sys.maxsize)) - 1
        total += a.nbytes
        outside += a.nbytes * (before < 0 or places[before][1] < last)
    return outside / total if total else 0.0

"""What travels: how each thing is built, touched in every timed message, and told apart byte by byte in the warm-up."""

import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

PAGE = 4096
_MEMBER = 100  # float64 values in each array of `Arrays`: 800 bytes
_STEP = PAGE // 8


class Thing(NamedTuple):
    """A thing to send. kind: a name in `KINDS`. size: bytes of one array, or the number of arrays."""

    kind: str
    size: int

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return KINDS[self.kind].nbytes(self.size)

    @property
    def name(self) -> str:
        """What tables call it."""
        return KINDS[self.kind].name(self.size)

    def build(self) -> list[Any]:
        """The objects that take turns: two, of the same layout, that differ in a byte of every page."""
        return [KINDS[self.kind].build(self.size, start) for start in (1, 2)]

    @property
    def touch(self) -> Callable[[Any], float]:
        """What reads a byte of each page of such an object, as a number that is different for the two objects."""
        return KINDS[self.kind].touch(self.size)


class Kind(NamedTuple):
    """How things of one kind are made."""

    build: Callable[[int, int], Any]
    touch: Callable[[int], Callable[[Any], float]]
    nbytes: Callable[[int], int]
    name: Callable[[int], str]


def _array(size: int, start: int) -> Any:
    return {"frame": np.arange(start, start + size // 8, dtype=np.float64), "exposure": 0.01, "camera": "left"}


def _touch_array(size: int) -> Callable[[Any], float]:
    if size <= PAGE:
        return lambda obj: obj["frame"].item(0)  # type: ignore[no-any-return]
    return lambda obj: float(obj["frame"][::_STEP].sum())


def _arrays(count: int, start: int) -> Any:
    return {f"sensor {i}": np.arange(i + start, i + start + _MEMBER, dtype=np.float64) for i in range(count)}


def _touch_arrays(_count: int) -> Callable[[Any], float]:
    def touch(obj: Any) -> float:
        return sum([a.item(0) for a in list(obj.values())[::5]])  # five of 800 bytes are a page

    return touch


def size_name(nbytes: int) -> str:
    """A number of bytes as text: KB, MB and GB are powers of 1024."""
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if nbytes >= unit:
            return f"{nbytes / unit:.3g} {name}"
    return f"{nbytes} B"


KINDS = {
    "array": Kind(_array, _touch_array, lambda size: size, size_name),
    "arrays": Kind(_arrays, _touch_arrays, lambda count: count * _MEMBER * 8, lambda count: f"{count:,} arrays"),
    "bytes": Kind(
        lambda size, start: bytes([start]) * size,
        lambda _: lambda obj: memoryview(obj)[0],
        lambda size: size,
        lambda size: f"{size_name(size)} of bytes",
    ),
}


def arrays_in(obj: Any) -> Iterator[Any]:
    """Every array, and every other leaf, of nested dicts and lists."""
    if isinstance(obj, dict):
        for value in obj.values():
            yield from arrays_in(value)
    elif isinstance(obj, (list, tuple)):
        for value in obj:
            yield from arrays_in(value)
    else:
        yield obj


def digest(obj: Any) -> int:
    """A number for all bytes of an object: CRC-32 over its arrays and the text of all else."""
    value = 0
    for leaf in arrays_in(obj):
        if isinstance(leaf, np.ndarray):
            value = zlib.crc32(np.ascontiguousarray(leaf).reshape(-1).view(np.uint8), value)
        else:
            value = zlib.crc32(leaf if isinstance(leaf, (bytes, memoryview)) else repr(leaf).encode(), value)
    return value

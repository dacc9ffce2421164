"""What travels: how each thing is built, touched in every timed message, and compared byte by byte in the warm-up."""

import importlib
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

PAGE = 4096
TWO = 64 << 20
"""Bytes of a thing up to which there are two of it: more memory than that is better spent otherwise."""

_MEMBER = 100  # float64 values in each array of `ARRAYS`: 800 bytes, so that five are a page
ARRAY, ARRAYS, BYTES, OBJECT, FILE = "array", "arrays", "bytes", "object", "file"


class Thing(NamedTuple):
    """A thing to send.

    kind: ARRAY, one float64 array in a small dict; ARRAYS, a dict of many of 800 bytes; BYTES; OBJECT, what a callable
    gives; FILE, the array of a .npy file in a dict. size: bytes, or the number of arrays. source: "module:callable", or a path.
    """

    kind: str
    size: int
    source: str = ""

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return self.size * _MEMBER * 8 if self.kind == ARRAYS else self.size

    @property
    def name(self) -> str:
        """What tables call it."""
        if self.kind == ARRAYS:
            return f"{self.size:,} arrays of 800 B"
        return f"{self.source}, {size_name(self.size)}" if self.source else size_name(self.size)

    def build(self) -> list[Any]:
        """The objects that take turns; if there are two, they differ in a byte of every page."""
        if self.kind == OBJECT:
            return [from_callable(self.source)]
        if self.kind == FILE:
            return [from_file(self.source)]
        return [_BUILD[self.kind](self.size, start) for start in ((1, 2) if self.nbytes <= TWO else (1,))]

    def load(self) -> None:
        """Import the module of the callable, so that the classes are known that it registers."""
        if self.kind == OBJECT:
            importlib.import_module(self.source.partition(":")[0])

    def touch(self) -> Callable[[Any], Any]:
        """What reads a byte of each page of such an object, and gives what tells the two objects apart."""
        if self.kind == ARRAY:
            return _touch_first if self.size <= PAGE else _touch_array
        return {ARRAYS: _touch_arrays, BYTES: _touch_bytes}.get(self.kind, touch_any)


def of_object(source: str) -> Thing:
    """The thing that ``module:callable`` gives; calls it once, to see how large it is."""
    return Thing(OBJECT, _size(from_callable(source)), source)


def of_file(path: str) -> Thing:
    """The array of a .npy file. Raises OSError or ValueError if it is none."""
    return Thing(FILE, _size(from_file(path)), os.path.abspath(path))


def from_callable(source: str) -> Any:
    """Call what ``module:callable`` names. Raises ValueError if it names nothing, or raises anything."""
    module, _, name = source.partition(":")
    try:
        made = getattr(importlib.import_module(module), name, None) if name else None
        if callable(made):
            return made()
    except Exception as error:
        raise ValueError(" ".join(f"{source}: {type(error).__name__}: {error}".split())) from error
    raise ValueError(f"{source!r} names no callable; write module:callable")


def from_file(path: str) -> dict[str, Any]:
    """The array of a .npy file, as things hold one."""
    a = np.load(path, allow_pickle=False)
    if not isinstance(a, np.ndarray):
        a.close()
        raise ValueError(f"{path} is not a .npy file of one array")  # noqa: TRY004 - of a file
    return in_dict(a)


def in_dict(a: Any) -> dict[str, Any]:
    """What an ARRAY thing is: a camera's frame with a little beside it."""
    return {"frame": a, "exposure": 0.01, "camera": "left"}


_BUILD: dict[str, Callable[[int, int], Any]] = {
    ARRAY: lambda size, start: in_dict(np.arange(start, start + size // 8, dtype=np.float64)),
    ARRAYS: lambda count, start: {
        f"sensor {i}": np.arange(i + start, i + start + _MEMBER, dtype=np.float64) for i in range(count)
    },
    BYTES: lambda size, start: bytes([start]) * size,
}


def _touch_first(obj: Any) -> Any:
    return obj["frame"].item(0)


def _touch_array(obj: Any) -> Any:
    return obj["frame"][:: PAGE // 8].sum()


def _touch_arrays(obj: Any) -> Any:
    return sum([a.item(0) for a in list(obj.values())[::5]])


def _touch_bytes(obj: Any) -> Any:
    return obj[0]


def touch_any(obj: Any) -> int:
    """Touch an object of any make: a byte of each page of every array in it."""
    value = 0
    for leaf in leaves(obj, column_of=_buffers):  # to decode text would take longer than to send it
        if isinstance(leaf, np.ndarray) and not leaf.dtype.hasobject and leaf.size:
            a = leaf if leaf.flags.c_contiguous else leaf.T if leaf.flags.f_contiguous else leaf.copy()
            value += int(a.reshape(-1).view(np.uint8)[::PAGE].sum())
    return value


def digest(obj: Any) -> int:
    """A number for all of an object: CRC-32 over its arrays and the text of all else."""
    value = 0
    for leaf in leaves(obj):
        if isinstance(leaf, np.ndarray) and not leaf.dtype.hasobject:
            value = zlib.crc32(np.ascontiguousarray(leaf).reshape(-1).view(np.uint8).data, value)
        else:
            value = zlib.crc32(repr(leaf).encode(), value)
    return value


def _values(column: Any) -> Iterator[Any]:
    yield column.to_numpy()


def _buffers(column: Any) -> Iterator[Any]:
    """The memory of a column, without decoding: of Arrow's kind its buffers, of others its values."""
    if getattr(column.dtype, "storage", None) == "pyarrow" or hasattr(column.dtype, "pyarrow_dtype"):
        import pyarrow as pa

        for chunk in pa.chunked_array(pa.array(column.array)).chunks:
            yield from (np.frombuffer(buffer, np.uint8) for buffer in chunk.buffers() if buffer is not None)
    else:
        yield column.to_numpy()


def leaves(obj: Any, column_of: Callable[[Any], Iterator[Any]] = _values) -> Iterator[Any]:
    """Every array, and every other leaf, of nested dicts, lists, data frames and objects with a __dict__.

    column_of: what a column of a data frame gives.
    """
    if isinstance(obj, np.ndarray):
        yield obj
    elif isinstance(obj, dict):
        for key, value in obj.items():
            yield key
            yield from leaves(value, column_of)
    elif isinstance(obj, (list, tuple)):
        for value in obj:
            yield from leaves(value, column_of)
    elif hasattr(obj, "to_numpy") and hasattr(obj, "columns"):
        for column in obj.columns:
            yield column
            yield from column_of(obj[column])
    elif hasattr(obj, "__dict__") and not isinstance(obj, type):
        yield type(obj).__name__
        yield from leaves(vars(obj), column_of)
    else:
        yield obj


def _size(obj: Any) -> int:
    return sum(a.nbytes for a in leaves(obj) if isinstance(a, np.ndarray))


def size_name(nbytes: int) -> str:
    """A number of bytes as text: KB, MB and GB are powers of 1024."""
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if nbytes >= unit:
            return f"{nbytes / unit:.3g} {name}"
    return f"{nbytes} B"


def size_of(text: str) -> int:
    """The bytes that a size such as "8", "64 KB" or "1.5GB" means. Raises ValueError."""
    compact = text.strip().upper().replace(" ", "").removesuffix("B")
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    unit = units.get(compact[-1:], 1)
    try:
        nbytes = int(float(compact[:-1] if unit > 1 else compact) * unit)
    except (ValueError, OverflowError):
        nbytes = 0
    if nbytes <= 0:
        raise ValueError(f"{text!r} is no size; write 8, 64KB, 1MB or 1GB")
    return nbytes

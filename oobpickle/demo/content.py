"""What an object holds, told without the codec: its size, a checksum, a description. The two ends compare by these."""

import sys
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

_PAGE = 4096


def checksum(obj: Any) -> int:
    """CRC-32 of all that obj holds: keys, values, dtypes, shapes, and every byte of every array."""
    crc = 0
    for piece in _pieces(obj):
        crc = zlib.crc32(piece, crc)
    return crc


def size(obj: Any) -> int:
    """The bytes of obj's values in this process; of containers, what they contain."""
    if isinstance(obj, np.ndarray):
        return obj.nbytes
    if _is_frame(obj):
        return int(obj.memory_usage(deep=True).sum())
    if isinstance(obj, dict):
        return sum(map(size, obj)) + sum(map(size, obj.values()))
    if isinstance(obj, (list, tuple)):
        return sum(map(size, obj))
    return len(obj) if isinstance(obj, (str, bytes)) else 8


def touch(obj: Any) -> int:
    """Read one byte of each page of every array, as the least that a consumer would do."""
    total = 0
    for a in _arrays(obj):
        if a.nbytes and a.flags.forc and not a.dtype.hasobject:
            total += int(a.reshape(-1, order="A").view(np.uint8)[::_PAGE].sum())
    return total


def describe(obj: Any) -> str:
    """Tell in a few words what obj is."""
    if isinstance(obj, np.ndarray):
        shape = " x ".join(f"{length:,}" for length in obj.shape) or "one"
        return f"{shape} of {len(obj.dtype.names)} fields" if obj.dtype.names else f"{shape} {obj.dtype}"
    if _is_frame(obj):
        return f"{len(obj):,} x {len(obj.columns)} columns"
    return f"{sum(1 for _ in _arrays(obj)):,} arrays"


def _is_frame(obj: Any) -> bool:
    pandas: Any = sys.modules.get("pandas")  # there is no DataFrame where it is not imported
    return pandas is not None and isinstance(obj, pandas.DataFrame)


def _pieces(obj: Any) -> Iterator[Any]:
    if isinstance(obj, np.ndarray):
        yield f"{type(obj).__name__} {obj.dtype} {obj.shape}".encode()
        if obj.dtype.hasobject:
            yield repr(obj.tolist()).encode()
        elif obj.dtype.names is not None:  # field by field: the gaps between them are nobody's value
            for name in obj.dtype.names:
                yield from _pieces(np.asarray(obj[name]))
        else:
            yield np.ascontiguousarray(obj).reshape(-1).view(np.uint8)
    elif _is_frame(obj):
        pandas: Any = sys.modules["pandas"]
        yield repr([(name, str(dtype)) for name, dtype in obj.dtypes.items()]).encode()
        yield pandas.util.hash_pandas_object(obj).to_numpy()
    elif isinstance(obj, dict):
        for key, value in obj.items():
            yield repr(key).encode()
            yield from _pieces(value)
    elif isinstance(obj, (list, tuple)):
        yield f"{type(obj).__name__} {len(obj)}".encode()
        for value in obj:
            yield from _pieces(value)
    else:
        yield f"{type(obj).__name__} {obj!r}".encode()


def _arrays(obj: Any) -> Iterator["np.ndarray[Any, Any]"]:
    if isinstance(obj, np.ndarray):
        yield obj
    elif _is_frame(obj):
        for _, column in obj.items():  # noqa: PERF102 - a DataFrame
            if isinstance(column.dtype, np.dtype):
                yield column.to_numpy()
    elif isinstance(obj, dict):
        for value in obj.values():
            yield from _arrays(value)
    elif isinstance(obj, (list, tuple)):
        for value in obj:
            yield from _arrays(value)

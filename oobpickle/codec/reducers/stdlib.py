"""array.array and memoryview, which stock pickle copies into the stream or refuses."""

import array
from pickle import PickleBuffer
from typing import Any

import numpy as np

_frombuffer: Any = np.frombuffer  # numpy's annotations say from 3.12 on that an array is a buffer
_ndarray: Any = np.ndarray
_NATIVE_FORMATS = frozenset("cbB?hHiIlLqQnNfd")  # what memoryview.cast takes


def reduce_array_array(obj: "array.array[Any]") -> tuple[Any, ...]:
    """A view of its memory; while that is exported the array cannot be resized (BufferError)."""
    return rebuild_array_array, (obj.typecode, PickleBuffer(obj))


def rebuild_array_array(typecode: str, buffer: Any) -> "array.array[Any]":
    """Copy the buffer into a new array.array, which owns its memory."""
    result = array.array(typecode)
    result.frombytes(_frombuffer(buffer, np.uint8))  # it takes bytes only, and the buffer may be the array that was sent
    return result


def reduce_memoryview(obj: memoryview) -> tuple[Any, ...]:
    """A view of the same memory where it is contiguous and of a plain format; else by way of an array."""
    if obj.c_contiguous and obj.format in _NATIVE_FORMATS:
        # By way of an array, which the garbage collector does not look into: CPython 3.11 crashes when it clears
        # a memoryview in a cycle before the PickleBuffer that exports it.
        return rebuild_memoryview, (PickleBuffer(_frombuffer(obj, np.uint8)), obj.format, obj.shape)
    return memoryview, (np.asarray(obj),)


def rebuild_memoryview(buffer: Any, format: str, shape: tuple[int, ...]) -> memoryview:  # noqa: A002 - memoryview's word
    """A view of the buffer itself, as writable as that is."""
    flat = memoryview(buffer).cast("B")
    if 0 in shape:  # memoryview.cast refuses a shape without elements
        empty = memoryview(_ndarray(shape, np.dtype(format)))
        return empty.toreadonly() if flat.readonly else empty
    return flat.cast(format, shape) if format != "B" or len(shape) != 1 else flat  # type: ignore[call-overload]

"""array.array and memoryview, which stock pickle copies into the stream or refuses."""

import array
import sys
from pickle import PickleBuffer
from typing import Any

import numpy as np

from oobpickle.codec.reducers.arguments import expect, expect_all
from oobpickle.codec.reducers.checked import spend_on_fields
from oobpickle.codec.rules import Rule

_frombuffer: Any = np.frombuffer  # numpy's annotations say from 3.12 on that an array is a buffer
_ndarray: Any = np.ndarray
_NATIVE_FORMATS = frozenset("cbB?hHiIlLqQnNfd")  # what memoryview.cast takes


BUFFERS = (memoryview, bytes, bytearray, PickleBuffer)
"""What an out-of-band buffer, or one that was so small that it stayed in-band, is for a rebuilder."""


def reduce_array_array(obj: "array.array[Any]") -> tuple[Any, ...]:
    """A view of its memory; while that is exported the array cannot be resized (BufferError)."""
    return rebuild_array_array, (obj.typecode, PickleBuffer(obj))


def rebuild_array_array(typecode: str, buffer: Any) -> "array.array[Any]":
    """Copy the buffer into a new array.array, which owns its memory."""
    expect(typecode, str)
    expect(buffer, *BUFFERS)
    flat = _frombuffer(buffer, np.uint8)  # frombytes takes bytes only, and the buffer may be the array that was sent
    result = array.array(typecode)
    result.frombytes(flat)
    if typecode in "uw" and flat.nbytes and int(np.frombuffer(flat, f"u{result.itemsize}").max()) > sys.maxunicode:
        raise ValueError("an array of characters with something that is none")
    return result


def reduce_memoryview(obj: memoryview) -> tuple[Any, ...]:
    """A view of the same memory where it is contiguous and of a plain format; else by way of an array."""
    if obj.c_contiguous and obj.format in _NATIVE_FORMATS:
        # By way of an array, which the garbage collector does not look into: CPython 3.11 crashes when it clears
        # a memoryview in a cycle before the PickleBuffer that exports it.
        return rebuild_memoryview, (PickleBuffer(_frombuffer(obj, np.uint8)), obj.format, obj.shape)
    return view_of_array, (np.asarray(obj),)


def view_of_array(values: Any) -> memoryview:
    """A memoryview of an array."""
    expect(values, np.ndarray)
    if values.dtype.hasobject:
        raise ValueError("a memoryview of Python objects")
    spend_on_fields(values.dtype)
    return memoryview(values)


def rebuild_memoryview(buffer: Any, format: str, shape: tuple[int, ...]) -> memoryview:  # noqa: A002 - memoryview's word
    """A view of the buffer itself, as writable as that is."""
    expect(buffer, *BUFFERS)
    expect(format, str)
    expect(shape, tuple)
    expect_all(shape, int)
    if format not in _NATIVE_FORMATS:
        raise ValueError(f"{format[:9]!r} is no format that a memoryview can be cast to")
    flat = memoryview(buffer).cast("B")
    if 0 in shape:  # memoryview.cast refuses a shape without elements
        empty = memoryview(_ndarray(shape, np.dtype(format)))
        return empty.toreadonly() if flat.readonly else empty
    return flat.cast(format, shape) if format != "B" or len(shape) != 1 else flat  # type: ignore[call-overload]


def rebuild_bytes(buffer: Any) -> bytes:
    """Large bytes, which travel as a buffer. Stands in a stream as builtins.bytes."""
    expect(buffer, *BUFFERS)
    return bytes(buffer)


def rebuild_bytearray(buffer: Any) -> bytearray:
    """A large bytearray, which travels as a buffer. Stands in a stream as builtins.bytearray."""
    expect(buffer, *BUFFERS)
    return bytearray(buffer)


DATA_REDUCERS: dict[type, Any] = {array.array: reduce_array_array, memoryview: reduce_memoryview}

RULES = {
    rebuild_array_array: Rule(fresh=True, sure=True),
    rebuild_memoryview: Rule(sure=True),
    view_of_array: Rule(),
    rebuild_bytes: Rule(fresh=True, sure=True),
    rebuild_bytearray: Rule(fresh=True, sure=True),
}

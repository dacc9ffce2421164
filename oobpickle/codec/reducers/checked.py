"""The array table of the data codec: dtypes, shapes, strides and offsets that a peer has sent, checked before numpy sees them.

numpy checks less than it takes to be safe. ``np.ndarray((3,), "u1", memory, 0, (-2**63,))`` is accepted by numpy 2.4, since
its sum of strides overflows, and reading the result ends the process. So what an array needs of its buffer is computed
here, in Python's integers, and numpy is asked only for what fits.

A dtype is told by text of one fixed form (what ``dtype.str`` gives; no commas, no parentheses), or by a tuple for
structures and subarrays, as `reducers.numpy.describe` writes it.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from oobpickle.codec.allowance import expected_arrays, limits, spend
from oobpickle.codec.reducers.numpy import Array, array_table, describe
from oobpickle.codec.rules import Rule

DTYPE_DEPTH = 16
"""Structures in structures. numpy and tuple hashing go down them by recursion in C."""

_CACHED = 1024  # characters: a dtype told in more is built anew each time, so that what is kept stays small
_PRICE = 32  # bytes of allowance for each character: to make a dtype of it takes some 90 ns
# No unit of 0: numpy 2.5 takes "M8[0s]", and divides by it to compare such a time with another, which ends the process.
_TEXT = re.compile(
    r"[<>|](?:[biufc][0-9]{1,2}|[SUV][0-9]{1,9}|[mM]8(?:\[(?:[1-9][0-9]{0,8})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?|O)"
)


def checked_dtype(description: Any, *, objects: bool = False) -> "np.dtype[Any]":
    """The dtype that is told. objects: whether Python objects may be in it. Raises TypeError or ValueError."""
    if type(description) is str:
        dtype = _told_by_text(description)
    else:
        characters = _characters(description, DTYPE_DEPTH)
        if characters > limits().dtype_text:
            raise ValueError(f"a dtype told in {characters} characters; limits.dtype_text is {limits().dtype_text}")
        spend(_PRICE * characters)
        dtype = _kept(description) if characters <= _CACHED else _built(description)
    if dtype.itemsize > limits().itemsize:
        raise ValueError(f"elements of {dtype.itemsize} bytes; limits.itemsize is {limits().itemsize}")
    if dtype.hasobject and not objects:
        raise ValueError("a dtype of Python objects, which no buffer holds")
    return dtype


@lru_cache(maxsize=256)
def _told_by_text(text: str) -> "np.dtype[Any]":
    if len(text) > 32 or not _TEXT.fullmatch(text):
        raise ValueError(f"{text[:32]!r} does not tell a dtype")
    return np.dtype(text)


def _characters(description: Any, depth: int) -> int:
    """The characters that tell a dtype; raises unless it is told as `describe` does. Only then may it be hashed."""
    if type(description) is str:
        return len(description)
    if type(description) is not tuple or len(description) not in (3, 4) or not depth:
        raise TypeError("a dtype is told by text, or by a tuple of three or four; and not 16 in each other")
    if len(description) == 3:
        kind, base, shape = description
        if kind != "subarray" or type(kind) is not str:
            raise ValueError("a tuple of three tells a subarray")
        check_shape(shape)
        return 16 + _characters(base, depth - 1) + 8 * len(shape)
    kind, fields, itemsize, aligned = description
    if type(kind) is not str or kind not in ("struct", "record") or type(fields) is not tuple:
        raise ValueError("a tuple of four tells a struct or record and its fields")
    if type(itemsize) is not int or type(aligned) is not bool:
        raise TypeError("a structure has an itemsize, and is aligned or not")
    characters = 16
    for field in fields:
        if type(field) is not tuple or len(field) != 4:
            raise TypeError("a field is told by a tuple of four")
        name, told, offset, title = field
        if type(name) is not str or type(offset) is not int or (title is not None and type(title) is not str):
            raise TypeError("a field has a name, an offset, and a title or None")
        characters += 16 + len(name) + len(title or "") + _characters(told, depth - 1)
    return characters


def spend_on_fields(dtype: "np.dtype[Any]") -> None:
    """What numpy derives from a structure takes time with its fields, and one array can be an argument again and again."""
    if dtype.names is not None:
        spend(_PRICE * _characters(describe(dtype), DTYPE_DEPTH))


def _built(description: str | tuple[Any, ...]) -> "np.dtype[Any]":
    if isinstance(description, str):
        return _told_by_text(description)
    if len(description) == 3:
        _, base, shape = description
        dtype = _built(base)
        if dtype.itemsize * prod(shape) > limits().itemsize:
            raise ValueError(f"a subarray of shape {shape}; limits.itemsize is {limits().itemsize}")
        return np.dtype((dtype, shape))
    kind, fields, itemsize, aligned = description
    spec: dict[str, Any] = {
        "names": [field[0] for field in fields],
        "formats": [_built(field[1]) for field in fields],
        "offsets": [field[2] for field in fields],
        "itemsize": itemsize,
    }
    if any(field[3] is not None for field in fields):
        spec["titles"] = [field[3] for field in fields]
    for dtype, offset in zip(spec["formats"], spec["offsets"], strict=True):
        if not 0 <= offset <= itemsize - dtype.itemsize:
            raise ValueError("a field that reaches out of its structure")
    struct: np.dtype[Any] = np.dtype(spec, align=aligned)  # type: ignore[call-overload]
    return np.dtype((np.record, struct)) if kind == "record" else struct


_kept = lru_cache(maxsize=128)(_built)


def check_shape(shape: Any) -> None:
    """Raise unless this is a tuple of lengths, no more than limits.dimensions of them."""
    if type(shape) is not tuple or len(shape) > limits().dimensions:
        raise TypeError("a shape is a tuple, of no more lengths than limits.dimensions")
    for length in shape:
        if type(length) is not int or length < 0:
            raise TypeError("a length is a whole number")


def checked_table(order: Any, *groups: Any) -> Callable[[], Array]:
    """`reducers.numpy.array_table`, of arguments that are checked first, for exactly as many arrays as the stream takes."""
    total = 0
    for group in groups:
        if type(group) is not tuple or not group:
            raise TypeError("a group is a buffer and the arrays on it")
        buffer, *specs = group
        if type(buffer) is memoryview:
            size = buffer.nbytes
        elif buffer is None or type(buffer) is bytes or type(buffer) is bytearray:
            size = len(buffer or b"")
        else:
            raise TypeError("arrays on something that is no buffer")
        for spec in specs:
            total += _check_spec(spec, size)
    _check_count(order, total)
    return array_table(order, *groups)


def plain_table(order: None, *groups: Any) -> Callable[[], Array]:
    """`checked_table`, where the scan has seen to the types of the arguments, and to lengths that are not below zero."""
    total = 0
    itemsize, dimensions = limits().itemsize, limits().dimensions
    for group in groups:
        if len(group) == 2:
            description, shape, strides, _, count, _ = group[1]
            dtype = _told_by_text(description)
            # np.frombuffer itself sees to an array that begins at an offset and has no strides.
            if (
                count == 1
                and strides is None
                and dtype.itemsize <= itemsize
                and len(shape) <= dimensions
                and (0 not in shape or dtype.itemsize < 256)
            ):
                total += 1
                continue
        buffer = group[0]
        size = 0 if buffer is None else buffer.nbytes
        for spec in group[1:]:
            total += _check_spec(spec, size)
    _check_count(order, total)
    return array_table(order, *groups)


def _check_count(order: Any, total: int) -> None:
    expected = expected_arrays()
    if total != expected and expected is not None:
        raise ValueError(f"a table of {total} arrays, of which the stream takes {expected}")
    if order is not None and (type(order) is not bytes or len(order) != 4 * total):
        raise ValueError("an order that is not one place for each array")


def _check_spec(spec: Any, size: int) -> int:
    """The number of arrays that a spec tells, all of which fit a buffer of this size."""
    if type(spec) is not tuple:
        raise TypeError("a spec is a tuple")
    description, shape, strides, offset, count, writeable = spec
    check_shape(shape)
    if type(offset) is not int or type(count) is not int or type(writeable) is not bool or offset < 0 or count < 1:
        raise TypeError("a spec has an offset, a count, and is writeable or not")
    dtype = checked_dtype(description)
    if dtype.subdtype is not None:
        raise ValueError("a subarray outside of a structure")
    nbytes = prod(shape) * dtype.itemsize
    if not nbytes:
        spend(count * dtype.itemsize)
        return count
    if strides is None:
        if offset + count * nbytes > size:
            raise ValueError(f"{count} arrays of {nbytes} bytes at {offset} of a buffer of {size}")
        return count
    if type(strides) is not tuple or len(strides) != len(shape):
        raise TypeError("strides are a tuple as long as the shape")
    low, high = offset, offset + (count - 1) * nbytes + dtype.itemsize
    for length, stride in zip(shape, strides, strict=True):
        if type(stride) is not int:
            raise TypeError("a stride is a whole number")
        if stride < 0:
            low += (length - 1) * stride
        else:
            high += (length - 1) * stride
    if low < 0 or high > size:
        raise ValueError(f"strides {strides} reach out of a buffer of {size} bytes")
    return count


RULES = {checked_table: Rule(source=True, sure=True)}

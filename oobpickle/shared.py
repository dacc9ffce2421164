"""Arrays in shared memory: `empty` and its relatives make them, and sending them copies nothing.

    frame = oobpickle.shared.empty((1080, 1920, 3), "u1")   # an ordinary ndarray, in this process's arena
    camera.read_into(frame)
    tracker = pusher.send({"frame": frame})                 # a reference travels, however large it is
    tracker.wait()                                          # nobody has it any more: write the next one into it

Any contiguous view of 32 KB or more of such an array travels by reference too, and so does an array that came in by the
shared lane; smaller ones go inside the message, which takes no longer.
Where there is no room in the arena, or no shared lane on this platform, an ordinary array is made, which is sent as such:
`is_shared` tells. The memory is free when the last view is gone, here and at all receivers.
"""

from collections.abc import Sequence
from math import prod
from operator import index
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeAlias, TypeVar

import numpy as np

from oobpickle.codec.pickle_codec import PickleCodec
from oobpickle.lanes.shared import copying, loans
from oobpickle.lanes.shared.arena import Stats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["Stats", "copy", "empty", "empty_like", "full", "is_shared", "set_limit", "stats", "zeros"]

Shape: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
Order: TypeAlias = Literal["C", "F"]
T = TypeVar("T")

_CODEC = PickleCodec()  # for objects of this process, which never leave it as a stream


def empty(shape: Shape, dtype: "DTypeLike" = float, *, order: Order = "C") -> "NDArray[Any]":
    """Make an array in shared memory that holds whatever is there. As numpy.empty.

    It is aligned to 64 bytes, or to a page from a page up. Raises TypeError for a dtype with Python objects in it (also
    StringDType): their addresses mean nothing to another process. In a child after a fork the array is the child's own
    copy: what is written there, the parent does not see.
    """
    lengths = tuple(map(index, shape)) if isinstance(shape, Sequence) else (index(shape),)
    chosen = np.dtype(dtype)
    if chosen.hasobject:
        raise TypeError(f"dtype {chosen} holds objects of this process, which cannot be shared")
    lent = loans.lend(prod(lengths) * chosen.itemsize) if min(lengths, default=1) > 0 else None
    if lent is None:
        return np.empty(lengths, chosen, order)
    return np.ndarray(lengths, chosen, lent, order=order)


def zeros(shape: Shape, dtype: "DTypeLike" = float, *, order: Order = "C") -> "NDArray[Any]":
    """Make an array of zeros in shared memory. As numpy.zeros, and `empty`."""
    array = empty(shape, dtype, order=order)
    array.reshape(-1, order="A").view(np.uint8)[...] = 0
    return array


def full(
    shape: Shape, fill_value: "ArrayLike", dtype: "DTypeLike | None" = None, *, order: Order = "C"
) -> "NDArray[Any]":
    """Make an array in shared memory that holds fill_value everywhere. As numpy.full, and `empty`."""
    array = empty(shape, np.asarray(fill_value).dtype if dtype is None else dtype, order=order)
    np.copyto(array, fill_value, casting="unsafe")
    return array


def empty_like(prototype: "ArrayLike", dtype: "DTypeLike | None" = None) -> "NDArray[Any]":
    """Make an array in shared memory of the same shape, dtype and order of axes. As numpy.empty_like, and `empty`."""
    like = np.asarray(prototype)
    axes = sorted(range(like.ndim), key=lambda axis: -abs(like.strides[axis]))  # the outermost first
    made = empty([like.shape[axis] for axis in axes], like.dtype if dtype is None else dtype)
    return made.transpose(np.argsort(axes))


def copy(obj: T) -> T:
    """Copy obj so that its large buffers lie in shared memory: an array, a DataFrame, anything that can be pickled.

    Small buffers, and those for which there is no room, are copied to ordinary memory; so are ``bytes`` and
    ``bytearray``, which own their memory. Raises EncodeError.
    """
    stream, buffers = _CODEC.encode(obj)
    copied: T = _CODEC.decode(stream, [_lent_copy(buffer) for buffer in buffers])
    return copied


def is_shared(obj: Any) -> bool:
    """Whether sending obj on the shared lane copies none of its large buffers (and it has one). Raises EncodeError."""
    buffers = _CODEC.encode(obj)[1]
    return bool(buffers) and all(map(loans.is_shared, buffers))


def set_limit(limit: int) -> None:
    """Bound the memory that this process's arena may take, in bytes, free blocks included.

    Without it: a quarter of the machine's memory, or of what its control group allows. What is in use beyond a new limit
    stays until it is let go. Forks inherit it. 0: nothing new is shared.
    """
    loans.set_limit(limit)


def stats() -> Stats:
    """Look at this process's arena: `.in_use`, `.free`, `.limit` in bytes, `.blocks`.

    in_use: memory that an array of ours, a send that is not over, or a receiver in any process has. free: memory kept
    for the next blocks. Looks at every block: 2 us each.
    """
    return loans.stats()


def _lent_copy(buffer: memoryview) -> memoryview:
    lent = loans.lend(buffer.nbytes)
    if lent is None:
        return memoryview(bytes(buffer) if buffer.readonly else bytearray(buffer))
    copying.copy(lent.data, buffer)
    return lent.data.toreadonly() if buffer.readonly else lent.data

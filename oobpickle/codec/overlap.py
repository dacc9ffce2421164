"""Which arrays of one object share memory, and the memory that they share.

Only views of one array are looked at (those with the same ``base``; numpy makes a view's base the array that owns the
memory). Two views that meet only through a base that is not sent, without overlapping, share nothing.
"""

from collections import Counter
from collections.abc import Iterator
from operator import attrgetter

import numpy as np

from oobpickle.codec.reducers.numpy import Array, flat_view


def overlapping(arrays: list[Array]) -> Iterator[tuple[memoryview, list[tuple[int, int]]]]:
    """Find views of one array that overlap and take no more bytes as the union of their extents than each for itself.

    Gives (the union, a flat view of the bytes, [(the array's index, its offset in the union), ...]).
    """
    bases = list(map(attrgetter("base"), arrays))
    if set(map(type, bases)) == {type(None)}:
        return
    owners = [base if isinstance(base, np.ndarray) else a for a, base in zip(arrays, bases, strict=True)]
    counts = Counter(map(id, owners))
    if len(counts) == len(arrays):
        return
    families: dict[int, list[int]] = {}
    for index, owner in enumerate(owners):
        if counts[id(owner)] > 1:
            families.setdefault(id(owner), []).append(index)
    for members in families.values():
        yield from _clusters(owners[members[0]], [(index, arrays[index]) for index in members])


def _clusters(owner: Array, members: list[tuple[int, Array]]) -> Iterator[tuple[memoryview, list[tuple[int, int]]]]:
    extents = sorted((*_extent(a), index, _address(a)) for index, a in members if _fits(a))
    memory: memoryview | None = None
    start = _extent(owner)[0]
    while extents:
        low, high, *_ = extents[0]
        end = 1
        while end < len(extents) and extents[end][0] < high:
            high = max(high, extents[end][1])
            end += 1
        cluster, extents = extents[:end], extents[end:]
        if len(cluster) == 1:
            continue
        arrays = dict(members)
        size = sum(arrays[index].nbytes for _, _, index, _ in cluster)
        alignment = max(arrays[index].dtype.alignment for _, _, index, _ in cluster)
        low -= low % alignment  # on arrival the union starts at an aligned address, and each array has to as well
        if memory is None and (memory := _memory(owner)) is None:
            return
        if high - low <= size and start <= low and high <= start + memory.nbytes:
            yield memory[low - start : high - start], [(index, address - low) for _, _, index, address in cluster]


def _fits(a: Array) -> bool:
    """Whether a can stand on a part of its owner: it has bytes, repeats none of them, and is aligned throughout."""
    low, high = _extent(a)
    alignment = a.dtype.alignment
    return 0 < a.nbytes <= high - low and a.flags.aligned and all(stride % alignment == 0 for stride in a.strides)


def _memory(owner: Array) -> memoryview | None:
    """All of the owner's bytes, flat; None if they have gaps or hold objects."""
    return None if owner.dtype.hasobject or not owner.nbytes else flat_view(owner.view(np.ndarray))


def _address(a: Array) -> int:
    """Where a's first element is."""
    return int(a.__array_interface__["data"][0])


def _extent(a: Array) -> tuple[int, int]:
    """The addresses of a's lowest byte and past its highest."""
    address = _address(a)
    if a.flags.forc:
        return address, address + a.nbytes
    steps = [(length - 1) * stride for length, stride in zip(a.shape, a.strides, strict=True)]
    low = address + sum(step for step in steps if step < 0)
    return low, address + sum(step for step in steps if step > 0) + a.itemsize

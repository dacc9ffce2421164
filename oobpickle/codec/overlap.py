"""Which arrays of one object share memory, and the memory that they share.

Only views of one array are looked at (those with the same ``base``; numpy makes a view's base the array that owns the
memory). Two views that meet only through a base that is not sent, without overlapping, share nothing.
"""

from collections import Counter
from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

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


class _Extent(NamedTuple):
    low: int  # the address of the array's lowest byte
    high: int  # past its highest
    place: int  # of the array in the list
    address: int  # of its first element


def _clusters(owner: Array, members: list[tuple[int, Array]]) -> Iterator[tuple[memoryview, list[tuple[int, int]]]]:
    arrays = dict(members)
    extents = sorted(extent for index, a in members if (extent := _extent(index, a)) is not None)
    clusters: list[list[_Extent]] = []
    high = 0
    for extent in extents:
        if extent.low < high:
            clusters[-1].append(extent)
        else:
            clusters.append([extent])
        high = max(high, extent.high)
    clusters = [cluster for cluster in clusters if len(cluster) > 1]
    if not clusters or owner.dtype.hasobject or (memory := flat_view(owner.view(np.ndarray))) is None:
        return
    start = _lowest(owner)
    for cluster in clusters:
        low = cluster[0].low
        high = max(extent.high for extent in cluster)
        # On arrival the union starts at an aligned address, and each array has to as well.
        low -= low % max(arrays[extent.place].dtype.alignment for extent in cluster)
        fits = start <= low and high <= start + memory.nbytes
        if fits and high - low <= sum(arrays[extent.place].nbytes for extent in cluster):
            yield memory[low - start : high - start], [(extent.place, extent.address - low) for extent in cluster]


def _extent(index: int, a: Array) -> _Extent | None:
    """Where a is; None if it cannot stand on a part of its owner: it has no bytes, repeats some, or is not aligned."""
    address = int(a.__array_interface__["data"][0])
    flags = a.flags.num
    nbytes = a.nbytes
    if not nbytes or not flags & _ALIGNED:
        return None
    if flags & _DENSE:
        return _Extent(address, address + nbytes, index, address)
    low = _lowest(a, address)
    high = a.itemsize + address + sum((n - 1) * step for n, step in zip(a.shape, a.strides, strict=True) if step > 0)
    alignment = a.dtype.alignment
    if nbytes > high - low or any(step % alignment for step in a.strides):
        return None
    return _Extent(low, high, index, address)


def _lowest(a: Array, address: int | None = None) -> int:
    """The address of a's lowest byte."""
    if address is None:
        address = int(a.__array_interface__["data"][0])
    steps: int = sum((n - 1) * step for n, step in zip(a.shape, a.strides, strict=True) if step < 0)
    return address + steps


_DENSE, _ALIGNED = 0x1 | 0x2, 0x100  # C_CONTIGUOUS or F_CONTIGUOUS; ALIGNED, in ndarray.flags.num

"""References: how a message says where its shared buffers are, byte by byte.

Rule: everything here came from a peer. `unpack` takes a copy first (what it is given may lie in memory that the peer can
still write), and raises LaneError for whatever `pack` does not make. What the numbers *mean* is checked where they are
followed.

    header   28 bytes, `HEADER`
    blocks   28 bytes each, `BLOCK`
    buffers  16 bytes each, `BUFFER`, in the order of the message's shared buffers, whose lengths its table has

A block that no buffer lies in does not occur. All integers are little-endian.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from oobpickle.errors import LaneError

VERSION = 1
"""Of this layout, as wire.VERSION is of the message's: both ends run on one host, and not always the same release."""

HEADER = struct.Struct("<BxHIIIIQ")
"""version, number of blocks, then where to acknowledge (all 0: nowhere): process, descriptor, word, stamp, token."""

BLOCK = struct.Struct("<IIQIQ")
"""process, descriptor, token, slot, generation."""

BUFFER = struct.Struct("<HHxxxxQ")
"""index of the block, flags, where in the slot the buffer begins."""

_ONE = struct.Struct("<" + "".join(part.format.lstrip("<") for part in (HEADER, BLOCK, BUFFER)))
# one block with one buffer in it: what most messages have
_ONE_PACKED = struct.Struct(f"{HEADER.format}{BLOCK.size}s{BUFFER.format.lstrip('<')}")

READ_ONLY = 1
"""Flag: the buffer was read-only at the sender, and arrives so."""

MOST_BLOCKS = 0xFFFF
"""Blocks in one message: as the layout has it. A receiver opens no more files than that for one message."""


class AckReference(NamedTuple):
    """Where the sender waits for an acknowledgement. stamp: never 0, unless nobody waits for one."""

    pid: int
    fd: int
    word: int
    stamp: int
    token: int


NO_ACK = AckReference(0, 0, 0, 0, 0)
"""Nobody waits for an acknowledgement."""


class BlockReference(NamedTuple):
    """A block of a process's arena."""

    pid: int
    fd: int
    token: int
    slot: int
    generation: int


class References(NamedTuple):
    """Taken apart. buffers: (block's index, flags, start)."""

    acknowledge: AckReference
    blocks: list[BlockReference]
    buffers: list[tuple[int, int, int]]


def pack(acknowledge: AckReference, blocks: Sequence[bytes], buffers: Iterable[bytes]) -> bytes:
    """Lay out references. blocks, buffers: packed by `BLOCK` and `BUFFER`."""
    return b"".join((HEADER.pack(VERSION, len(blocks), *acknowledge), *blocks, *buffers))


def pack_one(acknowledge: AckReference, block: bytes, *, read_only: bool, start: int) -> bytes:
    """As `pack`, for one block with one buffer in it, in half the time."""
    return _ONE_PACKED.pack(VERSION, 1, *acknowledge, block, 0, READ_ONLY if read_only else 0, start)


def unpack_one(packed: memoryview | bytes) -> list[int] | None:
    """As `unpack`, for one block with one buffer in it, in half the time; None: it is not that, or has a fault.

    Gives what an AckReference, a BlockReference and a buffer have, one after the other.
    """
    if len(packed) != _ONE.size:
        return None
    version, block_count, *fields = _ONE.unpack(bytes(packed))
    if version != VERSION or block_count != 1 or fields[10] or fields[11] & ~READ_ONLY:
        return None
    return fields


def unpack(packed: memoryview | bytes, buffer_count: int) -> References:
    """Take references apart, and check their form."""
    raw = bytes(packed)
    if len(raw) < HEADER.size:
        raise LaneError("the references are too short")
    version, block_count, *acknowledge = HEADER.unpack_from(raw)
    if version != VERSION:
        raise LaneError(f"references of version {version}; this is oobpickle for version {VERSION}")
    start = HEADER.size + BLOCK.size * block_count
    if len(raw) != start + BUFFER.size * buffer_count:
        raise LaneError("the references are not as long as they say")
    blocks = [BlockReference._make(fields) for fields in BLOCK.iter_unpack(raw[HEADER.size : start])]
    buffers = list(BUFFER.iter_unpack(raw[start:]))
    if {index for index, _, _ in buffers} != set(range(block_count)):
        raise LaneError("the references' blocks and buffers do not go together")
    if any(flags & ~READ_ONLY for _, flags, _ in buffers):
        raise LaneError("a reference has an unknown flag")
    return References(AckReference._make(acknowledge), blocks, buffers)

"""The wire format: one message as a list of frames, and back.

Rule 1: bytes in, bytes out. No I/O, no pickle, no numpy, no ZeroMQ; a stream is opaque here.
Rule 2: every count, length and offset that came from a peer is checked before it is used, and nothing is allocated
before it is checked. Whatever the bytes are, `unpack` raises `DecodeError` or nothing.
Rule 3: equal arguments give equal bytes.

Theory of operation. A message is ``[head, *frames]``. The head is, without gaps (all integers little-endian):

    header      48 bytes, `HEADER`
    table       one u64 a buffer: its length in the low 62 bits, where it is in the high two (`OWN`, `GLUED`, `SHARED`)
    references  where the SHARED buffers are; written and read by the shared lane, opaque here
    stream      the in-band pickle stream
    glued       the GLUED buffers, each starting at a multiple of 16 bytes from the start of this part, zeros between

Each OWN buffer is a frame of its own after the head, in the order of the table. A frame costs more than a small copy
(the receiver pays about 2 us for each), so buffers up to `GLUE_EACH` bytes travel in the head as long as they are no
more than `GLUE_TOTAL` together. On arrival the glued part is copied once, into fresh memory aligned to 16 bytes:
a received frame starts at any address.

docs/wire-format.md specifies this byte by byte, with the version policy.
"""

import struct
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from oobpickle.errors import DecodeError

Frame: TypeAlias = bytes | memoryview

MAGIC = b"\xf5oob"
"""The first bytes of a head. 0xF5 begins no UTF-8 text and is no pickle opcode."""

VERSION = 1
"""The version of this layout. It must not be used for another one: a change of the layout needs another number."""

HEADER = struct.Struct("<4sBBHQQQQII")
"""magic, version, codec, flags, stream length, epoch, sequence, sent at, number of buffers, length of references."""

PICKLE, DATA = 0, 1
"""Codec numbers. They must not be changed."""

KEPT, FAILED, TAKES_SHARED = 1, 2, 4
"""Flags, bits. KEPT: repeated by a publisher for those who came late. FAILED: a reply that tells of an error; its object
is (type name, text, traceback). TAKES_SHARED: a request whose reply may refer to shared memory. Other bits are 0 when sent and ignored when received. They must not be changed."""

OWN, GLUED, SHARED = 0, 1, 2
"""Where a buffer is: the two high bits of its table entry. 3 is not used. They must not be changed."""

GLUE_EACH = 32 * 1024
"""The largest buffer, in bytes, that is copied into the head."""

GLUE_TOTAL = 64 * 1024
"""The most bytes of buffers in one head. One kept view pins all of them, so this is also a bound on that."""

_entry = struct.Struct("<Q").unpack_from
_HEADER_AND_ENTRY = struct.Struct(HEADER.format + "Q")
_OWN, _GLUED, _SHARED = (kind << 62 for kind in (OWN, GLUED, SHARED))
_LENGTH = (1 << 62) - 1
_message = tuple.__new__  # Message(...) itself takes twice as long, half a microsecond
_NOTHING = memoryview(b"")
_NOT_OURS = "not an oobpickle message"
_unpack_header = HEADER.unpack_from
_ALIGN = 16
_ZEROS = bytes(_ALIGN)


class Message(NamedTuple):
    """A head and its frames, taken apart and checked.

    stream: a view of the head. buffers: one flat view a buffer in the order of the stream; a SHARED one is its length,
    an int, until its lane has put a view in its place. references: a view of the head, empty when nothing is SHARED.
    epoch, sequence: the sender's numbering, 0 when no endpoint stamped it. sent_at: ns since the Unix epoch, or 0.
    """

    codec: int
    flags: int
    epoch: int
    sequence: int
    sent_at: int
    stream: memoryview
    buffers: list[memoryview | int]
    references: memoryview


def pack(
    codec: int,
    stream: bytes,
    buffers: Sequence[memoryview],
    flags: int = 0,
    epoch: int = 0,
    sequence: int = 0,
    sent_at: int = 0,
    shared: Collection[int] = (),
    references: bytes = b"",
) -> list[Frame]:
    """Lay out a message as ``[head, *frames]``; the frames are the given views themselves, nothing large is copied.

    buffers: flat contiguous views of bytes. shared: indices of those that `references` tell of; they get no frame.
    """
    if not buffers:
        return [HEADER.pack(MAGIC, VERSION, codec, flags, len(stream), epoch, sequence, sent_at, 0, 0) + stream]
    if len(buffers) == 1 and (shared or buffers[0].nbytes <= GLUE_EACH):  # as below, in half the time
        length = buffers[0].nbytes
        entry = (_SHARED if shared else _GLUED) | length
        header = _HEADER_AND_ENTRY.pack(
            MAGIC, VERSION, codec, flags, len(stream), epoch, sequence, sent_at, 1, len(references), entry
        )
        return [b"".join((header, references, stream, b"" if shared else buffers[0]))]
    table: list[int] = []
    glued: list[Frame] = []
    frames: list[Frame] = [b""]
    size = 0
    for index, view in enumerate(buffers):
        length = view.nbytes
        padding = -size % _ALIGN
        if shared and index in shared:
            table.append(_SHARED | length)
        elif length <= GLUE_EACH and size + padding + length <= GLUE_TOTAL:
            table.append(_GLUED | length)
            if padding:
                glued.append(_ZEROS[:padding])
            glued.append(view)
            size += padding + length
        else:
            table.append(length)
            frames.append(view)
    header = HEADER.pack(
        MAGIC, VERSION, codec, flags, len(stream), epoch, sequence, sent_at, len(table), len(references)
    )
    frames[0] = b"".join((header, _table(len(table)).pack(*table), references, stream, *glued))
    return frames


def with_flags(head: Frame, flags: int) -> bytes:
    """The same head with other flags."""
    return b"".join((head[:6], flags.to_bytes(2, "little"), head[8:]))


def is_head(frame: Frame) -> bool:
    """Whether this begins as a head does; nothing else is checked."""
    return bytes(frame[:4]) == MAGIC


def unpack(frames: Sequence[memoryview], allow_shared: bool = False) -> Message:
    """Take a message apart. The views that it gives keep the frames' memory alive; glued buffers are a fresh copy.

    frames: flat views of bytes, the head first. allow_shared: False refuses a message that refers to shared memory.
    Raises DecodeError for anything that `pack` does not make: not ours, another version, truncated, surplus frames
    or bytes, a frame of another length than the head says.
    """
    head = frames[0]
    size = len(head)
    if size < HEADER.size:
        raise DecodeError("truncated: a head has 48 bytes or more" if is_head(head) else _NOT_OURS)
    magic, version, codec, flags, stream_length, epoch, sequence, sent_at, count, references_length = _unpack_header(
        head
    )
    if magic != MAGIC:
        raise DecodeError(_NOT_OURS)
    if version != VERSION:
        raise DecodeError(f"wire format version {version}, and this is oobpickle for version {VERSION}")
    if not count:
        if len(frames) != 1 or references_length or size != HEADER.size + stream_length:
            raise DecodeError("truncated or surplus: the message is not as long as its head says")
        return _message(Message, (codec, flags, epoch, sequence, sent_at, head[HEADER.size :], [], _NOTHING))
    references_start = HEADER.size + 8 * count
    stream_start = references_start + references_length
    glued_start = stream_start + stream_length
    if glued_start > size:
        raise DecodeError(f"truncated: the head says {glued_start} bytes or more, and has {size}")
    referring = references_length > 0
    if referring and not allow_shared:
        raise DecodeError("the message refers to shared memory, which this receiver does not accept")
    buffers: list[memoryview | int]
    entry = _entry(head, HEADER.size)[0] if count == 1 and len(frames) == 1 else 0
    if entry == _GLUED | (size - glued_start) and not referring:  # as below, in half the time
        buffers = [memoryview(bytearray(head[glued_start:]))]
    elif entry >> 62 == SHARED and size == glued_start and referring:
        buffers = [entry & _LENGTH]
    else:
        table = _table(count).unpack_from(head, HEADER.size)
        buffers = _buffers(table, head[glued_start:], frames, referring=referring)
    references = head[references_start:stream_start] if referring else _NOTHING
    return _message(
        Message, (codec, flags, epoch, sequence, sent_at, head[stream_start:glued_start], buffers, references)
    )


def _buffers(
    table: tuple[int, ...], glued: memoryview, frames: Sequence[memoryview], *, referring: bool
) -> list[memoryview | int]:
    """A buffer for each entry of the table. First all is checked, then the glued part is copied."""
    buffers: list[memoryview | int] = []
    shared = 0
    starts: list[tuple[int, int]] = []  # of the glued ones: (index, start)
    own = end = 0
    for index, entry in enumerate(table):
        length = entry & _LENGTH
        kind = entry ^ length
        if kind == _GLUED:
            end += -end % _ALIGN
            starts.append((index, end))
            end += length
            buffers.append(length)
        elif kind == _OWN:
            own += 1
            if own >= len(frames) or len(frames[own]) != length:
                raise DecodeError(f"buffer frame {own} is missing, or not of the {length} bytes that the head says")
            buffers.append(frames[own])
        elif kind == _SHARED:
            shared += 1
            buffers.append(length)
        else:
            raise DecodeError("a buffer of an unknown kind")
    if own != len(frames) - 1:
        raise DecodeError(f"{len(frames) - 1 - own} surplus frames")
    if end != len(glued):
        raise DecodeError(f"the head says {end} bytes of glued buffers, and has {len(glued)}")
    if (shared > 0) is not referring:
        raise DecodeError("references to shared memory, and buffers that need them, do not go together")
    if len(starts) == 1:
        buffers[starts[0][0]] = memoryview(bytearray(glued))
    elif starts:
        memory = memoryview(bytearray(glued))
        for index, start in starts:
            buffers[index] = memory[start : start + (table[index] & _LENGTH)]
    return buffers


@lru_cache(maxsize=64)
def _table(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}Q")

"""`dump`, `load`, `iter_file`: messages in files.

A file is a sequence of records, each one message, so that more can be appended. A record is, in little-endian:

    magic     8 bytes, `MAGIC`
    count     u64, the number of frames
    lengths   one u64 a frame
    frames    each preceded by zeros up to a multiple of 64 bytes from the start of the record

and ends with zeros up to such a multiple. docs/wire-format.md has it byte by byte.

Rule: what a file says of lengths is checked against its size before anything is mapped, read or allocated.
"""

import contextlib
import errno
import io
import mmap
import os
import secrets
import stat
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, TypeAlias

from oobpickle.codec import DEFAULT_CODEC, AnyCodec, codec_of
from oobpickle.errors import DecodeError, type_name
from oobpickle.message import dumps, unpack
from oobpickle.wire import Frame

AnyPath: TypeAlias = str | os.PathLike[str]

MAGIC = b"\xf5oobfile"
ALIGN = 64
"""Frames start at multiples of this many bytes: a cache line, and more than any dtype asks for."""

_PREFIX = struct.Struct("<8sQ")
_MAP_NORESERVE = 0x4000  # mmap(2); in the mmap module since Python 3.13
_COPY_ON_WRITE: dict[str, int] = (
    # ACCESS_COPY sets memory aside for every page that could be written, and so refuses a file larger than memory.
    {"flags": mmap.MAP_PRIVATE | _MAP_NORESERVE, "prot": mmap.PROT_READ | mmap.PROT_WRITE}
    if sys.platform == "linux"
    else {"access": mmap.ACCESS_COPY}
)


def dump(obj: Any, file: AnyPath | BinaryIO, *, codec: AnyCodec = DEFAULT_CODEC) -> None:
    """Write obj's message to a file.

    file: a path, which is replaced as a whole or, after any failure, left as it was; or a binary file object, at its
    position (open it with "ab" to append a message). Raises EncodeError (nothing was written) and OSError: then what was
    written at the end of a file is cut off again; elsewhere a file object may hold a part of the record.
    """
    _check(file, "dump(obj, file)", "write")
    frames = dumps(obj, codec=codec)
    if not isinstance(file, (str, os.PathLike)):
        write_frames(frames, file)
        return
    with _naming(file):
        _replace(os.path.realpath(file), frames)


def _replace(path: str, frames: Sequence[Frame]) -> None:
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):  # a device or a pipe is not to be replaced
        with open(path, "wb") as device:
            write_frames(frames, device)
        return
    temporary = f"{path}.{secrets.token_hex(4)}.tmp"
    try:
        with open(temporary, "xb") as new:
            with contextlib.suppress(FileNotFoundError):  # who could not read the old one must not read the new one
                os.chmod(temporary, stat.S_IMODE(os.stat(path).st_mode))
            write_frames(frames, new)
            new.flush()
            os.fsync(new.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def load(file: AnyPath | BinaryIO, *, codec: AnyCodec = DEFAULT_CODEC) -> Any:
    """Rebuild the object of the first message in a file, or of the next one of a file object.

    file: a path: it is mapped, arrays are views of the map, read when touched, writable without changing the file; they
    keep the map alive. Nobody may shorten the file meanwhile (the kernel ends a process that reads past the end);
    replacing it, as `dump` does, is fine. Or a binary file object: it is read into memory, and stands at the next message.
    Raises DecodeError if there is no whole message that this codec takes, and OSError.
    """
    if isinstance(file, (str, os.PathLike)):
        with _named(file):
            frames, _ = _frames(_mapped(file), 0)
            return unpack(frames, codec_of(codec))
    _check(file, "load(file)", "read")
    return unpack(_read(file), codec_of(codec))


def _check(file: Any, call: str, method: str) -> None:
    """Raise TypeError for what is neither a path nor a binary file object."""
    if not isinstance(file, (str, os.PathLike)) and (not hasattr(file, method) or isinstance(file, io.TextIOBase)):
        raise TypeError(f"{call}: file must be a path or a binary file object, not {type_name(file)}")


def iter_file(path: AnyPath, *, codec: AnyCodec = DEFAULT_CODEC) -> Iterator[Any]:
    """Rebuild the objects of all messages in a file, one after the other, as `load` does for the first.

    Raises DecodeError at a record that is damaged or cut off; those before it have been given.
    """
    chosen = codec_of(codec)
    for frames in iter_frames(path):
        with _named(path):
            obj = unpack(frames, chosen)
        yield obj


def iter_frames(path: AnyPath) -> Iterator[list[memoryview]]:
    """The frames of all messages in a file, as views of a map of it. Nothing is decoded. Raises as `iter_file`."""
    with _named(path):
        view = _mapped(path)
    position = 0
    while position < len(view):
        with _named(path):
            frames, position = _frames(view, position)
        yield frames


@contextlib.contextmanager
def _naming(path: AnyPath) -> Iterator[None]:
    """What the system has against a file is told with the name that the user gave it, and not with that of a temporary one."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


@contextlib.contextmanager
def _named(path: AnyPath) -> Iterator[None]:
    """What is wrong with a file is told with its name."""
    try:
        yield
    except DecodeError as error:
        raise DecodeError(f"{os.fspath(path)}: {error}") from error


def _padding(length: int) -> int:
    return -length % ALIGN


def write_frames(frames: Sequence[Frame], file: BinaryIO) -> None:
    """Write a message's frames as one record, at the file's position. Raises OSError, as `dump` does."""
    raw: Any = file
    if isinstance(file, (io.BufferedWriter, io.BufferedRandom)):
        file.flush()
        raw = file.raw  # what a buffer still holds could not be taken back
    with _whole_or_nothing(raw):
        _write(frames, raw)


@contextlib.contextmanager
def _whole_or_nothing(file: BinaryIO) -> Iterator[None]:
    """Cut off what was written at the end of a file when the rest cannot be, so that the next message begins as one."""
    end = None
    if isinstance(file, io.FileIO) and stat.S_ISREG((status := os.fstat(file.fileno())).st_mode):
        at = status.st_size if "a" in file.mode else file.tell()
        end = at if at == status.st_size else None
    try:
        yield
    except BaseException:
        if isinstance(file, io.FileIO) and end is not None:
            with contextlib.suppress(OSError):
                file.truncate(end)
                file.seek(end)
        raise


def _write(frames: Sequence[Frame], file: BinaryIO) -> None:
    lengths = [memoryview(frame).nbytes for frame in frames]
    prefix = _PREFIX.pack(MAGIC, len(frames)) + struct.pack(f"<{len(lengths)}Q", *lengths)
    write: Callable[[memoryview], int | None] = file.write  # None where a file object is not of the io module
    for frame in (prefix, *frames):
        for piece in (memoryview(frame), memoryview(bytes(_padding(len(frame))))):
            rest = piece
            while len(rest):
                taken = write(rest)
                if taken is None:
                    if isinstance(file, io.RawIOBase):  # a non-blocking one that takes nothing now
                        raise BlockingIOError(errno.EAGAIN, "the file would block")
                    break  # it took all that it was given
                rest = rest[taken:]  # a raw file may take less


def _mapped(path: AnyPath) -> memoryview:
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise DecodeError("the file is empty")
        return memoryview(mmap.mmap(file.fileno(), 0, **_COPY_ON_WRITE))


def _frames(view: memoryview, start: int) -> tuple[list[memoryview], int]:
    """The frames of the record at start, and where the next record starts."""
    count = _count(view[start : start + _PREFIX.size])
    position = start + _PREFIX.size
    if count > (len(view) - position) // 8:
        raise DecodeError(_CUT_OFF)
    lengths = struct.unpack_from(f"<{count}Q", view, position)
    position += 8 * count
    frames = []
    for length in lengths:
        position += _padding(position - start)
        if length > len(view) - position:
            raise DecodeError(_CUT_OFF)
        frames.append(view[position : position + length])
        position += length
    end = min(position + _padding(position - start), len(view))
    if not MAGIC.startswith(bytes(view[end : end + len(MAGIC)])):
        raise DecodeError("a message is damaged, or was cut off before others were appended")
    return frames, end


_CUT_OFF = "the file ends within a message"


def _count(prefix: bytes | memoryview) -> int:
    magic = bytes(prefix[: len(MAGIC)])
    if not MAGIC.startswith(magic):
        raise DecodeError(_foreign(magic))
    if len(prefix) < _PREFIX.size:
        raise DecodeError(_CUT_OFF if len(prefix) else "the file has no further message")
    return int(_PREFIX.unpack(prefix)[1])


def _foreign(magic: bytes) -> str:
    if magic.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):  # PROTO
        return "a plain pickle, not a file of oobpickle messages: read it with pickle.load"
    if magic.startswith(b"\x93NUMPY"):
        return "not a file of oobpickle messages: numpy.load reads it"
    return "not a file of oobpickle messages"


def _read(file: BinaryIO) -> list[memoryview]:
    """The frames of the next record, read into memory of our own."""
    count = _count(_exactly(file, _PREFIX.size, whole=False))
    lengths = struct.unpack(f"<{count}Q", _exactly(file, 8 * count))
    position = _PREFIX.size + 8 * count
    frames = []
    for length in lengths:
        _exactly(file, _padding(position))
        frames.append(_exactly(file, length))
        position += _padding(position) + length
    _exactly(file, _padding(position), whole=False)
    return frames


_PIECE = 1 << 24  # read at once: a length that is a lie costs no more memory than the file has bytes


def _exactly(file: BinaryIO, length: int, *, whole: bool = True) -> memoryview:
    """The next length bytes, writable; fewer at the end of the file unless whole."""
    memory = bytearray()
    while len(memory) < length:
        piece = file.read(min(length - len(memory), _PIECE))
        if not piece:
            if whole:
                raise DecodeError(_CUT_OFF)
            break
        memory += piece
    return memoryview(memory)

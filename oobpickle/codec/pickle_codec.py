"""`PickleCodec`: any Python object, between peers that trust each other with code.

Theory of operation. The pickler collects plain arrays for the array table (see arrays.py) and everything else that is
large as buffers in the order of the stream; a buffer so small that it would cost more than its copy stays in-band.
The stream is canonical: PROTO 5 and exactly one FRAME. `pickle.loads(stream, buffers=buffers)` reads it.
"""

import copyreg
import pickle
from collections.abc import Callable, Iterator, MappingView, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from oobpickle import wire
from oobpickle.codec.arrays import MEMO, NO_ARRAYS, TAKE, build_table
from oobpickle.codec.framing import Recording, canonical
from oobpickle.codec.reducers import reducer_for
from oobpickle.codec.reducers.numpy import Array
from oobpickle.codec.whereabouts import path_to
from oobpickle.errors import DecodeError, EncodeError, type_name

SMALL = 32 * 1024
"""Arrays and buffers of fewer bytes are gathered: packed side by side, or left in-band. At this size a frame of its
own and a copy cost the same, about 5 us (benchmarks/small_buffers.py)."""

IN_BAND = 3 * 1024
"""A few arrays, of fewer bytes together, are written into the stream: an entry in the head costs more. So much, since a
stream is to be under 4 KB whatever else is in an object."""

LISTED = "leave it out, or send list(...)"
"""What can be done about what can be listed."""

_NO_MORE = object()
_UNKNOWN = object()


class PickleCodec:
    """Encodes any picklable object. Decoding runs code that the sender chose: only for peers that you trust.

    small: arrays and buffers of fewer bytes are copied, several into one buffer. 0 gathers nothing.
    Immutable; may be used from several threads.
    """

    number = wire.PICKLE
    """What names this codec in a header."""

    __slots__ = ("_idle", "_small")

    def __init__(self, *, small: int = SMALL) -> None:
        self._small = small
        self._idle: list[CodecPickler] = []  # to make a pickler costs more than a small dump

    def encode(self, obj: Any) -> tuple[bytes, list[memoryview]]:
        """Encode obj as (stream, buffers): the buffers are flat views of obj's own memory, or of gathered copies.

        They are read-only where obj's memory is. While they live, a ``bytearray`` of obj cannot be resized.
        Raises EncodeError with the value at fault and where it sits.
        """
        try:
            pickler = self._idle.pop()
        except IndexError:
            pickler = CodecPickler(self._small)
        pickler.start()
        try:
            pickler.dump(obj)
        except MemoryError:
            raise
        except Exception as error:
            raise _encode_error(obj, pickler.last(), error) from error
        opcodes, buffers, arrays = pickler.finish()
        self._idle.append(pickler)
        if not arrays:
            return canonical(NO_ARRAYS, opcodes), buffers
        try:
            prefix, table_buffers = build_table(arrays, self._small, min(IN_BAND, self._small))
        except MemoryError:
            raise
        except Exception as error:
            raise _encode_error(obj, _with_bad_dtype(arrays), error) from error
        return canonical(prefix, opcodes), table_buffers + buffers

    def decode(self, stream: bytes | memoryview, buffers: Sequence[Any]) -> Any:
        """Rebuild the object on the buffers, which it keeps alive. Raises DecodeError, whatever goes wrong."""
        rest = iter(buffers)
        try:
            obj = pickle.loads(stream, buffers=rest)
        except MemoryError:
            raise
        except Exception as error:
            raise DecodeError(f"the stream does not load: {type_name(error)}: {error}") from error
        if next(rest, _NO_MORE) is not _NO_MORE:
            raise DecodeError("the message has more buffers than its stream asks for")
        return obj


class CodecPickler(pickle.Pickler):
    """Dumps one object at a time; a failed one is thrown away. No cycle leads back here: it would hold buffers."""

    reducer_override: Any  # a closure: a method takes half as long again, for each of 10,000 arrays

    def __init__(self, small: int) -> None:
        self._recording = recording = Recording(small)
        super().__init__(recording, 5, buffer_callback=recording.keep)
        self.memo = MEMO
        self._arrays: list[Array] = []  # the plain arrays of the object
        self._looked_at: list[Any] = []  # all else that pickle asked about, for errors
        self._plain: type | None = np.ndarray
        self.reducer_override = self._reducing(np.ndarray)

    def start(self) -> None:
        """Begin: look whether the user has a reducer for arrays."""
        plain = None if np.ndarray in copyreg.dispatch_table else np.ndarray
        if plain is not self._plain:
            self._plain = plain
            self.reducer_override = self._reducing(plain)

    def finish(self) -> tuple[bytes, list[memoryview], list[Array]]:
        """The opcodes, the buffers, and the arrays that go into a table; forgets the object."""
        self.memo = MEMO
        arrays = self._arrays[:]
        self._arrays.clear()
        self._looked_at.clear()
        return *self._recording.take(), arrays

    def last(self) -> Any:
        """What pickle asked about last."""
        return self._looked_at[-1] if self._looked_at else _UNKNOWN

    def _reducing(self, plain: type | None) -> Callable[[Any], Any]:
        """What pickle asks about each object but those that have opcodes of their own; see pickle.Pickler."""
        take, looked_at = self._arrays.append, self._looked_at

        def reducer_override(obj: Any) -> Any:
            cls: Any = type(obj)
            if cls is plain and not obj.dtype.hasobject:
                take(obj)
                return TAKE
            looked_at[:] = (obj,)
            reducer = reducer_for(cls)
            return NotImplemented if reducer is None or cls in copyreg.dispatch_table else reducer(obj)

        return reducer_override


def _with_bad_dtype(arrays: list[Array]) -> Any:
    """The first array whose dtype cannot be pickled, which is what can be wrong with one."""
    for a in arrays:
        try:
            pickle.dumps(a.dtype)
        except Exception:  # noqa: BLE001 - whatever it is, it was raised before
            return a
    return _UNKNOWN


def can_be_listed(obj: Any) -> bool:
    """Whether it is an iterator or a view of the language's own: a generator, a map, the keys of a dict."""
    return isinstance(obj, (Iterator, MappingView)) and type(obj).__module__ in ("builtins", "itertools")


def _encode_error(obj: Any, last: Any, error: Exception) -> EncodeError:
    if isinstance(error, RecursionError):
        return EncodeError("nested too deeply for pickle", advice="flatten it, or raise sys.setrecursionlimit")
    # pickle refuses a PickleBuffer without asking us about it, so the last object that it looked at is another.
    if last is _UNKNOWN or str(error).startswith("PickleBuffer "):
        return EncodeError(str(error))
    if isinstance(last, (FunctionType, type)):
        advice = "define it in a module: only functions and classes that can be imported by name travel"
    else:
        advice = LISTED if can_be_listed(last) else "leave it out, or give its class a __reduce__"
    return EncodeError(str(error), type_name=type_name(last), path=path_to(obj, last), advice=advice)

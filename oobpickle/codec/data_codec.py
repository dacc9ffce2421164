"""`DataCodec`: plain data, arrays, tables and registered classes; safe to decode from anyone.

Rule 1: whatever is decoded, no code of the peer's choice runs, and DecodeError is all that comes out.
Rule 2: what the encoder lets out, a receiver with the same limits, libraries and registrations takes: it scans what it
has made as the receiver will.

Theory of operation. Each type has a reducer to a rebuilder and plain arguments; a type that has none is refused, by name.
Plain arrays are in the table at the start of the stream (arrays.py). The stream is an ordinary pickle of protocol 5 in
its one canonical form, so that pickle.loads reads it too, where oobpickle can be imported.

To decode: the scan (scan.py) runs the stream on weights. Then CPython's unpickler loads it, with a dictionary for
find_class, and rebuilders that check their arguments. Rebuilders may copy and read through no more than a multiple of the
message (allowance.py).

Streams repeat: same shapes, same dtypes, same keys. Of a stream that was decoded before, with buffers of the same
lengths, neither the scan nor the checks of its table say anything new, and both are left out. Most name nothing but the
table, and then nothing is left for a find_class to look up: such a stream is kept with NEXT_BUFFER in place of the name.
"""

import copyreg
import pickle
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from operator import attrgetter
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from oobpickle import wire
from oobpickle.codec import allowance, registry
from oobpickle.codec.arrays import ARRAY_TABLE, NO_ARRAYS, TAKE, build_table
from oobpickle.codec.blame import smallest
from oobpickle.codec.framing import PROTO_5, canonical
from oobpickle.codec.kept import Kept
from oobpickle.codec.pickle_codec import LISTED, SMALL, CodecPickler, can_be_listed
from oobpickle.codec.reducers.numpy import Array, array_table
from oobpickle.codec.reducers.numpy_values import reduce_with_objects, told
from oobpickle.codec.registry import Registry
from oobpickle.codec.scan import Verdict, scan
from oobpickle.codec.shortcuts import START
from oobpickle.codec.vocabulary import LIBRARIES, Rebuilder, Vocabulary
from oobpickle.errors import DecodeError, EncodeError, type_name
from oobpickle.limits import DEFAULT, Limits

_NEXT_BUFFER, _POP = b"\x97", b"0"
_nbytes = attrgetter("nbytes")
_itemsize = attrgetter("itemsize")
_ndim = attrgetter("ndim")
_kind = attrgetter("dtype.kind")
_TIMES = frozenset("mM")


class _Known(NamedTuple):
    """A stream that was decoded, with buffers of these lengths.

    nameless: the same for `pickle.loads`, without a name that could be looked up: it takes the table as its first buffer. None: it
    has names, or was not seen again so far.
    """

    verdict: Verdict
    lengths: tuple[int, ...]
    nameless: bytes | None = None


def _without_name(stream: bytes, verdict: Verdict) -> bytes:
    body = stream[START:]  # without FRAME, which is as long as the stream was
    # If there is no table: NEXT_BUFFER in vain, POP.
    return PROTO_5 + _NEXT_BUFFER + (body.removeprefix(ARRAY_TABLE) if verdict.plain else _POP + body)


class DataCodec:
    """Encodes plain data, numpy arrays, tables of the libraries, and registered classes. Safe to decode from anyone.

    docs/security.md says what safe means. It carries None, bool, int, float, complex, str, bytes, bytearray, memoryview,
    list, tuple, dict, set, frozenset, range, slice, Ellipsis; arrays of every dtype, numpy scalars and dtypes; dates, times
    and time zones; Decimal, Fraction, UUID, paths, IP addresses; OrderedDict, defaultdict, deque, Counter, array.array; and
    what the libraries' modules in oobpickle.codec.reducers list. Shared references survive, and cycles through lists and dicts.

    limits: the bounds of both directions. types: classes that may travel, a `Registry`, or None for those that
    `oobpickle.register` was given. libraries: those whose types may travel; each is imported when the first message needs
    it. small: arrays and buffers of fewer bytes are copied, several into one buffer.
    Immutable; may be used from several threads.
    """

    number = wire.DATA
    """What names this codec in a header."""

    __slots__ = ("_idle", "_kept", "_limits", "_small", "_vocabulary")

    def __init__(
        self,
        *,
        limits: Limits = DEFAULT,
        types: Registry | Iterable[type] | None = None,
        libraries: Iterable[str] = LIBRARIES,
        small: int = SMALL,
    ) -> None:
        own = registry.DEFAULT if types is None else types if isinstance(types, Registry) else Registry(types)
        self._limits = limits
        self._small = small
        self._vocabulary = Vocabulary(own, libraries)
        self._kept: Kept[_Known] = Kept()
        self._idle: list[_DataPickler] = []  # to make a pickler costs more than a small dump

    def encode(self, obj: Any) -> tuple[bytes, list[memoryview]]:
        """Encode obj as (stream, buffers): the buffers are flat views of obj's own memory, or of gathered copies.

        They are read-only where obj's memory is. While they live, a ``bytearray`` of obj cannot be resized.
        Raises EncodeError with the value that cannot be carried, or that meets a limit, and where it sits.
        """
        try:
            return self._encode(obj)
        except (EncodeError, DecodeError) as error:
            part, path, reason = smallest(obj, self._failure, self._vocabulary.carries, error)
            text = getattr(reason, "reason", str(reason))
            advice = _advice(part) if text == _NOT_CARRIED else getattr(reason, "advice", "")
            advice = advice or "leave it out, or raise that limit at both ends"
            raise EncodeError(text, type_name=type_name(part), path=path, advice=advice) from error

    def decode(self, stream: bytes | memoryview, buffers: Sequence[Any]) -> Any:
        """Rebuild the object on the buffers, which it keeps alive. Raises DecodeError, whatever goes wrong.

        The stream is copied before it is looked at, unless it is bytes. Arrays are views of the buffers.
        """
        if type(stream) is not bytes:
            stream = bytes(stream)
        for buffer in buffers:
            if type(buffer) is not memoryview:
                buffers = [memoryview(buffer).cast("B") for buffer in buffers]
                break
        lengths = tuple(map(_nbytes, buffers))
        known = self._kept.get(stream)
        if known is None:
            verdict = scan(stream, self._vocabulary.rules, self._limits)
        elif known.lengths == lengths:
            if known.nameless is None:
                if known.verdict.nameless:
                    self._kept.keep(stream, known._replace(nameless=_without_name(stream, known.verdict)))
                return self._load(stream, buffers, known.verdict, known=True)
            try:
                return pickle.loads(known.nameless, buffers=(array_table, *buffers))
            except Exception as error:
                raise _refusal(error) from error
        else:
            verdict = known.verdict
        if len(lengths) != verdict.buffers:
            raise DecodeError(f"{len(lengths)} buffers came, and the stream takes {verdict.buffers}")
        obj = self._load(stream, buffers, verdict, known=False)
        self._kept.keep(stream, _Known(verdict, lengths))
        return obj

    def _load(self, stream: bytes, buffers: Sequence[memoryview], verdict: Verdict, *, known: bool) -> Any:
        """Load a stream that was scanned. known: it was loaded before, with buffers of these lengths."""
        words = self._vocabulary
        unpickler = _DataUnpickler(BytesIO(stream), buffers=buffers)
        unpickler.rebuilders = words.known if known else words.plain if verdict.plain else words.rebuilders
        try:
            if known and verdict.sure:
                return unpickler.load()
            before = allowance.begin(self._limits, len(stream) + sum(map(_nbytes, buffers)), verdict.arrays)
            try:
                return unpickler.load()
            finally:
                allowance.end(before)
        except DecodeError:
            raise
        except Exception as error:
            raise _refusal(error) from error

    def _encode(self, obj: Any) -> tuple[bytes, list[memoryview]]:
        try:
            pickler = self._idle.pop()
        except IndexError:
            pickler = _DataPickler(self._small, self._vocabulary)
        try:
            pickler.dump(obj)
            opcodes, buffers, arrays = pickler.finish()
            self._idle.append(pickler)
            if arrays:
                prefix, table_buffers = build_table(arrays, self._small)
                buffers = table_buffers + buffers
            else:
                prefix = NO_ARRAYS
        except (MemoryError, EncodeError):
            raise
        except RecursionError as error:
            raise EncodeError(
                "nested too deeply for pickle, or a cycle through something else than lists and dicts",
                advice="flatten it, or raise sys.setrecursionlimit",
            ) from error
        except Exception as error:
            raise EncodeError(str(error)) from error
        stream = canonical(prefix, opcodes)
        lengths = tuple(map(_nbytes, buffers))
        known = self._kept.get(stream)
        if known is None or known.lengths != lengths:
            try:
                verdict = scan(stream, self._vocabulary.rules, self._limits)
            except DecodeError:
                for array in arrays:
                    told(array.dtype)  # has the better word for a dtype that is not carried
                raise
            if not verdict.sure or (arrays and not (verdict.plain and self._within(arrays))):
                self._load(stream, buffers, verdict, known=False)
            self._kept.keep(stream, _Known(verdict, lengths))
        return stream, buffers

    def _within(self, arrays: list[Array]) -> bool:
        """Whether arrays are within what a plain table can still meet: limits, and units of time that no receiver takes."""
        limits = self._limits
        return (
            max(map(_itemsize, arrays)) <= limits.itemsize
            and max(map(_ndim, arrays)) <= limits.dimensions
            and _TIMES.isdisjoint(map(_kind, arrays))
        )

    def _failure(self, obj: Any) -> Exception | None:
        try:
            self._encode(obj)
        except (EncodeError, DecodeError) as error:
            return error
        return None


class _DataPickler(CodecPickler):
    """Dumps one object at a time, of types that the vocabulary has."""

    def __init__(self, small: int, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        super().__init__(small)

    def _reducing(self, plain: type | None) -> Callable[[Any], Any]:
        take = self._arrays.append
        find, reducer_for, rebuilders = (
            self._vocabulary.reducers.get,
            self._vocabulary.reducer_for,
            self._vocabulary.functions,
        )

        def reducer_override(obj: Any) -> Any:
            cls: Any = type(obj)
            if cls is plain:
                if not obj.dtype.hasobject:
                    take(obj)
                    return TAKE
                return reduce_with_objects(obj)
            if cls is np.memmap:
                take(obj.view(np.ndarray))
                return TAKE
            if cls is FunctionType and obj in rebuilders:
                return NotImplemented  # pickled by its name
            reducer = find(cls) or reducer_for(cls)
            if reducer is None:
                raise EncodeError(_NOT_CARRIED)
            return reducer(obj)

        return reducer_override


_NOT_CARRIED = "the data codec does not carry this type"


def _advice(obj: Any) -> str:
    """What can be done about an object whose type is not carried: nothing that would fail in its turn."""
    cls = type(obj)
    if can_be_listed(obj):
        return LISTED
    try:
        if isinstance(obj, (FunctionType, type)):
            pickle.dumps(obj)  # by its name
        elif cls not in copyreg.dispatch_table:
            obj.__reduce_ex__(5)  # of what is in it, which may be gigabytes, nothing is pickled
    except Exception:  # noqa: BLE001 - whatever it is, the pickle codec would fail with it
        if isinstance(obj, (FunctionType, type)):
            return 'leave it out (codec="pickle" carries functions and classes that can be imported by name)'
        return 'leave it out (codec="pickle" does not carry it either)'
    try:
        registry.check_class(cls)
        first = "oobpickle.register its class"
    except ValueError:
        first = "leave it out"
    return f'{first}, or use codec="pickle" between peers that trust each other with code'


def _refusal(error: Exception) -> DecodeError:
    """What to raise for what came out of a rebuilder. A ValueError is its way to say what is wrong."""
    return DecodeError(str(error) if type(error) is ValueError and error.args else f"{type_name(error)}: {error}")


class _DataUnpickler(pickle.Unpickler):
    """Loads a stream that was scanned."""

    __slots__ = ("rebuilders",)  # to make one with a __dict__ takes longer than the load of a small message
    rebuilders: dict[tuple[str, str], Rebuilder]

    def find_class(self, module: str, name: str) -> Any:
        return self.rebuilders[module, name]

"""`explain`: where each byte of an object goes when it is sent, and why.

Rule 1: it tells what happened, not what should. The object is encoded as `dumps` does it; the ledger is read from the frames.
Rule 2: frames are only read. Nothing in them is loaded, and no name in them is looked up.

Theory of operation. Which bytes are which value's, the stream tells: its outline has where each buffer and each large value
sits. Whether a buffer is the object's own memory is seen by encoding it twice and keeping both results: memory that was
there before is at the same address both times, and what was made for the message cannot be. So what a class copies when
it is pickled counts as copied too, and gathered arrays need no second guess.
"""

import sys
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from oobpickle import wire
from oobpickle.codec import DEFAULT_CODEC, AnyCodec, codec_of
from oobpickle.errors import type_name
from oobpickle.inspection.contents import Contents, codec_name, columns_at, type_at
from oobpickle.inspection.ledger import Entry, Item, Ledger, Way
from oobpickle.inspection.opcodes import NAMES
from oobpickle.inspection.places import MISSING, Place
from oobpickle.inspection.values import Value
from oobpickle.lanes.shared import loans

WORTH_ADVICE = 32 * 1024
"""Bytes of a copy from which it is worth a thought."""


def explain(obj: Any, *, codec: AnyCodec = DEFAULT_CODEC) -> Ledger:
    """Tell where each byte of obj goes when it is sent: in-band, as a view, as a copy; and why.

    obj: any object that codec takes; or the frames of a message, a list that begins with a head (what `dumps` gives or a
    socket received): these are read and never loaded, and codec has no meaning. An object is encoded twice, without
    being sent, and both results are held meanwhile.
    Gives a `Ledger`, which prints well. Raises EncodeError as `dumps` does; DecodeError for frames that are no message.
    """
    if isinstance(obj, (list, tuple)) and obj and _is_head(obj[0]):
        return _ledger([_flat(frame) for frame in obj], None)
    chosen = codec_of(codec)
    stream, buffers = chosen.encode(obj)
    frames = wire.pack(chosen.number, stream, buffers)
    again = chosen.encode(obj)[1]
    places = set(map(_address, again))
    own = [_address(buffer) in places for buffer in buffers]
    shared = [loans.state(buffer) for buffer in buffers]
    return _ledger([memoryview(frame) for frame in frames], _Sender(obj, own, shared))


class _Sender(NamedTuple):
    """What is known at the sending side. own: for each buffer, whether it is memory that was there before; shared: whether
    that is shared memory.
    """

    obj: Any
    own: Sequence[bool]
    shared: Sequence[loans.State]


def _ledger(frames: list[memoryview], sender: _Sender | None) -> Ledger:
    message = wire.unpack(frames, allow_shared=True)
    contents = Contents(message.stream, MISSING if sender is None else sender.obj)
    entries = [*_stream_entries(contents), *_buffer_entries(frames, message, contents, sender)]
    in_head = sum(entry.nbytes for entry in entries if entry.frame == 0)
    whole = (Item("obj", "", "header, table of buffers"),)
    entries.insert(0, Entry("header", len(frames[0]) - in_head, whole, "", 0))
    return Ledger(codec_name(message.codec), tuple(map(len, frames)), tuple(entries))


def _stream_entries(contents: Contents) -> list[Entry]:
    read = contents.outline
    if read.problem is not None:
        item = Item("obj", "", "a stream that is no pickle", len(read.stream))
        return [Entry("in-band", len(read.stream), (item,), str(read.problem), 0)]
    entries = []
    for value in sorted(read.large, key=lambda value: value.opcode.at):
        items = contents.in_band(value)
        why, advice = _SMALL, ""
        if not items:
            place = contents.places.of(value)
            items = (Item(place.path, type_at(value, place), columns_at(place) + _count(value), value.size),)
            why, advice = _why_in_band(value, place)
        entries.append(Entry("in-band", value.size, items, why, 0, advice=advice))
    rest = Item("obj", "", "structure, small values", read.rest)
    return [*entries, Entry("in-band", read.rest, (rest,), "", 0)]


def _buffer_entries(
    frames: list[memoryview], message: wire.Message, contents: Contents, sender: _Sender | None
) -> list[Entry]:
    entries = []
    numbers = {id(frame): number for number, frame in enumerate(frames)}
    for index, buffer in enumerate(message.buffers):
        nbytes = buffer if isinstance(buffer, int) else buffer.nbytes
        items = contents.items(index) or (Item("obj", "", "a buffer", nbytes),)
        where = [contents.places.of(part.value) for part in contents.parts(index)]
        frame = None if isinstance(buffer, int) else numbers.get(id(buffer), 0)
        known = (None, "") if sender is None else (sender.own[index], sender.shared[index])
        way, why, advice = _how(frame, where, *known)
        entries.append(Entry(way, nbytes, items, why, frame, index, advice if nbytes >= WORTH_ADVICE else ""))
    return entries


def _how(frame: int | None, places: list[Place], own: bool | None, shared: loans.State) -> tuple[Way, str, str]:
    """How a buffer travels, why, and what to do about it. places: of what stands on it. own: None: it is not known."""
    if shared == "shared":
        return "shared reference", _SHARED, ""
    if frame is None:
        return "shared reference", "the bytes stay in the sender's shared memory", ""
    if own is None:
        return "out-of-band", "in the head, since it is small" if frame == 0 else "a frame of its own", ""
    if frame == 0:
        return (
            "gathered copy",
            _GLUED if len(places) < 2 or own else f"{_GATHERED}; together small enough for the head",
            "",
        )
    if own and shared == "written":
        return "view", _WRITTEN, ""
    if own:
        return "view", _OVERLAP if len(places) > 1 else _VIEW, ""
    if len(places) > 1:
        return "gathered copy", _GATHERED, ""
    place = places[0] if places else Place("obj", MISSING, exact=False)
    if place.exact and isinstance(place.found, np.ndarray) and _has_gaps(place.found):
        return "gathered copy", _GAPS, _CLOSE_GAPS.format(place.path)
    name = type_name(place.found) if place.found is not MISSING else "its class"
    return "gathered copy", f"{name} makes it anew each time it is pickled, or it has gaps in memory", ""


_SMALL = "a small array: in the stream it costs less than as a buffer"
_VIEW = "the object's own memory: nothing is copied"
_SHARED = "it lies in shared memory: where the lane is shared only a reference travels, elsewhere a frame"
_WRITTEN = "it came by shared memory and was written to: what was written is this process's alone, so it is copied"
_OVERLAP = "views of one array that overlap: the memory under them goes once, and they share it on arrival"
_GATHERED = "small values side by side: a buffer each would cost more than the copy"
_GLUED = f"no more than {wire.GLUE_EACH // 1024} KB: copied into the head, a frame of its own would cost more"
_GAPS = "its elements have gaps between them in memory, so they are gathered"
_CLOSE_GAPS = (
    "{0}: send the whole array that it is a view of, or make it without gaps where it is made, "
    "if it is sent more than once: {0} = np.ascontiguousarray({0})"
)


def _why_in_band(value: Value, place: Place) -> tuple[str, str]:
    found = place.found
    large = value.size >= WORTH_ADVICE
    if value.kind == "atom" and "UNICODE" in NAMES[value.opcode.code]:
        return "text has no buffer that could travel beside the stream", (
            f"{place.path}: as bytes, {place.path}.encode(), it would be a buffer"
            if value.size > 1 << 16 and place.exact
            else ""
        )
    if value.kind == "atom":
        return "bytes of less than 64 KB stay in the stream: there they cost less than as a buffer", ""
    if isinstance(found, np.ndarray) and found.dtype.hasobject:
        return "an array of Python objects has no memory of its own to travel: they go one by one", (
            f"{place.path}: dtype {found.dtype} travels value by value; a dtype of fixed size would be a buffer"
            if large
            else ""
        )
    if large and value.kind == "list" and (advice := _of_columns(place.columns or (place,))):
        return "Python values, one by one", advice
    numbers = place.exact and isinstance(found, (list, tuple)) and _numbers(found)
    return "Python values, one by one", (
        f"{place.path}: {len(found):,} numbers in a {type(found).__name__}; as np.array({place.path}) they would be a buffer"
        if numbers and large
        else ""
    )


def _of_columns(places: Sequence[Place]) -> str:
    """What to do about columns of Python objects; "" if these are none."""
    by_advice: dict[str, list[str]] = {}
    for place in places:
        if advice := _of_column(place.found):
            by_advice.setdefault(advice, []).append(place.path)
    return "; ".join([f"{_listed(paths)}: {advice}" for advice, paths in by_advice.items()])


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return f"{', '.join(paths[:3])}{more}"


def _of_column(found: Any) -> str:
    pandas: Any = sys.modules.get("pandas")  # where it is not imported there are no columns
    if pandas is None or type(found) not in (pandas.Series, pandas.Index):
        return ""
    if pandas.api.types.infer_dtype(found, skipna=True) == "string":
        return _TEXTS
    if found.dtype != object:  # it is of a dtype that is in-band for other reasons: a category of objects
        return ""
    return _OBJECTS if found.infer_objects().dtype == object else _NUMBERS


_TEXTS = 'Python strings; with .astype("string[pyarrow]"), or "category" if few differ, they would be buffers'
_NUMBERS = "numbers or times as Python objects; with .infer_objects() they would be a buffer"
_OBJECTS = "Python objects; numbers, times and string[pyarrow] in columns of their own would be buffers"


def _numbers(values: Sequence[Any]) -> bool:
    return all(type(value) in (int, float) for value in islice(values, 1000))


def _has_gaps(a: "np.ndarray[Any, Any]") -> bool:
    axes = sorted(range(a.ndim), key=lambda axis: -a.strides[axis])
    return not a.transpose(axes).flags.c_contiguous


def _count(value: Value) -> str:
    return f"{value.count:,} values" if value.kind in {"list", "dict", "tuple", "set"} else ""


def _address(buffer: memoryview) -> tuple[int, int]:
    flat = np.frombuffer(buffer, np.uint8)
    return int(flat.__array_interface__["data"][0]), flat.nbytes


def _is_head(frame: Any) -> bool:
    try:
        view = memoryview(frame)
    except (TypeError, ValueError):  # no buffer; of a dtype that no buffer can tell of
        return False
    return view.c_contiguous and view.nbytes >= len(wire.MAGIC) and wire.is_head(view.cast("B")[: len(wire.MAGIC)])


def _flat(frame: Any) -> memoryview:
    return memoryview(frame).cast("B")

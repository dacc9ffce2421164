"""The contents of a stream, put together: its outline, where its values sit, and what stands on each of its buffers."""

from collections.abc import Iterator

from oobpickle import wire
from oobpickle.errors import type_name
from oobpickle.inspection.ledger import Item
from oobpickle.inspection.opcodes import NAMES
from oobpickle.inspection.outline import outline
from oobpickle.inspection.placement import Part, as_shape, parts_of
from oobpickle.inspection.places import FRAME, MISSING, Place, Places
from oobpickle.inspection.values import Value, arguments_of, called

_OBJECTS = "oobpickle.codec.reducers.numpy_values.rebuild_objects"
_OF_PANDAS = "oobpickle.codec.reducers.pandas.rebuild_"
_RANGE = f"{_OF_PANDAS}range"
_FAR = 50  # values in each other from an array to its DataFrame: the ends of intervals that are its categories are 16


class Contents:
    """The contents of a stream; obj: the object that it is of, if that is at hand.

    outline, places: of the stream.
    """

    def __init__(self, stream: memoryview, obj: object = MISSING) -> None:
        self.outline = outline(stream)
        self.places = Places(self.outline, obj)
        self._parts: list[list[Part]] = [[] for _ in self.outline.buffers]
        self._in_band: dict[int, list[Part]] = {}  # by the id of the value that has the bytes
        self._shapes: dict[int, tuple[int, ...] | None] = {}  # by the id of the value that an array is
        if self.outline.problem is None:
            for part in parts_of(self.outline):
                self._shapes[id(part.value)] = part.shape
                if part.buffer is not None:
                    self._parts[part.buffer].append(part)
                elif part.stored is not None:
                    self._in_band.setdefault(id(part.stored), []).append(part)

    def in_band(self, value: Value) -> tuple[Item, ...]:
        """What stands on bytes that a value of the stream has; nothing for values that are what they are."""
        return tuple(map(self.item, self._in_band.get(id(value), ())))

    def arrays_in_band(self) -> Iterator[Part]:
        """All that stands on bytes of the stream."""
        for parts in self._in_band.values():
            yield from parts

    def parts(self, buffer: int) -> list[Part]:
        """What stands on a buffer: nothing when the stream does not take it, or makes no sense."""
        return self._parts[buffer] if buffer < len(self._parts) else []

    def items(self, buffer: int) -> tuple[Item, ...]:
        """The same, for people."""
        return tuple(map(self.item, self.parts(buffer)))

    def item(self, part: Part) -> Item:
        """One of them."""
        place = self.places.of(part.value)
        shape = "" if part.shape is None else str(part.shape)
        plain = part.shape is not None and place.found is MISSING
        kind = "numpy.ndarray" if plain else type_at(part.value, place)
        return Item(place.path, kind, f"{columns_at(place)}{part.dtype} {shape}".strip(), part.nbytes)

    def frame_of(self, value: Value) -> Value | None:
        """The DataFrame that a value is, or is in, if it is not far up: a stranger's stream may be of any depth."""
        frame: Value | None = value
        for _ in range(_FAR):
            if frame is None or called(frame) == FRAME:
                return frame
            frame = frame.parent
        return None

    def frame(self, frame: Value) -> str:
        """A DataFrame for people, with its rows and columns as far as the stream tells."""
        blocks, index = (*arguments_of(frame), None, None)[:2]
        shapes = list(map(self._block, blocks.items)) if blocks is not None and blocks.kind == "tuple" else []
        if not shapes or None in shapes:
            return "DataFrame"
        columns = sum(shape[0] for shape in shapes if shape)
        rows = next((shape[1] for shape in shapes if shape and len(shape) > 1), None)
        if rows is None and index is not None and called(index) == _RANGE:
            rows = self._length(index)
        return f"DataFrame {'?' if rows is None else rows} x {columns}"

    def _block(self, block: Value) -> tuple[int, ...] | None:
        """(columns, rows) of a block, or (1,) of an extension array; None if it is not known."""
        if block.kind != "tuple" or not block.items:
            return None
        values = block.items[0]
        shape = self._shapes.get(id(values))
        if called(values) == _OBJECTS:
            shape = as_shape(self.outline.literal(arguments_of(values)[1])) if len(arguments_of(values)) > 1 else None
        if shape is None and called(values).startswith(_OF_PANDAS):
            return (1,)
        return shape if shape is not None and len(shape) == 2 else None

    def _length(self, index: Value) -> int | None:
        """How many labels a RangeIndex has."""
        numbers = [self.outline.literal(number) for number in arguments_of(index)[:3]]
        if len(numbers) < 3 or not all(type(number) is int for number in numbers) or not numbers[2]:
            return None
        start, stop, step = numbers
        length = as_shape((max(0, -((start - stop) // step)),))
        return length[0] if length else None


def columns_at(place: Place) -> str:
    """What to say first of something in several columns of a table; "" of all else."""
    return f"{len(place.columns):,} columns " if place.columns else ""


def codec_name(number: int) -> str:
    """The name of a codec, by its number in a header."""
    return {wire.PICKLE: "pickle", wire.DATA: "data"}.get(number, f"number {number}")


def type_at(value: Value, place: Place) -> str:
    """The type at a place; what the stream says of it when the object is not at hand."""
    if place.found is not MISSING:
        return type_name(place.found)
    if value.kind == "call" and value.of.kind == "name":
        return value.of.text.removeprefix("builtins.").removeprefix("oobpickle.codec.reducers.")
    if value.kind != "atom":
        return value.kind
    name = NAMES[value.opcode.code]
    kinds = (("UNICODE", "str"), ("BYTEARRAY", "bytearray"), ("BYTES", "bytes"), ("FLOAT", "float"), ("INT", "int"))
    return next((kind for part, kind in kinds if part in name), "int")

"""Where the values of an outline sit in the object, as expressions on ``obj``.

Rule: no code of the object's classes runs, and a path is only given as far as it is real: what a class makes when it is
pickled (the arguments of its ``__reduce__``, an odd state) sits, for us, in the object of that class.
"""

import sys
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from oobpickle.codec.whereabouts import attributes, short
from oobpickle.inspection.values import ITEM, KEY, STATE, UNKNOWN, Outline, Value, called

MISSING: Any = object()
"""Stands for an object that is not at hand."""

LONGEST = 300
"""Characters of a path that are kept; a deeper one loses its end, and is marked."""


FRAME = "oobpickle.codec.reducers.pandas.rebuild_frame"
"""What a DataFrame is a call of. By name: whoever looks at a stream need not have pandas."""

_SERIES = "oobpickle.codec.reducers.pandas.rebuild_series"
_PARTS = {FRAME: ("blocks", "index", "columns", "attrs"), _SERIES: ("values", "index", "name", "attrs")}
_CLASSES = {FRAME: "DataFrame", _SERIES: "Series"}
_COLUMNS = 1000  # of a block that are told apart
_NAMES = 40  # characters of column names in a path


class Place(NamedTuple):
    """Where a value is. found: the object there, or MISSING. exact: it is that object, not something in it.

    columns: of something in several columns of a DataFrame, the places of these.
    """

    path: str
    found: Any
    exact: bool
    columns: "tuple[Place, ...]" = ()


class Places:
    """The places of an outline's values; obj: the object that the stream is of, if it is at hand."""

    def __init__(self, outline: Outline, obj: Any = MISSING) -> None:
        self._outline = outline
        self._known: dict[int, tuple[Place, str]] = {}  # by the value's id; the text: what its children are to it
        self._labels: dict[int, Sequence[Any] | None] = {}  # of a DataFrame's columns, by the id of its blocks
        if outline.root is not None:
            self._known[id(outline.root)] = Place("obj", obj, exact=True), ""

    def of(self, value: Value) -> Place:
        """The value's place; of one that is in nothing, somewhere in the whole."""
        chain = [value]
        while id(chain[-1]) not in self._known and chain[-1].parent is not None:
            chain.append(chain[-1].parent)
        self._known.setdefault(id(chain[-1]), (Place("obj", MISSING, exact=False), ""))
        while len(chain) > 1:
            parent = chain.pop()
            self._known[id(chain[-1])] = self._step(parent, chain[-1])
        return self._known[id(value)][0]

    def _step(self, parent: Value, value: Value) -> tuple[Place, str]:
        place, role = self._known[id(parent)]
        kind, detail = value.step
        near = place._replace(exact=False)
        if role == "arguments":
            call = called(parent.parent)
            if call in _PARTS and kind == ITEM and detail < len(_PARTS[call]) and _is_pandas(place.found, call):
                return _of_pandas(near, _PARTS[call][detail])
            return self._field(near, kind, detail), ""
        if role == "blocks":
            return self._block(near, parent, value), ""
        if role == STATE:
            if kind == ITEM:  # (the __dict__, the slots)
                return near, STATE
            name = self._outline.literal(detail) if kind == KEY else None
            return (_attribute(near, name) if isinstance(name, str) else near), ""
        if not place.exact:
            return near, ""
        if kind == STATE:
            return near, STATE if value.kind in {"dict", "tuple"} else ""
        if kind == ITEM and parent.kind != "set":
            return _element(place, detail), ""
        if kind == KEY:
            return _under(place, self._outline.literal(detail)), ""
        return near, "arguments" if value is parent.given else ""

    def _field(self, near: Place, kind: str, index: Any) -> Place:
        """An argument of a class: of a named tuple's, the field of that number."""
        names = getattr(type(near.found), "_fields", ())
        if kind == ITEM and isinstance(near.found, tuple) and isinstance(names, tuple) and index < len(names):
            return Place(_cut(f"{near.path}.{names[index]}"), tuple.__getitem__(near.found, index), exact=True)
        return near

    def _block(self, frame: Place, blocks: Value, block: Value) -> Place:
        """A block of a DataFrame: (values, places) of one column or several."""
        told = self._outline.literal(block.items[1]) if block.kind == "tuple" and len(block.items) == 2 else UNKNOWN
        if frame.found is MISSING:  # of a stranger's stream one column at most: many, of many blocks, would take long
            if isinstance(told, bytes) and len(told) == 4:
                return _column(frame, None, int.from_bytes(told, "little"))
            return frame
        width = frame.found.shape[1]
        numbers: Sequence[int] = range(width) if told is None else ()
        if isinstance(told, bytes):
            numbers = np.frombuffer(told[: len(told) // 4 * 4], "<u4").tolist()
        if len(numbers) > _COLUMNS or max(numbers, default=0) >= width:
            return frame
        if id(blocks) not in self._labels:
            self._labels[id(blocks)] = _labels(frame.found)
        labels = self._labels[id(blocks)]
        columns = tuple([_column(frame, labels, number) for number in numbers])
        if len(columns) == 1:
            return columns[0]
        names = "" if labels is None else f"[[{', '.join([short(labels[number]) for number in numbers])}]]"
        return frame._replace(path=_cut(frame.path + names) if len(names) <= _NAMES else frame.path, columns=columns)


def _is_pandas(found: Any, call: str) -> bool:
    """Whether it is what the call makes, of pandas' class itself; one that is not at hand is what the stream says."""
    pandas = sys.modules.get("pandas")  # where it is not imported there are none
    return found is MISSING or (pandas is not None and type(found) is getattr(pandas, _CLASSES[call]))


def _of_pandas(near: Place, part: str) -> tuple[Place, str]:
    if part in ("blocks", "values", "name"):
        return near, part if part == "blocks" else ""
    found = MISSING if near.found is MISSING else getattr(near.found, part)
    return Place(_cut(f"{near.path}.{part}"), found, exact=True), ""


def _labels(frame: Any) -> Sequence[Any] | None:
    """The labels by which a DataFrame gives its columns; None if by some it would give another, or run their code."""
    labels: list[Any] = frame.columns.tolist()
    return labels if {*map(type, labels)} <= {str, int} and len({*labels}) == len(labels) else None


def _column(frame: Place, labels: Sequence[Any] | None, number: int) -> Place:
    step = f".iloc[:, {number}]" if labels is None else f"[{short(labels[number])}]"
    found: Any = MISSING
    if frame.found is not MISSING:
        # Not the frame's own: that would have a copy of its attrs, made by their classes.
        values = frame.found._mgr.iget_values(number)  # noqa: SLF001 - as in the reducer
        found = sys.modules["pandas"].Series(values, dtype=values.dtype, copy=False)
    return Place(_cut(f"{frame.path}{step}"), found, exact=False)


def _element(place: Place, index: int) -> Place:
    found: Any = MISSING
    if place.found is not MISSING:
        base: Any = next((base for base in (list, tuple, deque) if isinstance(place.found, base)), None)
        if base is None or index >= base.__len__(place.found):
            return Place(place.path, place.found, exact=False)
        found = base.__getitem__(place.found, index)
    return Place(_cut(f"{place.path}[{index}]"), found, exact=True)


def _under(place: Place, key: Any) -> Place:
    found: Any = MISSING
    if place.found is not MISSING and key is not UNKNOWN:
        try:
            found = dict.__getitem__(place.found, key)
        except (TypeError, KeyError):
            return Place(place.path, place.found, exact=False)
    return Place(_cut(f"{place.path}[{'...' if key is UNKNOWN else short(key)}]"), found, exact=True)


def _attribute(place: Place, name: str) -> Place:
    found: Any = MISSING
    if place.found is not MISSING:
        found = attributes(place.found).get(name, MISSING)
        if found is MISSING:
            return place
    return Place(_cut(f"{place.path}.{name}" if name.isidentifier() else place.path), found, exact=True)


def _cut(path: str) -> str:
    return path if len(path) <= LONGEST else path[: LONGEST - 4] + " ..."

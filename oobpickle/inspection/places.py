"""Where the values of an outline sit in the object, as expressions on ``obj``.

Rule: no code of the object's classes runs, and a path is only given as far as it is real: what a class makes when it is
pickled (the arguments of its ``__reduce__``, an odd state) sits, for us, in the object of that class.
"""

from collections import deque
from typing import Any, NamedTuple

from oobpickle.codec.whereabouts import attributes, short
from oobpickle.inspection.values import ITEM, KEY, STATE, UNKNOWN, Outline, Value

MISSING: Any = object()
"""Stands for an object that is not at hand."""

LONGEST = 300
"""Characters of a path that are kept; a deeper one loses its end, and is marked."""


class Place(NamedTuple):
    """Where a value is. found: the object there, or MISSING. exact: it is that object, not something in it."""

    path: str
    found: Any
    exact: bool


class Places:
    """The places of an outline's values; obj: the object that the stream is of, if it is at hand."""

    def __init__(self, outline: Outline, obj: Any = MISSING) -> None:
        self._outline = outline
        self._known: dict[int, tuple[Place, str]] = {}  # by the value's id; the text: what its children are to it
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
        near = Place(place.path, place.found, exact=False)
        if role == "arguments":
            return self._field(near, kind, detail), ""
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

"""Where in an object a value sits, as an expression on ``obj``; looked for only after a failure."""

import contextlib
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from types import MemberDescriptorType
from typing import Any

import numpy as np

MAX_VALUES = 1_000_000
"""Values looked at before the search gives up: about half a second."""


def path_to(root: Any, target: Any) -> str:
    """Find target (by identity) inside root; "" if it is not found. Runs no code of the object's own classes.

    Breadth first, so the path is a shortest one. Looks into dicts, lists, tuples, sets, deques, object arrays and instance
    attributes.
    """
    if root is target:
        return "obj"
    seen = {id(root)}
    todo: deque[tuple[Any, str]] = deque([(root, "obj")])
    while todo and len(seen) < MAX_VALUES:
        value, path = todo.popleft()
        for child, step in children(value):
            if child is target:
                return path + step
            if id(child) not in seen:
                seen.add(id(child))
                todo.append((child, path + step))
    return ""


def children(value: Any) -> Iterator[tuple[Any, str]]:
    if isinstance(value, dict):
        for key, item in dict.items(value):
            yield item, f"[{short(key)}]"
        for key in dict.keys(value):
            yield key, f".keys() <key {short(key)}>"
    elif isinstance(value, (list, tuple, deque)):
        for index, item in enumerate(islice(_items(value), MAX_VALUES)):
            yield item, f"[{index}]"
    elif isinstance(value, (set, frozenset)):
        for item in _items(value):
            yield item, f" <member {short(item)}>"
    elif isinstance(value, np.ndarray) and value.dtype.kind == "O":
        for place, item in islice(np.ndenumerate(value.view(np.ndarray)), MAX_VALUES):
            yield item, f"[{', '.join(map(str, place))}]"
    elif (columns := _object_columns(value)) is not None:
        yield from columns
        return
    yield from ((item, f".{name}") for name, item in attributes(value).items())


def _object_columns(value: Any) -> list[tuple[Any, str]] | None:
    """What of a DataFrame or a Series may be at fault: its columns of Python objects; None of anything else."""
    pandas = sys.modules.get("pandas")
    if pandas is None or type(value) not in (pandas.DataFrame, pandas.Series):
        return None
    if type(value) is pandas.Series:
        columns = [(value.array, ".array")]
    else:
        columns = [(value.iloc[:, n].array, f"[{short(label)}].array") for n, label in enumerate(value.columns)]
    arrays = [(getattr(array, "_ndarray", None), step) for array, step in columns]
    return [(array, step) for array, step in arrays if isinstance(array, np.ndarray) and array.dtype.kind == "O"]


def _items(value: Any) -> Iterator[Any]:
    """Iterate over a container as its built-in base does, whatever its own class says."""
    base: Any = next(base for base in (list, tuple, deque, set, frozenset) if isinstance(value, base))
    items: Iterator[Any] = base.__iter__(value)
    return items


def attributes(value: Any) -> Mapping[str, Any]:
    """The attributes that default pickling would take, without running the object's own code."""
    try:
        found = dict(object.__getattribute__(value, "__dict__"))
    except (AttributeError, TypeError):
        found = {}
    if isinstance(value, type):
        return {}
    for cls in type(value).__mro__:
        for name, slot in cls.__dict__.items():
            if isinstance(slot, MemberDescriptorType):  # a __slots__ entry
                with contextlib.suppress(AttributeError):
                    found.setdefault(name, slot.__get__(value, cls))
    return found


def short(key: Any) -> str:
    """A key as text: its repr if that is short and runs nobody's code, else its type."""
    cls = type(key)
    if cls is tuple:
        text = f"({', '.join(map(short, key[:_SHOWN]))}{', ...' if len(key) > _SHOWN else ',' * (len(key) == 1)})"
    elif cls in _TEXT:
        text = repr(key[:_SHOWN])
    elif cls in (float, bool, type(None)) or (cls is int and key.bit_length() <= _SHOWN):
        text = repr(key)
    else:
        text = f"<{cls.__qualname__}>"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


_SHOWN = 60  # characters of a key: enough to find it
_TEXT: tuple[type, ...] = (str, bytes)

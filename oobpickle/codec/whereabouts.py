"""Where in an object a value sits, as an expression on ``obj``; looked for only after a failure."""

import contextlib
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from types import MemberDescriptorType
from typing import Any

MAX_VALUES = 1_000_000
"""Values looked at before the search gives up: about half a second."""


def path_to(root: Any, target: Any) -> str:
    """Find target (by identity) inside root; "" if it is not found. Runs no code of the object's own classes.

    Breadth first, so the path is a shortest one. Looks into dicts, lists, tuples, sets, deques and instance attributes.
    """
    if root is target:
        return "obj"
    seen = {id(root)}
    todo: deque[tuple[Any, str]] = deque([(root, "obj")])
    while todo and len(seen) < MAX_VALUES:
        value, path = todo.popleft()
        for child, step in _children(value):
            if child is target:
                return path + step
            if id(child) not in seen:
                seen.add(id(child))
                todo.append((child, path + step))
    return ""


def _children(value: Any) -> Iterator[tuple[Any, str]]:
    if isinstance(value, dict):
        for key, item in dict.items(value):
            yield item, f"[{_short(key)}]"
        for key in dict.keys(value):
            yield key, f".keys() <key {_short(key)}>"
    elif isinstance(value, (list, tuple, deque)):
        for index, item in enumerate(islice(value, MAX_VALUES)):
            yield item, f"[{index}]"
    elif isinstance(value, (set, frozenset)):
        for item in value:
            yield item, f" <member {_short(item)}>"
    yield from ((item, f".{name}") for name, item in _attributes(value).items())


def _attributes(value: Any) -> Mapping[str, Any]:
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


def _short(key: Any) -> str:
    text = (
        repr(key)
        if isinstance(key, (str, bytes, int, float, bool, tuple, frozenset, type(None)))
        else f"<{type(key).__qualname__}>"
    )
    return text if len(text) <= 60 else text[:57] + "..."

"""Containers of the collections module, rebuilt from a plain dict or list that the scan has looked at.

The content is an argument, so a cycle through one of these cannot be sent: pickle goes round it until it gives up.
"""

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from oobpickle.codec.allowance import spend
from oobpickle.codec.reducers.arguments import expect
from oobpickle.codec.rules import Rule
from oobpickle.errors import EncodeError

_FACTORIES: dict[str | None, Callable[[], Any] | None] = {
    None: None,
    **{cls.__name__: cls for cls in (list, dict, set, int, float, str)},
}
_NAMES = {factory: name for name, factory in _FACTORIES.items()}

_ENTRY = 100
"""Bytes that an entry of a dict costs to be made again, about; keys are hashed anew."""


def rebuild_ordered(content: Any) -> "OrderedDict[Any, Any]":
    """An OrderedDict of a dict's items."""
    expect(content, dict)
    spend(_ENTRY * len(content))
    return OrderedDict(content)


def rebuild_defaultdict(factory: Any, content: Any) -> "defaultdict[Any, Any]":
    """A defaultdict of one of the factories that have a name here."""
    expect(factory, str, type(None))
    expect(content, dict)
    spend(_ENTRY * len(content))
    return defaultdict(_FACTORIES[factory], content)


def rebuild_counter(content: Any) -> "Counter[Any]":
    """A Counter of a dict's items, whatever its counts are."""
    expect(content, dict)
    spend(_ENTRY * len(content))
    result: Counter[Any] = Counter()
    dict.update(result, content)
    return result


def rebuild_deque(content: Any, maxlen: Any) -> "deque[Any]":
    """A deque; maxlen None: without a bound."""
    expect(content, list)
    expect(maxlen, int, type(None))
    spend(8 * len(content))
    return deque(content, maxlen)


def _content(value: dict[Any, Any]) -> dict[Any, Any]:
    if getattr(value, "__dict__", None):
        raise EncodeError("a container with attributes of its own, which would be lost")
    return dict(value)


def _reduce_defaultdict(value: "defaultdict[Any, Any]") -> tuple[Any, ...]:
    if value.default_factory not in _NAMES:
        raise EncodeError(
            f"a defaultdict of {value.default_factory!r}", advice="list, dict, set, int, float, str or None can be sent"
        )
    return rebuild_defaultdict, (_NAMES[value.default_factory], dict(value))


DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {
    OrderedDict: lambda value: (rebuild_ordered, (_content(value),)),
    defaultdict: _reduce_defaultdict,
    Counter: lambda value: (rebuild_counter, (_content(value),)),
    deque: lambda value: (rebuild_deque, (list(value), value.maxlen)),
}

# fresh: an OrderedDict hashes and compares its keys anew; the others copy the dict's table as it is.
# stack: measured with chains of each, on 3.11 to 3.13.
RULES = {
    rebuild_ordered: Rule(work=2, fresh=True),
    rebuild_defaultdict: Rule(stack=256),
    rebuild_counter: Rule(work=2),
    rebuild_deque: Rule(stack=128),
}

"""How many keys of one dict or set have the same hash: a second look, for streams that the interpreter suspects.

The interpreter knows weights, not values: it takes it that all keys whose hash can be chosen are equal, and a dict with
some thousand tuples as keys would be refused. Here the keys are built and their hashes counted. Nothing else is built,
and no key is compared with another. Each key has been found light enough to be hashed.

Theory of operation. CPython's dicts and sets compare a new key with each earlier one of the same full hash; other keys
on its way through the table cost a look only, and at most a dozen share that way. The price of a key is thus its number
of values for each earlier key with its hash. pickle's unpickler in Python builds the keys: dicts and sets are replaced by
counts of hashes, all else that can be no key by an empty list. It takes ten times as long as loading, which a stream without such
keys is spared.
"""

import pickle
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, ClassVar

from oobpickle.codec.rules import Names, Rule
from oobpickle.errors import DecodeError
from oobpickle.limits import Limits


def check_hashes(stream: bytes, names: Names, limits: Limits) -> None:
    """Raise DecodeError if keys with equal hashes would take more comparing than their bound. stream: one that was weighed."""
    try:
        _Hashes(stream, names, limits).load()
    except DecodeError:
        raise
    except Exception as error:
        raise DecodeError(f"a key that cannot be built: {error}") from error


class _Unknown:
    """A key whose hash can be chosen, and is not known: all of them are taken to be equal."""

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return self is other


_Unpickler: Any = pickle._Unpickler  # noqa: SLF001 - the one in Python; there under this name since 3.0


class _Hashes(_Unpickler):  # type: ignore[misc]
    """Loads the keys of a stream. On its stack a dict or set is {hash: number of keys}."""

    dispatch: ClassVar[dict[int, Callable[["_Hashes"], None]]] = dict(_Unpickler.dispatch)

    def __init__(self, stream: bytes, names: Names, limits: Limits) -> None:
        super().__init__(BytesIO(stream))
        self._names = names
        self._bound = limits.keys_base + limits.keys_per_byte * len(stream)
        self._heaviest = limits.key_values
        self._cost = 0
        self._weights: dict[type, int] = {}  # values in what rebuilders gave: the most of each type

    def find_class(self, module: str, name: str) -> Rule:
        return self._names[module.encode(), name.encode()]

    def _count(self, hashes: dict[int, int], keys: Iterable[Any]) -> None:
        for key in keys:
            chosen = hash(key)
            earlier = hashes.get(chosen, 0)
            hashes[chosen] = earlier + 1
            if earlier:
                self._cost += earlier * self._values(key)
                if self._cost > self._bound:
                    raise DecodeError(
                        f"keys with equal hashes: {self._cost} values to compare; see limits.keys_base and limits.keys_per_byte"
                    )

    def load_setitems(self) -> None:
        items = self.pop_mark()
        self._count(self.stack[-1], items[::2])

    def load_setitem(self) -> None:
        del self.stack[-1]
        key = self.stack.pop()
        self._count(self.stack[-1], (key,))

    def load_additems(self) -> None:
        members = self.pop_mark()
        self._count(self.stack[-1], members)

    def load_empty_set(self) -> None:
        self.append({})

    def load_frozenset(self) -> None:
        members = self.pop_mark()
        self._count({}, members)
        self.append(frozenset(members))

    def load_appends(self) -> None:
        self.pop_mark()

    def load_append(self) -> None:
        del self.stack[-1]

    def load_next_buffer(self) -> None:
        self.append([])

    def load_readonly_buffer(self) -> None:
        pass

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        rule = self.stack[-1]
        self.stack[-1] = self._key_of(rule, arguments) if type(rule) is Rule and rule.key is not None else []

    def _key_of(self, rule: Rule, arguments: Any) -> Any:
        try:
            key = rule.build(*arguments) if rule.build else _Unknown() if rule.collides else object()
        except Exception:  # noqa: BLE001 - arguments of which something was not built here; then the result is no key
            return []
        weight = self._values(arguments) + (rule.key or 0)
        self._weights[type(key)] = max(weight, self._weights.get(type(key), 0))
        return key

    def _values(self, key: Any) -> int:
        """The number of values in a key, as the interpreter counts them; no further than to what is too many."""
        count = 0
        todo = [key]
        while todo and count <= self._heaviest:
            value = todo.pop()
            count += self._weights.get(type(value), 1)
            if type(value) is tuple or type(value) is frozenset:
                todo += value
            elif type(value) is str or type(value) is bytes:
                count += len(value) >> 7
        return count


_REPLACED = [
    "SETITEMS",
    "SETITEM",
    "ADDITEMS",
    "EMPTY_SET",
    "FROZENSET",
    "APPENDS",
    "APPEND",
    "NEXT_BUFFER",
    "READONLY_BUFFER",
    "REDUCE",
]
_Hashes.dispatch.update({getattr(pickle, name)[0]: getattr(_Hashes, f"load_{name.lower()}") for name in _REPLACED})

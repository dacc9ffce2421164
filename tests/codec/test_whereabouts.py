"""Where a value sits, as an expression that leads there; found without running anybody's code."""

import collections
import enum
import functools
from dataclasses import dataclass

import numpy as np
import pytest

from oobpickle.codec import whereabouts
from oobpickle.codec.whereabouts import path_to


class Thing:
    pass


@dataclass
class Data:
    inner: object


class Slots:
    __slots__ = ("_private", "empty", "x")


class Below(Slots):
    pass


def with_attribute(cls, name, value):
    obj = cls()
    setattr(obj, name, value)
    return obj


TARGET = Thing()

PLACES = {
    "obj": TARGET,
    "obj[0]": [TARGET],
    "obj[1][0]": (0, [TARGET]),
    "obj['a']": {"a": TARGET},
    "obj[5]": {5: TARGET},
    "obj[None]": {None: TARGET},
    "obj[1.5]": {1.5: TARGET},
    "obj[b'k']": {b"k": TARGET},
    "obj[(1, 'a')]": {(1, "a"): TARGET},
    "obj[(1,)]": {(1,): TARGET},
    "obj.inner": Data(TARGET),
    "obj.inner[0].inner": Data([Data(TARGET)]),
    "obj.x": with_attribute(Slots, "x", TARGET),
    "obj.x ": with_attribute(Below, "x", TARGET),
    "obj.other": with_attribute(Below, "other", TARGET),
    "obj.args[0]": KeyError(TARGET) and functools.partial(print, TARGET),
    "obj[2]": collections.deque([0, 1, TARGET]),
    "obj['d']": collections.defaultdict(list, d=TARGET),
    "obj['o']": collections.OrderedDict(o=TARGET),
    "obj[1, 2]": np.array([[0, 1, 2], [3, 4, TARGET]], object),
    "obj.array[0]": Data(None) and with_attribute(Thing, "array", np.array([TARGET], object)),
    "obj.a": with_attribute(Thing, "a", TARGET),
}


@pytest.mark.parametrize("path", PLACES)
def test_the_path_is_an_expression_that_leads_there(path):
    found = path_to(PLACES[path], TARGET)
    assert found == path.strip()
    assert eval(found, {"obj": PLACES[path]}) is TARGET


def test_keys_and_members_are_described():
    assert path_to({TARGET: 1}, TARGET) == "obj.keys() <key <Thing>>"
    assert path_to([{TARGET}], TARGET) == "obj[0] <member <Thing>>"
    assert path_to([frozenset([TARGET])], TARGET) == "obj[0] <member <Thing>>"
    assert path_to({(1, TARGET): 1}, TARGET) == "obj.keys() <key (1, <Thing>)>[1]"


def test_the_shortest_path():
    assert path_to({"deep": [[[TARGET]]], "near": TARGET}, TARGET) == "obj['near']"


def test_by_identity_not_by_equality():
    first, second = [1], [1]
    assert path_to([first, second], second) == "obj[1]"


def test_not_there():
    assert path_to([1, {"a": 2}], TARGET) == ""


def test_cycles():
    loop = [1]
    loop.append(loop)
    loop.append({"self": loop, "target": TARGET})
    assert path_to(loop, TARGET) == "obj[2]['target']"


def test_deeper_than_the_stack():
    deep = TARGET
    for _ in range(50_000):
        deep = [deep]
    assert path_to(deep, TARGET) == "obj" + "[0]" * 50_000
    while isinstance(deep, list):
        deep = deep[0]


def test_it_gives_up(monkeypatch):
    monkeypatch.setattr(whereabouts, "MAX_VALUES", 1000)
    assert path_to([*range(2000), TARGET], TARGET) == ""
    assert path_to([[Thing() for _ in range(600)], [Thing() for _ in range(600)], [TARGET]], TARGET) == ""


class Hostile:
    """Whatever is done with it raises."""

    def __getattribute__(self, name):
        if name == "__class__":
            return Hostile
        raise RuntimeError("code of the object ran")

    def __repr__(self):
        raise RuntimeError("code of the object ran")

    def __eq__(self, other):
        raise RuntimeError("code of the object ran")

    __iter__ = __len__ = __bool__ = __str__ = __getstate__ = __repr__
    __hash__ = object.__hash__


class HostileList(list):
    __iter__ = __len__ = __getitem__ = Hostile.__repr__


class HostileDict(dict):
    __iter__ = items = keys = __getitem__ = Hostile.__repr__


class HostileSet(set):
    __iter__ = __len__ = Hostile.__repr__


class HostileKey(str):
    __repr__ = __str__ = Hostile.__repr__


class HostileInt(enum.IntEnum):
    ONE = 1

    __repr__ = __str__ = __format__ = Hostile.__repr__


def test_no_code_of_the_object_runs():
    hostile = Hostile()
    obj = [
        hostile,
        {hostile: hostile, HostileKey("a"): 1, HostileInt.ONE: 2, (1, hostile): 3},
        HostileList([hostile]),
        HostileDict(a=hostile),
        HostileSet([hostile]),
        {hostile},
    ]
    assert path_to(obj, TARGET) == ""
    assert path_to([HostileList([1, TARGET])], TARGET) == "obj[0][1]"
    assert path_to([HostileDict(a=TARGET)], TARGET) == "obj[0]['a']"
    assert path_to({HostileKey("a"): TARGET}, TARGET) == "obj[<HostileKey>]"
    assert path_to({HostileInt.ONE: TARGET}, TARGET) == "obj[<HostileInt>]"
    assert path_to({(1, hostile): TARGET}, TARGET) == "obj[(1, <Hostile>)]"


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (10**5000, "<int>"),  # Python refuses to print it
        ("x" * 10_000_000, "'" + "x" * 56 + "..."),
        (b"x" * 10_000_000, "b'" + "x" * 55 + "..."),
        (tuple(range(1000)), "(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16..."),
    ],
    ids=["int", "str", "bytes", "tuple"],
)
def test_long_keys_are_cut(key, shown):
    found = path_to({key: TARGET}, TARGET)
    assert found == f"obj[{shown}]"
    assert len(found) <= 66

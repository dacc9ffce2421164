"""Paths: whatever is said to sit somewhere, sits there."""

import collections
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from oobpickle import DataCodec, PickleCodec
from oobpickle.inspection.outline import outline
from oobpickle.inspection.placement import parts_of
from oobpickle.inspection.places import LONGEST, MISSING, Places


@dataclass
class Record:
    name: str
    values: object


class Slotted:
    __slots__ = ("__dict__", "first")


class Point(NamedTuple):
    x: object
    y: object


class Own:
    """Pickles another thing than it is."""

    def __init__(self, values):
        self.values = values

    def __getstate__(self):
        return {"other": self.values}

    def __setstate__(self, state):
        self.values = state["other"]


class Rebuilt:
    def __init__(self, values):
        self._values = values

    def __reduce__(self):
        return Rebuilt, (self._values,)


class Loud(dict):
    def __getitem__(self, key):
        raise AssertionError("its code ran")

    def __getattribute__(self, name):
        if name in ("__class__", "__reduce__", "__reduce_ex__", "items", "__getstate__"):
            return super().__getattribute__(name)
        raise AssertionError(f"its code ran: {name}")


def big():
    return np.arange(10_000.0)


def paths(obj, *, at_hand=True, codec=PickleCodec):
    read = outline(codec().encode(obj)[0])
    places = Places(read, obj if at_hand else MISSING)
    return [places.of(part.value) for part in parts_of(read)]


def test_kinds_of_containers():
    slotted = Slotted()
    slotted.first, slotted.second = big(), big()
    obj = {
        "list": [0, big()],
        "tuple": (big(), big() + 1, 3, 4, big() + 2),
        "record": Record("x", {"deep": big()}),
        "slotted": slotted,
        "point": Point(1, big()),
        "deque": collections.deque([big()]),
        "ordered": collections.OrderedDict(k=big()),
        "default": collections.defaultdict(list, k=big()),
        (1, "a"): big(),
        None: big(),
        2.5: {b"bytes": big()},
    }
    found = [place.path for place in paths(obj)]
    assert found == [
        "obj['list'][1]",
        "obj['tuple'][0]",
        "obj['tuple'][1]",
        "obj['tuple'][4]",
        "obj['record'].values['deep']",
        "obj['slotted'].second",
        "obj['slotted'].first",
        "obj['point'].y",
        "obj['deque'][0]",
        "obj['ordered']['k']",
        "obj['default']['k']",
        "obj[(1, 'a')]",
        "obj[None]",
        "obj[2.5][b'bytes']",
    ]
    for place in paths(obj):
        assert place.exact
        assert eval(place.path, {"obj": obj}) is place.found


def test_the_nearest_path_that_is_known():
    obj = {
        "own": Own(big()),
        "rebuilt": [Rebuilt({"a": big()})],
        "frame": pd.DataFrame({"a": big()}),
        "masked": np.ma.masked_array(big()),
        "set": {Point(1, 2)},
    }
    for place in paths(obj):
        assert not place.exact
    assert [place.path for place in paths(obj)] == [
        "obj['own']",
        "obj['rebuilt'][0]",
        "obj['frame']._mgr",
        "obj['masked']",
    ]


def test_without_the_object_the_stream_is_believed():
    assert [place.path for place in paths({"own": Own(big())}, at_hand=False)] == ["obj['own'].other"]
    assert [place.path for place in paths(Point(big(), 1), at_hand=False)] == ["obj"]


def test_no_code_of_the_object_runs():
    obj = [Loud(a=big())]
    (place,) = paths(obj)
    assert place.path == "obj[0]['a']"


class Label(str):
    """A label whose code must not run."""

    def __eq__(self, other):
        raise AssertionError("its code ran")

    __hash__ = str.__hash__


def columns(obj, **options):
    return [place.path for place in paths(obj, codec=DataCodec, **options)]


def test_columns_of_a_data_frame():
    frame = pd.DataFrame({"a": big(), "n": np.arange(10_000), "b": big() + 1, 7: pd.array(big(), dtype="Float32")})
    frame.attrs["dark"] = big() + 2
    frame.index = pd.Index(big(), name="t")
    found = paths([frame], codec=DataCodec)
    assert [place.path for place in found] == [
        "obj[0][['a', 'b']]",
        "obj[0]['n']",
        "obj[0][7]",
        "obj[0][7]",
        "obj[0].index",
        "obj[0].attrs['dark']",
    ]
    assert [place.path for place in found[0].columns] == ["obj[0]['a']", "obj[0]['b']"]
    for place in (*found, *found[0].columns):
        value = eval(place.path, {"obj": [frame]})
        assert place.columns or np.array_equal(value, place.found)
    assert columns([frame], at_hand=False) == [
        "obj[0]",
        "obj[0].iloc[:, 1]",
        "obj[0].iloc[:, 3]",
        "obj[0].iloc[:, 3]",
        "obj[0].index",
        "obj[0].attrs['dark']",
    ]


def test_columns_that_no_label_gives():
    for labels in (["a", "a"], [1, 2.5], [Label("a"), "b"], [("a", 1), ("a", 2)]):
        frame = pd.DataFrame({0: big(), 1: np.arange(10_000)})
        frame.columns = pd.Index(labels, dtype=object, tupleize_cols=False)
        read = outline(DataCodec().encode(frame.set_axis([0, 1], axis=1))[0])
        first, second, *_ = [Places(read, frame).of(part.value).path for part in parts_of(read)]
        assert (first, second) == ("obj.iloc[:, 0]", "obj.iloc[:, 1]")


def test_more_columns_than_fit_a_path():
    frame = pd.DataFrame(np.ones((100, 20)), columns=[f"column {n}" for n in range(20)])
    (place, *_) = paths(frame, codec=DataCodec)
    assert (place.path, len(place.columns)) == ("obj", 20)
    (place, *_) = paths(pd.DataFrame(np.ones((2, 5000))), codec=DataCodec)
    assert (place.path, place.columns) == ("obj", ())


def test_a_series():
    series = pd.Series(big(), index=big() + 1)
    assert columns({"s": series}) == ["obj['s']", "obj['s'].index"]
    assert columns({"s": series}, at_hand=False) == ["obj['s']", "obj['s'].index"]


def test_whoever_says_he_is_a_data_frame():
    """The places of its columns are a stranger's: out of range, no bytes, too many."""
    stream = DataCodec().encode(pd.DataFrame({"a": big(), "n": np.arange(10_000)}))[0]
    at = bytes(stream).index(b"C\x04\x01\0\0\0")
    for places in (b"C\x04\xff\xff\xff\xff", b"U\x04\x01\0\0\0", b"C\x04ab\0\0"):
        read = outline(bytes(stream[:at]) + places + bytes(stream[at + 6 :]))
        assert read.problem is None
        for obj in (MISSING, pd.DataFrame({"a": [1]}), {"a": 1}, pd.Series([1])):
            at_hand = Places(read, obj)
            assert all(at_hand.of(part.value).path.startswith("obj") for part in parts_of(read))


def test_one_array_met_twice_has_its_first_path():
    a = big()
    assert [place.path for place in paths({"first": a, "second": a})] == ["obj['first']"]


def test_deep_ones_are_cut():
    obj = big()
    for _ in range(400):
        obj = [obj]
    (place,) = paths(obj)
    assert len(place.path) == LONGEST
    assert place.path.endswith(" ...")
    assert isinstance(place.found, np.ndarray)


def test_in_a_set_or_a_thing_that_is_thrown_away():
    read = outline(b"\x8f(\x97\x90.")
    (part,) = parts_of(read)
    assert Places(read).of(part.value) == ("obj", MISSING, False, ())
    read = outline(b"\x970N.")
    (part,) = parts_of(read)
    assert Places(read).of(part.value).path == "obj"

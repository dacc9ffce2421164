"""Checksum, size, touch and description of an object, told without the codec."""

import copy

import numpy as np
import pytest

from oobpickle.demo import content
from oobpickle.demo.things import THINGS


@pytest.fixture(scope="module", params=THINGS)
def thing(request):
    return THINGS[request.param]()


def test_the_checksum_is_of_the_content(thing):
    assert content.checksum(copy.deepcopy(thing)) == content.checksum(thing)


def changed():
    stack = THINGS["image stack"]()
    yield "a pixel", stack, lambda a: a.__setitem__((31, 511, 511), a[31, 511, 511] ^ 1)
    yield "the shape", stack, lambda a: a.resize((64, 256, 512), refcheck=False)
    table = THINGS["structured table"]()
    yield "a field", table, lambda a: a["good"].__setitem__(-1, ~a["good"][-1])
    nested = THINGS["nested dict"]()
    yield "text", nested, lambda d: d["settings"]["filters"].__setitem__(2, "W")
    yield "a key", nested, lambda d: d["calibration"].update(other=d["calibration"].pop("channel 63"))
    yield "a small array", nested, lambda d: d["calibration"]["channel 5"].__setitem__(0, 0)
    yield "a type", nested, lambda d: d["settings"].update(binning=[2, 2])
    yield "a bit of a large array", nested, lambda d: d["mask"].__setitem__((0, 0), ~d["mask"][0, 0])


@pytest.mark.parametrize(("obj", "change"), [pytest.param(obj, change, id=name) for name, obj, change in changed()])
def test_the_checksum_sees_a_change_of(obj, change):
    other = copy.deepcopy(obj)
    change(other)
    assert content.checksum(other) != content.checksum(obj)


def test_the_checksum_sees_a_change_in_a_frame():
    pandas = pytest.importorskip("pandas")
    frame = THINGS["DataFrame"]()
    for column, value in (("a", 0.0), ("site", "west"), ("time", pandas.Timestamp(0))):
        other = frame.copy()
        other.loc[7, column] = value
        assert content.checksum(other) != content.checksum(frame), column
    assert content.checksum(frame.rename(columns={"a": "z"})) != content.checksum(frame)
    assert content.checksum(frame.astype({"a": "f4"})) != content.checksum(frame)


def test_gaps_between_the_fields_of_a_structure_do_not_count():
    a = np.zeros(10, np.dtype([("a", "u1"), ("b", "f8")], align=True))
    b = a.copy()
    b.view(np.uint8)[1] = 1
    assert content.checksum(a) == content.checksum(b)


def test_size():
    assert content.size(np.zeros((3, 4))) == 96
    assert content.size({"ab": [np.zeros(2), b"xyz", 1.5]}) == 2 + 16 + 3 + 8
    assert content.size(THINGS["image stack"]()) == 16 << 20


def test_touch_reads_each_page():
    a = np.zeros((4, 4096), np.uint8)
    a[:, 0] = 1, 2, 3, 4
    assert content.touch({"a": [a], "b": (a.T,), "text": "x", "none": np.zeros(0), "gaps": a[:, ::2]}) == 20


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (np.zeros((2, 3000), "f4"), "2 x 3,000 float32"),
        (np.zeros((), "i8"), "one int64"),
        (np.zeros(5, "i4,f8"), "5 of 2 fields"),
        ({"a": np.zeros(1), "b": [np.zeros(1)], "c": 5}, "2 arrays"),
    ],
)
def test_describe(obj, words):
    assert content.describe(obj) == words

"""oobpickle.shared: arrays as numpy makes them, in memory that others may map."""

import sys

import numpy as np
import pytest

import oobpickle
from oobpickle import shared
from oobpickle.errors import EncodeError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no shared lane here")

KB, MB = 1 << 10, 1 << 20


@pytest.fixture(autouse=True)
def nothing_stays():
    yield
    assert shared.stats()[:2] == (0, 0)


@pytest.mark.parametrize("shape", [(), 5, (3, 4), [2, 3, 4], (0, 4)])
@pytest.mark.parametrize("dtype", ["f8", "u1", "S7", "M8[s]", [("a", "i4"), ("b", "f8", (2,))]])
@pytest.mark.parametrize("order", ["C", "F"])
def test_empty_is_numpys(shape, dtype, order):
    mine, theirs = shared.empty(shape, dtype, order=order), np.empty(shape, dtype, order)
    assert (mine.shape, mine.dtype, mine.strides) == (theirs.shape, theirs.dtype, theirs.strides)
    assert mine.flags.writeable
    assert type(mine) is np.ndarray


def test_zeros_and_full_and_empty_like():
    shared.full(1000, 7)[:] = 9  # so that the memory is not zero by chance
    assert not shared.zeros(1000).any()
    np.testing.assert_array_equal(shared.full((2, 3), 1.5), np.full((2, 3), 1.5))
    np.testing.assert_array_equal(shared.full(3, 1.7, "i4"), np.full(3, 1.7, "i4"))
    prototype = np.zeros((3, 4, 5), "f4").transpose(1, 2, 0)
    made = shared.empty_like(prototype)
    assert (made.shape, made.dtype, made.strides) == (prototype.shape, prototype.dtype, prototype.strides)
    assert shared.empty_like(prototype, "i8").dtype == np.int64


@pytest.mark.parametrize(("size", "alignment"), [(100, 64), (4096, 4096), (MB + 1, 4096)])
def test_alignment(size, alignment):
    assert shared.empty(size, "u1").ctypes.data % alignment == 0


@pytest.mark.parametrize("dtype", [object, [("a", object)]])
def test_objects_are_refused(dtype):
    with pytest.raises(TypeError, match="objects of this process"):
        shared.empty(3, dtype)


def test_what_is_shared():
    array = shared.zeros((1000, 100))
    assert shared.is_shared(array)
    assert shared.is_shared({"some": array[10:20], "all": array.reshape(-1), "text": "t"})
    assert not shared.is_shared(np.zeros((1000, 100)))
    assert not shared.is_shared([array, np.zeros((1000, 100))])
    assert not shared.is_shared("text")


def test_copy_of_a_nested_object():
    obj = {"a": np.arange(100_000), "b": [np.arange(5)], "c": "text"}
    obj["read-only"] = np.arange(70_000)
    obj["read-only"].flags.writeable = False
    copied = shared.copy(obj)
    assert shared.is_shared(copied["a"])
    assert shared.is_shared(copied["read-only"])
    assert not copied["read-only"].flags.writeable
    copied["a"][0] = 5
    assert obj["a"][0] == 0
    np.testing.assert_array_equal(copied["b"][0], obj["b"][0])
    assert copied["c"] == "text"


def test_copy_of_a_data_frame():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.arange(400_000.0).reshape(-1, 4), columns=list("abcd"))
    copied = shared.copy(frame)
    pandas.testing.assert_frame_equal(copied, frame)
    assert shared.is_shared(copied)


def test_copy_of_what_cannot_be_pickled():
    with pytest.raises(EncodeError):
        shared.copy(lambda: None)


def test_stats_and_limit():
    before = shared.stats()
    array = shared.empty(2 * MB, "u1")
    stats = shared.stats()
    assert (stats.in_use, stats.blocks, stats.limit) == (2 * MB, 1, before.limit)
    shared.set_limit(3 * MB)
    try:
        assert not shared.is_shared(shared.empty(2 * MB, "u1")), "there was no room, so it is an ordinary array"
        assert shared.is_shared(array)
        assert shared.stats().limit == 3 * MB
    finally:
        shared.set_limit(before.limit)


def test_explain_shows_it():
    array = shared.zeros(MB, "u1")
    (entry,) = [entry for entry in oobpickle.explain({"a": array}).entries if entry.nbytes == MB]
    assert entry.way == "shared reference"
    assert "shared memory" in entry.why


def test_explain_tells_why_a_written_array_is_not_passed_on(tmp_path):
    with (
        oobpickle.Pusher(bind=f"ipc://{tmp_path}/s") as push,
        oobpickle.Puller(connect=f"ipc://{tmp_path}/s") as pull,
    ):
        push.send(np.zeros(MB, "u1"))
        got = pull.recv(timeout=10)
        assert oobpickle.explain(got).total("shared reference") == MB
        got[5] = 1
        (entry,) = [entry for entry in oobpickle.explain(got).entries if entry.nbytes == MB]
        assert (entry.way, "written to" in entry.why) == ("view", True)
        del got, entry

import numpy as np
import pytest

from oobpickle.bench import things
from oobpickle.bench.things import (
    ARRAY,
    ARRAYS,
    BYTES,
    Thing,
    digest,
    of_file,
    of_object,
    size_name,
    size_of,
    touch_any,
)

ALL = [Thing(ARRAY, 1024), Thing(ARRAY, 4096), Thing(ARRAY, 1 << 20), Thing(ARRAYS, 100), Thing(BYTES, 8)]


@pytest.mark.parametrize("thing", ALL, ids=lambda thing: thing.name)
def test_the_two_objects_are_told_apart_by_a_touch_and_by_a_digest(thing):
    one, two = thing.build()
    touch = thing.touch()
    assert touch(one) != touch(two)
    assert digest(one) != digest(two)
    again, _ = thing.build()
    assert (touch(again), digest(again)) == (touch(one), digest(one))


def test_a_large_thing_is_built_once():
    assert len(Thing(ARRAY, things.TWO).build()) == 2
    assert len(Thing(ARRAY, things.TWO + 8).build()) == 1


def test_every_page_is_touched():
    thing = Thing(ARRAY, 1 << 16)
    touch, obj = thing.touch(), thing.build()[0]
    right = touch(obj)
    for page in range(16):
        obj["frame"][page * 512] += 1
        assert touch(obj) != right
        obj["frame"][page * 512] -= 1


def test_every_byte_counts_in_a_digest():
    a = np.arange(1000.0)
    right = digest({"a": a})
    for index in (0, 500, 999):
        a[index] += 1
        assert digest({"a": a}) != right
        a[index] -= 1
    assert digest({"b": a}) != right


def objects():
    return [
        {"x": np.arange(9000.0), "deep": [np.arange(5), ("text", 3)]},
        {"strided": np.arange(20_000).reshape(100, 200)[::2, ::3]},
        {"fortran": np.asfortranarray(np.ones((300, 40)))},
    ]


def test_an_object_of_any_make():
    thing = of_object("tests.bench.test_things:objects")
    assert thing.nbytes > 72_000
    (obj,) = thing.build()
    before = touch_any(obj), digest(obj)
    obj[0]["x"][512] = 77.7
    obj[1]["strided"][5, 5] = 7
    assert touch_any(obj) != before[0]
    assert digest(obj) != before[1]


def test_a_data_frame():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"x": np.arange(10.0), "text": list("abcdefghij")})
    right = digest(frame)
    assert digest(frame.copy()) == right
    assert digest(frame.assign(text=list("abcdefghiX"))) != right
    assert digest(frame.rename(columns={"x": "y"})) != right


def test_to_touch_text_of_arrow_decodes_none_of_it():
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    text = pd.array(["a" * 5000, "b" * 5000], dtype="string[pyarrow]")
    frame = pd.DataFrame({"x": np.arange(2.0), "text": text})
    arrays = [leaf for leaf in things.leaves(frame, things._buffers) if isinstance(leaf, np.ndarray)]
    assert not any(a.dtype.hasobject for a in arrays)
    assert max(a.nbytes for a in arrays) >= 10_000
    other = frame.assign(text=frame["text"].str.replace("b", "c"))
    assert things.touch_any(frame) != things.touch_any(other)
    assert things.digest(frame) != things.digest(other)


def test_a_file(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(100, dtype=np.int32))
    thing = of_file(str(tmp_path / "a.npy"))
    assert thing.nbytes == 400
    assert thing.build()[0]["frame"].dtype == np.int32


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_a_file_that_is_none(tmp_path, content):
    if content is None:
        np.savez(tmp_path / "a.npy", x=np.arange(3))
        (tmp_path / "a.npy.npz").rename(tmp_path / "a.npy")
    else:
        (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises((ValueError, EOFError)):
        of_file(str(tmp_path / "a.npy"))


@pytest.mark.parametrize("source", ["nothing", "tests.bench.test_things:", "tests.bench.test_things:ALL"])
def test_a_source_that_names_nothing(source):
    with pytest.raises(ValueError, match="names no callable"):
        of_object(source)


@pytest.mark.parametrize(
    ("text", "nbytes"), [("8", 8), ("8B", 8), ("1KB", 1024), ("64 kb", 65536), ("1.5MB", 3 << 19), ("2G", 2 << 30)]
)
def test_sizes(text, nbytes):
    assert size_of(text) == nbytes
    assert size_of(size_name(nbytes)) == nbytes


@pytest.mark.parametrize("text", ["", "B", "x", "-1KB", "0", "1XB", "nan", "inf"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="is no size"):
        size_of(text)

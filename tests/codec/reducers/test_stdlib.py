"""array.array and memoryview: their own memory on the way out; a copy, and a view, on arrival."""

import array
import ctypes
import warnings

import numpy as np
import pytest

from oobpickle import PickleCodec

CODEC = PickleCodec(small=0)


def round_trip(obj, copy=bytearray):
    stream, buffers = CODEC.encode(obj)
    return CODEC.decode(stream, list(map(copy, buffers)))


def typecodes():
    return [code for code in array.typecodes if code != "u"]


class TestArrayArray:
    @pytest.mark.parametrize("typecode", typecodes())
    @pytest.mark.parametrize("length", [0, 1, 1000])
    @pytest.mark.parametrize("copy", [bytearray, bytes, lambda view: view], ids=["writable", "read-only", "itself"])
    def test_round_trip(self, typecode, length, copy):
        if typecode == "w":
            obj = array.array(typecode, "ä€" * length)
        else:
            obj = array.array(typecode, [number % 100 for number in range(length)])
        got = round_trip(obj, copy)
        assert type(got) is array.array
        assert (got.typecode, got) == (typecode, obj)
        got.append(got[0] if length else "x" if typecode == "w" else 1)

    def test_of_code_points(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            obj = array.array("u", "äöü€")
            got = round_trip(obj)
        assert (got.typecode, got) == ("u", obj)

    def test_it_is_not_copied_and_cannot_be_resized_while_it_is_held(self):
        obj = array.array("d", [0.0]) * 10_000
        _, buffers = CODEC.encode(obj)
        assert np.shares_memory(np.frombuffer(buffers[0], "u1"), np.frombuffer(obj, "u1"))
        with pytest.raises(BufferError):
            obj.append(1.0)
        del buffers
        obj.append(1.0)

    def test_a_subclass_is_left_to_pickle(self):
        got = round_trip(Samples("d", [1.0, 2.0]))
        assert type(got) is Samples
        assert list(got) == [1.0, 2.0]


class Samples(array.array):
    pass


VIEWS = {
    "bytes": memoryview(b"abc" * 100),
    "bytearray": memoryview(bytearray(b"abc" * 100)),
    "part": memoryview(bytearray(b"abc" * 100))[10:20],
    "empty": memoryview(b""),
    "empty writable": memoryview(bytearray()),
    "empty of doubles": memoryview(np.zeros(0)),
    "empty of two axes": memoryview(np.zeros((3, 0))),
    "doubles": memoryview(array.array("d", [1.0, 2.0])),
    "two axes": memoryview(np.arange(6.0).reshape(2, 3)),
    "no axis": memoryview(np.array(5.0)),
    "no axis of bytes": memoryview(np.array(5, "u1")),
    "cast": memoryview(bytearray(24)).cast("B", (2, 3, 4)),
    "bool": memoryview(np.ones(3, bool)),
    "half": memoryview(np.ones(3, "f2")),
    "complex": memoryview(np.ones(3, "c16")),
    "text": memoryview(np.array(["abc", "d"])),
    "structured": memoryview(np.zeros(3, [("a", "i4"), ("b", "f8")])),
    "ctypes": memoryview((ctypes.c_int32 * 5)(1, 2, 3)),
    "strided": memoryview(bytearray(range(100)))[::3],
    "reversed": memoryview(bytes(range(100)))[::-1],
    "fortran": memoryview(np.asfortranarray(np.arange(6.0).reshape(2, 3))),
    "chars": memoryview(b"abc").cast("c"),
}


class TestMemoryview:
    @pytest.mark.parametrize("name", VIEWS)
    @pytest.mark.parametrize("copy", [bytearray, lambda view: view], ids=["writable", "itself"])
    def test_round_trip(self, name, copy):
        obj = VIEWS[name]
        got = round_trip(obj, copy)
        assert type(got) is memoryview
        assert (got.shape, got.itemsize, got.nbytes) == (obj.shape, obj.itemsize, obj.nbytes)
        assert got.tobytes() == obj.tobytes()
        assert got.readonly is obj.readonly
        if len(obj.format.lstrip("<@=")) == 1:
            assert got.format == obj.format.lstrip("<@=")

    def test_it_is_a_view_on_both_sides(self):
        memory = bytearray(100_000)
        stream, [buffer] = CODEC.encode(memoryview(memory)[1000:])
        assert np.shares_memory(np.frombuffer(buffer, "u1"), np.frombuffer(memory, "u1"))
        arrived = bytearray(buffer)
        got = CODEC.decode(stream, [arrived])
        got[0] = 7
        assert arrived[0] == 7
        with pytest.raises(BufferError):
            arrived.clear()

    def test_the_same_view_twice_is_one(self):
        view = memoryview(bytearray(100_000))
        first, second = round_trip([view, view])
        assert first is second

    def test_a_released_view(self):
        view = memoryview(bytearray(100))
        view.release()
        with pytest.raises(Exception, match=r"obj\[1\] \(memoryview\).*released"):
            CODEC.encode([0, view])

"""`Pickler` in the place of pickle's: constructor, hooks and tables as theirs; large buffers to the callback.

tests/cpython runs CPython's own tests on it. Here: what those do not ask, in company of arrays.
"""

import array
import collections
import copyreg
import gc
import io
import pickle
import weakref

import numpy as np
import pytest

from oobpickle import Pickler, Unpickler
from tests.same import assert_same

LARGE = 100_000
A = np.arange(1000.0)
MATRIX = A.reshape(1, -1).view(np.matrix)  # np.matrix(A) warns


def dump(obj, pickler=Pickler, **attributes):
    """The stream and the buffers."""
    file, buffers = io.BytesIO(), []
    instance = pickler(file, 5, buffer_callback=buffers.append)
    for name, value in attributes.items():
        setattr(instance, name, value)
    instance.dump(obj)
    return file.getvalue(), buffers


def load(stream, buffers):
    return pickle.loads(stream, buffers=buffers)


OUT_OF_BAND = {
    "strided": A[::2],
    "reversed": A[::-1],
    "broadcast": np.broadcast_to(A, (3, 1000)),
    "2-d part": A.reshape(40, 25)[:, 1:20],
    "datetime64": A.astype("i8").astype("M8[s]"),
    "structured": np.zeros(100, [("a", "i1"), ("b", "M8[s]")]),
    "matrix": MATRIX,
    "recarray": np.zeros(100, [("a", "f8")]).view(np.recarray),
    "masked": np.ma.MaskedArray(A, mask=A > 5),
    "array.array": array.array("d", A),
    "memoryview": memoryview(bytearray(1000)),
    "bytes": b"x" * LARGE,
    "bytearray": bytearray(b"y" * LARGE),
    "plain": A,
    "fortran": np.asfortranarray(A.reshape(40, 25)),
    "longdouble": A.astype("g"),
    "text": np.array(["ä", "b" * 10]),
    "0-d": np.array(5.0),
}


@pytest.mark.parametrize("name", OUT_OF_BAND)
class TestOutOfBand:
    def test_the_stream_is_small_and_stock_pickle_reads_it(self, name):
        obj = OUT_OF_BAND[name]
        stream, buffers = dump(obj)
        assert buffers
        assert len(stream) < 500
        assert_same(load(stream, buffers), obj)
        assert_same(Unpickler(io.BytesIO(stream), buffers=buffers).load(), obj)

    def test_without_a_callback_it_is_pickles_stream(self, name):
        obj = OUT_OF_BAND[name]
        for protocol in (None, 0, 2, 4, 5):
            ours, theirs = io.BytesIO(), io.BytesIO()
            try:
                pickle.Pickler(theirs, protocol).dump(obj)
            except (TypeError, pickle.PicklingError) as error:
                with pytest.raises(type(error)):
                    Pickler(ours, protocol).dump(obj)
            else:
                Pickler(ours, protocol).dump(obj)
                assert ours.getvalue() == theirs.getvalue()

    def test_in_band_where_the_callback_says_so(self, name):
        file = io.BytesIO()
        Pickler(file, 5, buffer_callback=lambda buffer: True).dump(OUT_OF_BAND[name])
        assert_same(pickle.loads(file.getvalue()), OUT_OF_BAND[name])


class TestBuffers:
    def test_they_are_picklebuffers_in_the_order_of_the_stream(self):
        """PEP 574: also where arrays, bytes and PickleBuffers take turns, and small ones are between."""
        values = [
            A,
            b"x" * LARGE,
            np.arange(3),
            pickle.PickleBuffer(b"direct"),
            bytearray(LARGE),
            A[::2],
            memoryview(b"abc"),
        ]
        stream, buffers = dump(values)
        assert [type(buffer) for buffer in buffers] == [pickle.PickleBuffer] * 7
        assert [buffer.raw().nbytes for buffer in buffers] == [8000, LARGE, 24, 6, LARGE, 4000, 3]
        assert_same(load(stream, buffers)[:3], values[:3])

    def test_they_share_memory_with_the_object(self):
        blob = bytearray(LARGE)
        for obj in (A, A[10:20], A.astype("M8[s]"), np.asfortranarray(A.reshape(40, 25)), blob, memoryview(blob)[5:]):
            _, [buffer] = dump(obj)
            assert np.shares_memory(
                np.frombuffer(buffer, "u1"), np.frombuffer(obj, "u1") if obj is blob else np.asarray(obj)
            )

    def test_read_only_stays_read_only(self):
        frozen = A.copy()
        frozen.flags.writeable = False
        for obj, read_only in (
            (A, False),
            (frozen, True),
            (memoryview(b"abc"), True),
            (memoryview(bytearray(3)), False),
        ):
            stream, [buffer] = dump(obj)
            assert buffer.raw().readonly is read_only
            got = load(stream, [bytearray(buffer)])
            assert (not got.flags.writeable if isinstance(obj, np.ndarray) else got.readonly) is read_only

    def test_views_are_not_merged(self):
        """A user's callback is called for each as the stream comes to it; only the codecs can do otherwise."""
        _, buffers = dump([A, A[5:]])
        assert [buffer.raw().nbytes for buffer in buffers] == [8000, 7960]

    def test_a_callback_that_raises(self):
        def callback(buffer):
            raise KeyError("callback")

        for obj in (A, b"x" * LARGE, A[::2]):
            with pytest.raises(KeyError, match="callback"):
                Pickler(io.BytesIO(), 5, buffer_callback=callback).dump(obj)

    def test_protocol_5_is_needed(self):
        for protocol in (None, 0, 4):
            if protocol is None and pickle.DEFAULT_PROTOCOL >= 5:
                continue
            with pytest.raises(ValueError, match="protocol"):
                Pickler(io.BytesIO(), protocol, buffer_callback=[].append)


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return type(other) is Point and other.x == self.x

    __hash__ = None


def reduce_to_text(obj):
    return str, (f"reduced {type(obj).__name__}",)


class TestHooks:
    def test_reducer_override_reaches_ours_through_super(self):
        class Mine(Pickler):
            def reducer_override(self, obj):
                return reduce_to_text(obj) if isinstance(obj, Point) else super().reducer_override(obj)

        stream, buffers = dump([Point(1), A[::2], Point(2)], Mine)
        assert len(buffers) == 1
        first, got, second = load(stream, buffers)
        assert (first, second) == ("reduced Point", "reduced Point")
        assert_same(got, A[::2])

    def test_reducer_override_of_arrays(self):
        class Mine(Pickler):
            def reducer_override(self, obj):
                return reduce_to_text(obj) if type(obj) is np.ndarray else super().reducer_override(obj)

        stream, buffers = dump([A, memoryview(b"abc")], Mine)
        assert load(stream, buffers)[0] == "reduced ndarray"

    def test_reducer_override_on_an_instance(self):
        stream, buffers = dump(
            [A, Point(1)],
            reducer_override=lambda obj: reduce_to_text(obj) if isinstance(obj, Point) else NotImplemented,
        )
        got = load(stream, buffers)
        assert_same(got[0], A)
        assert got[1] == "reduced Point"

    def test_persistent_ids(self):
        class Mine(Pickler):
            def persistent_id(self, obj):
                return "the array" if obj is A else None

        class Theirs(Unpickler):
            def persistent_load(self, pid):
                assert pid == "the array"
                return A

        stream, buffers = dump([A, A[::2], b"x" * LARGE], Mine)
        assert len(buffers) == 2
        got = Theirs(io.BytesIO(stream), buffers=buffers).load()
        assert got[0] is A
        assert_same(got[1:], [A[::2], b"x" * LARGE])

    def test_large_persistent_ids(self):
        class Mine(Pickler):
            def persistent_id(self, obj):
                return b"i" * LARGE if obj is A else None

        class Theirs(Unpickler):
            def persistent_load(self, pid):
                return len(pid)

        stream, buffers = dump([A, A], Mine)
        assert Theirs(io.BytesIO(stream), buffers=buffers).load() == [LARGE, LARGE]

    def test_find_class(self):
        class Theirs(Unpickler):
            def find_class(self, module, name):
                assert not module.startswith("numpy.core")
                return super().find_class(module, name)

        stream, buffers = dump([Point(A), A[::2]])
        got = Theirs(io.BytesIO(stream), buffers=buffers).load()
        assert_same(got[1], A[::2])


class GetItemOnly:
    def __init__(self, content):
        self.content = content

    def __getitem__(self, key):
        return self.content[key]


class Missing(dict):
    def __missing__(self, key):
        if key is np.ndarray:
            return reduce_to_text
        raise KeyError(key)


TABLES = {
    "dict": dict,
    "chain": lambda content: collections.ChainMap({}, content, copyreg.dispatch_table),
    "user dict": collections.UserDict,
    "getitem alone": GetItemOnly,
}


class TestDispatchTables:
    """What a user registered for a type goes before what we know of it."""

    @pytest.mark.parametrize("kind", TABLES)
    @pytest.mark.parametrize(
        "obj",
        [A, A[::2], MATRIX, array.array("d", A), np.ma.MaskedArray(A), memoryview(b"abc")],
        ids=lambda o: type(o).__name__,
    )
    def test_on_an_instance(self, kind, obj):
        stream, buffers = dump([obj, b"x" * LARGE], dispatch_table=TABLES[kind]({type(obj): reduce_to_text}))
        assert load(stream, buffers) == [f"reduced {type(obj).__name__}", b"x" * LARGE]

    @pytest.mark.parametrize("kind", TABLES)
    def test_that_says_nothing_of_arrays(self, kind):
        stream, buffers = dump([A[::2], Point(1), {1}], dispatch_table=TABLES[kind]({Point: reduce_to_text}))
        got = load(stream, buffers)
        assert_same(got[0], A[::2])
        assert got[1:] == ["reduced Point", {1}]

    def test_with_missing(self):
        stream, buffers = dump([A, Point(1)], dispatch_table=Missing())
        assert load(stream, buffers) == ["reduced ndarray", Point(1)]

    def test_on_a_class(self):
        class Mine(Pickler):
            dispatch_table = {np.ndarray: reduce_to_text}

        assert load(*dump([A, A[::2]], Mine)) == ["reduced ndarray"] * 2

    @pytest.mark.parametrize("cls", [np.ndarray, np.matrix, array.array])
    def test_copyreg(self, cls):
        obj = {np.ndarray: A[::2], np.matrix: MATRIX, array.array: array.array("d", A)}[cls]
        assert cls not in copyreg.dispatch_table
        copyreg.pickle(cls, reduce_to_text)
        try:
            assert load(*dump(obj)) == f"reduced {cls.__name__}"
        finally:
            del copyreg.dispatch_table[cls]
        assert_same(load(*dump(obj)), obj)

    def test_a_table_hides_copyregs(self):
        copyreg.pickle(np.ndarray, reduce_to_text)
        try:
            assert_same(load(*dump(A[::2], dispatch_table={})), A[::2])
        finally:
            del copyreg.dispatch_table[np.ndarray]


class TestUse:
    def test_positional_and_keyword_arguments_as_pickles(self):
        for make in (
            lambda file: Pickler(file),
            lambda file: Pickler(file, 5),
            lambda file: Pickler(file, 5, True),
            lambda file: Pickler(file, 5, False, None),
            lambda file: Pickler(file=file, protocol=5, fix_imports=True, buffer_callback=None),
            lambda file: Pickler(file, -1, buffer_callback=[].append),
        ):
            file = io.BytesIO()
            make(file).dump([1, "two"])
            assert Unpickler(io.BytesIO(file.getvalue())).load() == [1, "two"]

    def test_several_dumps_share_the_memo(self):
        file, buffers = io.BytesIO(), []
        pickler = Pickler(file, 5, buffer_callback=buffers.append)
        blob = b"x" * LARGE
        for obj in (A, [A, blob], blob):
            pickler.dump(obj)
        assert len(buffers) == 2
        unpickler = pickle.Unpickler(io.BytesIO(file.getvalue()), buffers=iter(buffers))
        a, (again, first), second = (unpickler.load() for _ in range(3))
        assert a is again
        assert first is second

    def test_after_a_failure_it_can_be_used_again(self):
        file, buffers = io.BytesIO(), []
        pickler = Pickler(file, 5, buffer_callback=buffers.append)
        for bad in ([b"x" * LARGE, lambda: 0], [A, b"x" * LARGE, b"y" * LARGE, lambda: 0]):
            with pytest.raises((pickle.PicklingError, AttributeError)):
                pickler.dump(bad)
            pickler.clear_memo()
            file.seek(0)
            file.truncate()
            buffers.clear()
            pickler.dump([A, b"z" * LARGE])
            assert_same(load(file.getvalue(), buffers), [A, b"z" * LARGE])
            pickler.clear_memo()
            file.seek(0)
            file.truncate()
            buffers.clear()

    @pytest.mark.parametrize("file", [None, 5, object()])
    def test_a_file_without_write(self, file):
        for callback in (None, [].append):
            with pytest.raises(TypeError, match="write"):
                Pickler(file, 5, buffer_callback=callback)

    def test_nothing_is_held_after_it_is_gone(self):
        class Value:
            pass

        value = Value()
        value.array = np.arange(5.0)
        died = weakref.ref(value), weakref.ref(value.array)
        gc.disable()
        try:
            pickler = Pickler(io.BytesIO(), 5, buffer_callback=lambda buffer: None)
            with pytest.raises((pickle.PicklingError, AttributeError)) as caught:
                pickler.dump([value, value.array, lambda: 0])
            del pickler, value, caught
            assert [ref() for ref in died] == [None, None]
        finally:
            gc.enable()

    def test_a_real_file(self, tmp_path):
        buffers = []
        with open(tmp_path / "stream", "wb") as file:
            Pickler(file, 5, buffer_callback=buffers.append).dump([A[::2], b"x" * LARGE])
        with open(tmp_path / "stream", "rb") as file:
            assert_same(Unpickler(file, buffers=buffers).load(), [A[::2], b"x" * LARGE])

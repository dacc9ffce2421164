"""numpy's arrays: what travels of them, and what a rebuilder refuses. (tests/property has the long run of round trips.)"""

import io
import pickle
import warnings

import numpy as np
import pytest

from oobpickle import PickleCodec
from oobpickle.codec.reducers import numpy as reducers
from tests.same import assert_same, assert_same_dtype

CODEC = PickleCodec(small=0)


def round_trip(obj):
    stream, buffers = CODEC.encode(obj)
    return CODEC.decode(stream, list(map(bytearray, buffers)))


class Void(np.void):
    pass


class Record(np.record):
    pass


DTYPES = {
    "plain": np.dtype("f8"),
    "swapped": np.dtype(">i4"),
    "bool": np.dtype("?"),
    "longdouble": np.dtype("g"),
    "longlong": np.dtype("q"),
    "text": np.dtype("<U7"),
    "swapped text": np.dtype(">U7"),
    "bytes": np.dtype("S3"),
    "void": np.dtype("V9"),
    "datetime": np.dtype("M8[ns]"),
    "datetime of 25 s": np.dtype(">M8[25s]"),
    "datetime without unit": np.dtype(">M8"),
    "structured": np.dtype([("a", "i4"), ("b", "f8")]),
    "padded": np.dtype([("a", "i1"), ("b", "f8")], align=True),
    "with gaps": np.dtype({"names": ["a", "b"], "formats": ["i1", "i2"], "offsets": [3, 9], "itemsize": 20}),
    "overlapping": np.dtype({"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 2]}),
    "backwards": np.dtype({"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [8, 0]}),
    "titles": np.dtype([(("Title", "a"), "i4"), ("b", "f8")]),
    "titles that are no text": np.dtype({"names": ["a"], "formats": ["i4"], "titles": [("x", 1)]}),
    "nested": np.dtype([("a", [("x", "i4"), ("y", [("z", "S3")])]), ("b", "f8", (2, 3))]),
    "subarray of structures": np.dtype([("a", [("x", "i1"), ("y", "f4")], (4,))]),
    "no fields": np.dtype([]),
    "record": np.dtype((np.record, [("a", "i4")])),
    "record in a structure": np.dtype([("r", np.dtype((np.record, [("a", "i4")])))]),
    "record without fields": np.dtype((np.record, "V8")),
    "subclass of void": np.dtype((Void, [("a", "i4")])),
    "subclass of record": np.dtype((Record, [("a", "i4")])),
    "subclass of void without fields": np.dtype((Void, "V8")),
    "metadata": np.dtype("i4", metadata={"unit": "m"}),
    "metadata in a field": np.dtype([("a", np.dtype("i4", metadata={"unit": "m"}))]),
    "metadata in a subarray": np.dtype([("a", np.dtype("i4", metadata={"unit": "m"}), (2,))]),
    "names in Unicode": np.dtype([("ä", "i4"), ("名前", "f8")]),
    "many fields": np.dtype([(f"f{n}", "i4") for n in range(5000)]),
}


@pytest.mark.parametrize("name", DTYPES)
class TestDtypes:
    def test_told_and_read(self, name):
        description = reducers.describe(DTYPES[name])
        assert_same_dtype(reducers.dtype_of(pickle.loads(pickle.dumps(description))), DTYPES[name])

    @pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 2)], ids=str)
    def test_in_an_array(self, name, shape):
        assert_same(
            round_trip(np.zeros(shape, [("f", DTYPES[name])])["f"]), np.zeros(shape, [("f", DTYPES[name])])["f"]
        )

    def test_is_plain_values_where_they_can_tell_it(self, name):
        """No dtype is pickled: text and tuples take fewer opcodes, and a codec can check them."""
        needs_itself = (
            "metadata" in name or "subclass" in name or name in {"titles that are no text", "record without fields"}
        )
        stream, _ = CODEC.encode(np.zeros(1, DTYPES[name]))
        assert (b"_multiarray_umath" in stream or b"numpy\x93" in stream or b"\x8c\x05dtype" in stream) is needs_itself


class TestArrays:
    def test_three_million_strings(self):
        a = np.arange(3_000_000).astype("U8")
        stream, buffers = CODEC.encode(a)
        assert len(stream) < 4096
        assert_same(CODEC.decode(stream, buffers), a)

    def test_every_order_of_axes(self):
        a = np.arange(2 * 3 * 4.0).reshape(2, 3, 4)
        for axes in ((0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1), (2, 0, 1), (1, 2, 0)):
            view = a.transpose(axes)
            _, [buffer] = CODEC.encode(view)
            assert np.shares_memory(np.frombuffer(buffer, "f8"), a)
            got = round_trip(view)
            assert_same(got, view)
            assert got.strides == view.strides

    def test_axes_of_length_one_with_any_stride(self):
        a = np.lib.stride_tricks.as_strided(np.arange(10.0), (1, 10, 1), (-800, 8, 123456))
        assert_same(round_trip(a), a)

    def test_writability(self):
        frozen = np.arange(5.0)
        frozen.flags.writeable = False
        for a in (frozen, frozen[::2], frozen[:0], np.broadcast_to(5.0, (3, 3))):
            assert not round_trip(a).flags.writeable
        assert round_trip(np.arange(5.0)[::2]).flags.writeable

    def test_objects_and_strings_of_any_length_are_pickles(self):
        for a in (np.array([1, "two", None, [3]], object), np.array(["a", "b" * 100], np.dtypes.StringDType())):
            got = round_trip(a)
            assert got.dtype == a.dtype
            assert got.tolist() == a.tolist()

    def test_structures_that_hold_objects(self):
        a = np.array([(1, "two")], [("a", "i4"), ("b", "O")])
        assert round_trip(a).tolist() == a.tolist()

    def test_large_arrays_inside_object_arrays(self):
        inner = np.arange(100_000.0)
        outer = np.empty(2, object)
        outer[:] = [inner, inner[::2]]
        stream, buffers = CODEC.encode(outer)
        assert len(stream) < 2000
        assert_same(CODEC.decode(stream, buffers)[1], inner[::2])

    def test_scalars(self):
        for scalar in (np.float64(1.5), np.int8(3), np.datetime64("2024-01-01"), np.str_("ä"), np.bool_(True)):
            got = round_trip(scalar)
            assert type(got) is type(scalar)
            assert got == scalar
        void = np.zeros(1, [("a", "i4", (100_000,))])[0]
        stream, buffers = CODEC.encode(void)
        assert len(stream) < 1000
        assert CODEC.decode(stream, buffers) == void


class Plain(np.ndarray):
    """A subclass as most are."""

    def __array_finalize__(self, obj):
        self.note = getattr(obj, "note", "finalized")


class Stateful(np.ndarray):
    """One that pickles itself its own way, as numpy's documentation shows."""

    def __reduce__(self):
        rebuild, arguments, state = super().__reduce__()
        return rebuild, arguments, (*state, self.note)

    def __setstate__(self, state):
        self.note = state[-1]
        super().__setstate__(state[:-1])


class WithGetstate(np.ndarray):
    def __getstate__(self):
        raise RuntimeError("asked for its state")


def chararray(a):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from numpy 2.5 on
        return a.view(np.char.chararray)


@pytest.mark.filterwarnings("ignore:The chararray class is deprecated")
class TestSubclasses:
    @pytest.mark.parametrize(
        "a",
        [
            np.arange(6.0).reshape(2, 3).view(np.matrix),
            np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]).view(np.recarray),
            chararray(np.array(["abc", "d"])),
            np.arange(6.0).view(Plain),
            np.arange(6.0)[::2].view(Plain),
            np.asfortranarray(np.arange(6.0).reshape(2, 3)).view(Plain),
        ],
        ids=lambda a: type(a).__name__,
    )
    def test_round_trip(self, a):
        stream, buffers = CODEC.encode(a)
        assert buffers
        assert_same(round_trip(a), a)

    def test_finalize_runs_and_init_does_not(self):
        a = np.arange(3.0).view(Plain)
        a.note = "set"
        assert round_trip(a).note == "finalized"
        assert pickle.loads(pickle.dumps(a)).note == "finalized"  # as with pickle

    def test_one_with_a_state_of_its_own_keeps_it(self):
        a = np.arange(3.0).view(Stateful)
        a.note = "kept"
        got = round_trip(a)
        assert (type(got), got.note, got.tolist()) == (Stateful, "kept", [0, 1, 2])

    def test_one_with_getstate_is_left_to_pickle(self):
        try:
            pickle.dumps(np.arange(3.0).view(WithGetstate), 5)
            asked = False
        except RuntimeError:
            asked = True
        try:
            round_trip(np.arange(3.0).view(WithGetstate))
            assert not asked
        except Exception as error:
            assert asked, error

    def test_memmap(self, tmp_path):
        a = np.memmap(tmp_path / "a.bin", "f8", "w+", shape=(1000, 100))
        a[:] = np.arange(100)
        stream, [buffer] = CODEC.encode(a)
        assert np.shares_memory(np.frombuffer(buffer, "f8"), a)
        got = CODEC.decode(stream, [bytearray(buffer)])
        assert type(got) is type(pickle.loads(pickle.dumps(a)))
        np.testing.assert_array_equal(got, a)

    def test_an_array_and_a_subclass_view_of_it(self):
        a = np.arange(100_000.0)
        stream, buffers = CODEC.encode([a, a.view(Plain)])
        assert len(buffers) == 1
        first, second = CODEC.decode(stream, buffers)
        assert np.shares_memory(first, second)


def masked(data, mask=np.ma.nomask, **keywords):
    return np.ma.MaskedArray(data, mask, **keywords)


class TestMasked:
    @pytest.mark.parametrize(
        "a",
        [
            masked(np.arange(5.0)),
            masked(np.arange(5.0), [0, 1, 0, 0, 1]),
            masked(np.arange(5.0), np.zeros(5, bool)),
            masked(np.arange(5.0), [0, 1, 0, 0, 1], hard_mask=True, fill_value=-7),
            masked(np.arange(6.0).reshape(2, 3), [[0, 1, 0], [1, 0, 0]]),
            masked(np.array(["a", "bc"]), [0, 1], fill_value="z"),
            masked(np.arange(3).astype("M8[s]"), [0, 1, 0]),
            masked(np.zeros(3, [("a", "i4"), ("b", "f8")]), [(0, 1), (1, 0), (0, 0)], fill_value=(3, 4.5)),
            masked(np.array(5.0), True),
            masked(np.zeros(0), np.zeros(0, bool)),
            masked(np.arange(10.0)[::2], [0, 1, 0, 0, 1]),
        ],
        ids=range(11),
    )
    def test_round_trip(self, a):
        got = round_trip(a)
        assert type(got) is np.ma.MaskedArray
        assert_same(got, a)

    def test_data_and_mask_are_views(self):
        a = masked(np.arange(100_000.0), np.arange(100_000) % 3 == 0)
        stream, buffers = CODEC.encode(a)
        assert len(stream) < 1000
        assert sum(view.nbytes for view in buffers) == 900_000
        memory = list(map(bytearray, buffers))
        got = CODEC.decode(stream, memory)
        for part in (got.data, got.mask):
            assert any(np.shares_memory(part, np.frombuffer(m, "u1")) for m in memory)

    def test_no_fill_value_is_invented(self):
        assert round_trip(masked(np.arange(3.0)))._fill_value is None

    def test_masked_itself(self):
        assert round_trip([np.ma.masked])[0] is np.ma.masked

    def test_on_another_class(self):
        a = np.ma.MaskedArray(np.arange(4.0).reshape(2, 2).view(np.matrix), [[0, 1], [0, 0]])
        got = round_trip(a)
        assert got.baseclass is np.matrix
        np.testing.assert_array_equal(np.asarray(got.data), np.asarray(a.data))

    def test_mrecords(self):
        a = (
            np.ma.mrecords.fromarrays([np.arange(3), np.arange(3.0)], names="a,b")
            if hasattr(np.ma, "mrecords")
            else None
        )
        if a is not None:
            got = round_trip(a)
            assert type(got) is type(a)
            assert got.tolist() == a.tolist()


class TestRebuilders:
    """They check what numpy does not; here they are called as a forged stream would."""

    def array(self, buffer=bytes(80), description="<f8", shape=(10,), strides=None, writeable=True):
        return reducers.array(buffer, description, shape, strides, writeable)

    def test_a_good_one(self):
        assert self.array().shape == (10,)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"shape": (11,)},
            {"shape": (-1,)},
            {"shape": (-10,)},
            {"shape": (2**62, 2**62)},
            {"shape": (2**31, 2**33)},
            {"shape": 10},
            {"shape": ("10",)},
            {"shape": (10.0,)},
            {"shape": None},
            {"strides": (800,)},
            {"strides": (-8,)},
            {"strides": (8, 8)},
            {"strides": (0,), "shape": (1000,)},
            {"strides": (3,)},
            {"strides": (2**62,)},
            {"description": "O"},
            {"description": "|O"},
            {"description": np.dtype("O")},
            {"description": np.dtypes.StringDType()},
            {"description": ("struct", (("a", "O", 0, None),), 8, False)},
            {"description": ("struct", (("a", "f8", 1000, None),), 8, False)},
            {"description": ("struct", (("a", "f8", -8, None),), 8, False)},
            {"description": ("struct", (("a", "f8", 0, None), ("a", "f8", 0, None)), 8, False)},
            {"description": ("struct",)},
            {"description": ("record", 5, 8, False)},
            {"description": ("subarray", "O", (2,))},
            {"description": ("else", (), 8, False)},
            {"description": ()},
            {"description": "no such dtype"},
            {"description": 5},
            {"description": None},
            {"description": ["f8"]},
            {"description": "V0", "shape": (2**70,)},
            {"buffer": None},
            {"buffer": 5},
            {"buffer": "text"},
            {"buffer": bytes(79)},
            {"buffer": memoryview(bytes(160))[::2]},
        ],
        ids=range(38),
    )
    def test_nonsense_raises_plainly(self, wrong):
        with pytest.raises((TypeError, ValueError, OverflowError, KeyError, BufferError, MemoryError, AttributeError)):
            self.array(**wrong)

    def test_nothing_beyond_the_buffer_is_reached(self, rng):
        """Random shapes, strides and offsets: an array lies within its buffer, or there is none."""
        memory = bytearray(1000)
        low = np.frombuffer(memory, "u1").__array_interface__["data"][0]
        made = 0
        for _ in range(5000):
            ndim = int(rng.integers(1, 4))
            shape = tuple(int(n) for n in rng.integers(0, 12, ndim))
            strides = tuple(int(n) * 8 for n in rng.integers(-30, 30, ndim))
            spec = (
                "<f8",
                shape,
                strides if rng.random() < 0.8 else None,
                int(rng.integers(-50, 200)),
                int(rng.integers(1, 5)),
                True,
            )
            try:
                got = reducers.array_table(None, (memory, spec))
            except (ValueError, TypeError, OverflowError):
                continue
            for _ in range(spec[4]):
                a = got()
                if a.size:
                    made += 1
                    start, end = np.lib.array_utils.byte_bounds(a)
                    assert low <= start <= end <= low + 1000
        assert made > 100

    def test_a_table_gives_each_array_once(self):
        table = reducers.array_table(None, (bytes(16), ("<f8", (1,), None, 0, 2, True)))
        table()
        table()
        with pytest.raises(IndexError):
            table()

    def test_a_table_in_another_order(self):
        content = np.arange(3.0).tobytes()
        order = np.array([2, 0, 1], "<u4").tobytes()
        table = reducers.array_table(order, (content, ("<f8", (), None, 0, 3, True)))
        assert [float(table()) for _ in range(3)] == [2, 0, 1]

    def test_names_stand(self):
        """They are in people's pickles: they must not be moved."""
        for name in ("array", "array_table", "rebuild_subclass", "rebuild_masked"):
            assert getattr(reducers, name).__module__ == "oobpickle.codec.reducers.numpy"
        file = io.BytesIO()
        pickle.Pickler(file, 5).dump(reducers.array)
        assert b"oobpickle.codec.reducers.numpy" in file.getvalue()

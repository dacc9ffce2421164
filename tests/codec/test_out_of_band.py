"""Everything large leaves the stream: for each type an object of a megabyte, and the copies that it may cost.

The types are those of the issue: what stock pickle keeps in-band, and the libraries beside numpy. Through PickleCodec, and
through the drop-in Pickler.
"""

import array
import io
import pickle
import tracemalloc
import warnings

import numpy as np
import pytest

from oobpickle import PickleCodec, Pickler, Unpickler
from tests.same import assert_same

MB = 1 << 20
A = np.arange(2 * MB // 8, dtype="f8")
I8 = np.arange(MB // 8)
FROZEN = np.arange(MB // 8)
FROZEN.flags.writeable = False


def chararray(a):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from numpy 2.5 on
        return a.view(np.char.chararray)


# name: (object, bytes that the encoder may copy, in copies of the object)
PLAIN = {
    "plain": (A[: MB // 8], 0),
    "read-only": (FROZEN, 0),
    "fortran": (np.asfortranarray(A[: MB // 8].reshape(512, 256)), 0),
    "axes permuted": (A[: MB // 8].reshape(64, 8, 256).transpose(1, 2, 0), 0),
    "byte-swapped": (I8.astype(">i8"), 0),
    "half": (np.ones(MB // 2, "f2"), 0),
    "longdouble": (np.ones(MB // 16, "g"), 0),
    "bool": (np.ones(MB, bool), 0),
    "strided": (A[::2], 1),
    "reversed": (A[: MB // 8][::-1], 1),
    "2-d part": (A.reshape(512, 512)[:, 100:356], 1),
    "broadcast": (np.broadcast_to(A[:512], (256, 512)), 1),
    "datetime64": (I8.astype("M8[ns]"), 0),
    "timedelta64": (I8.astype("m8[s]"), 0),
    "datetime64, strided": (I8.astype("M8[ns]").repeat(2)[::2], 1),
    "structured": (np.zeros(MB // 16, [("a", "i4"), ("b", "f8"), ("c", "i4")]), 0),
    "structured with datetime64": (np.zeros(MB // 16, [("a", "M8[s]"), ("b", "f8")]), 0),
    "padded": (np.zeros(MB // 16, np.dtype([("a", "i1"), ("b", "f8")], align=True)), 0),
    "nested": (np.zeros(MB // 16, [("a", [("x", "i4"), ("y", "f4")]), ("b", "f4", 2)]), 0),
    "record": (np.zeros(MB // 16, np.dtype((np.record, [("a", "i8"), ("b", "f8")]))), 0),
    "recarray": (np.zeros(MB // 16, [("a", "i8"), ("b", "f8")]).view(np.recarray), 0),
    "void": (np.zeros(MB // 16, "V16"), 0),
    "bytes of numpy": (np.zeros(MB // 16, "S16"), 0),
    "text of numpy": (np.arange(MB // 32).astype("U8"), 0),
    "chararray": (chararray(np.arange(MB // 32).astype("U8")), 0),
    "matrix": (A[: MB // 8].reshape(512, 256).view(np.matrix), 0),
    "masked": (np.ma.MaskedArray(A[: MB // 9], mask=A[: MB // 9] > 5), 0),
    "masked, strided": (np.ma.MaskedArray(A, mask=A > 5)[::2], 1.2),
    "array.array": (array.array("d", bytes(MB)), 0),
    "memoryview": (memoryview(bytearray(MB)), 0),
    "memoryview, read-only": (memoryview(bytes(MB)), 0),
    "memoryview of doubles": (memoryview(A[: MB // 8]), 0),
    "memoryview, strided": (memoryview(bytearray(2 * MB))[::2], 1),
    "bytes": (bytes(MB), 0),
    "bytearray": (bytearray(MB), 0),
    "0-d, large": (np.zeros((), f"V{MB}"), 0),
    "many small": ([np.full(128, n, "f8") for n in range(1024)], 1.01),
    "many small of two kinds": ([np.full(64 + n % 2, n, "i8") for n in range(2048)], 1.01),
    "PickleBuffer": (pickle.PickleBuffer(bytearray(MB)), 0),
}
CODEC = PickleCodec()


@pytest.fixture(scope="module", autouse=True)
def memmap(tmp_path_factory):
    mapped = np.memmap(tmp_path_factory.mktemp("m") / "a", "f8", "w+", shape=(MB // 8,))
    mapped[:] = I8
    PLAIN["memmap"] = (mapped, 0)
    yield
    del PLAIN["memmap"], mapped


@pytest.mark.filterwarnings("ignore:The chararray class is deprecated")
@pytest.mark.parametrize("name", [*PLAIN, "memmap"])
class TestNumpyAndTheStandardLibrary:
    def test_the_stream_is_small_and_the_copies_are_those_allowed(self, name):
        obj, copies = PLAIN[name]
        CODEC.encode(obj)  # what a first time imports and keeps
        tracemalloc.start()
        try:
            stream, buffers = CODEC.encode(obj)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        # A list of 1,000 arrays is in the stream as 1,000 items: its limit is for one object of a megabyte.
        assert len(stream) < (20 * len(obj) if isinstance(obj, list) else 4096)
        assert sum(view.nbytes for view in buffers) >= 0.99 * MB
        lists = 600_000 if isinstance(obj, list) else 0
        assert peak < copies * MB + 20_000 + lists
        if copies == 0 and not isinstance(obj, (bytes, bytearray, pickle.PickleBuffer)):
            source = obj.data if isinstance(obj, np.ma.MaskedArray) else obj
            views = [np.frombuffer(view, "u1") for view in buffers]
            assert any(np.shares_memory(view, np.asarray(source)) for view in views)

    def test_what_arrives_is_equal(self, name):
        obj, _ = PLAIN[name]
        stream, buffers = CODEC.encode(obj)
        got = CODEC.decode(stream, list(map(bytearray, buffers)))
        if name == "PickleBuffer":
            assert bytes(got) == bytes(obj)
        elif name == "memmap":
            np.testing.assert_array_equal(got, obj)
        else:
            assert_same(got, obj)

    def test_through_the_drop_in_pickler(self, name):
        obj, _ = PLAIN[name]
        file, buffers = io.BytesIO(), []
        Pickler(file, 5, buffer_callback=buffers.append).dump(obj)
        # It gathers nothing: of 1,000 arrays each is described.
        assert len(file.getvalue()) < (70 * len(obj) if isinstance(obj, list) else 4096)
        assert sum(buffer.raw().nbytes for buffer in buffers) >= 0.99 * MB
        got = Unpickler(io.BytesIO(file.getvalue()), buffers=buffers).load()
        if name == "PickleBuffer":
            assert bytes(got) == bytes(obj)
        elif name == "memmap":
            np.testing.assert_array_equal(got, obj)
        else:
            assert_same(got, obj)


def test_what_is_text_of_the_stream():
    """Object arrays and StringDType: their values are objects, and in the stream."""
    objects = np.array([f"value {n}" for n in range(10_000)], object)
    strings = objects.astype(np.dtypes.StringDType())
    for a in (objects, strings):
        stream, buffers = CODEC.encode(a)
        assert len(stream) > 100_000
        assert buffers == []
        got = CODEC.decode(stream, buffers)
        assert got.dtype == a.dtype
        assert got.tolist() == a.tolist()


# Libraries


def pandas_objects():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    n = MB // 8
    floats = pd.DataFrame({f"c{k}": np.arange(n // 4) + k for k in range(4)}, dtype="float64")
    times = pd.date_range("2024-01-01", periods=n, freq="s")
    text = pd.Series([f"text {k % 1000}" for k in range(n // 2)])
    return {
        "floats": floats,
        "mixed": floats.assign(i=np.arange(n // 4), b=True),
        "series": pd.Series(np.arange(n)),
        "nullable": pd.DataFrame({"a": pd.array([1, None] * (n // 2), dtype="Int64")}),
        "nullable floats": pd.Series(np.arange(float(n)), dtype="Float64"),
        "nullable bools": pd.Series(np.arange(MB) % 2 == 0, dtype="boolean"),
        "datetime": pd.DataFrame({"t": times}),
        "datetime with zone": pd.DataFrame(
            {"t": times.tz_localize("Europe/Berlin", ambiguous=True, nonexistent="shift_forward")}
        ),
        "timedelta": pd.Series(np.arange(n).astype("m8[s]")),
        "period": pd.Series(pd.period_range("1900-01", periods=n // 8, freq="D")).repeat(8).reset_index(drop=True),
        "interval": pd.Series(pd.interval_range(0, n // 2, n // 2)),
        "categorical": pd.DataFrame({"c": pd.Categorical.from_codes(np.arange(MB) % 3, ["a", "b", "c"])}),
        "multiindex": pd.DataFrame(
            {"v": np.arange(float(n))},
            index=pd.MultiIndex.from_arrays([np.arange(n) % 7, np.arange(n)], names=["a", "b"]),
        ),
        "datetime index": pd.Series(np.arange(float(n)), index=times),
        "sparse": pd.Series(pd.arrays.SparseArray(np.where(np.arange(n) % 2, 0.0, np.arange(n)))),
        "arrow": pd.DataFrame({"a": pd.array(range(n), dtype="int64[pyarrow]"), "s": text.repeat(2).array}).astype(
            {"s": "string[pyarrow]"}
        ),
    }


PANDAS = [
    "floats", "mixed", "series", "nullable", "nullable floats", "nullable bools", "datetime", "datetime with zone", "timedelta",
    "period", "interval", "categorical", "multiindex", "datetime index", "sparse", "arrow",
]  # fmt: skip


@pytest.fixture(scope="module")
def frames():
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    return pandas_objects()


class TestPandas:
    def test_all_are_listed(self, frames):
        assert list(frames) == PANDAS

    @pytest.mark.parametrize("name", PANDAS)
    def test_out_of_band_and_equal(self, frames, name):
        import pandas as pd

        obj = frames[name]
        stream, buffers = CODEC.encode(obj)
        assert len(stream) < 4096
        assert sum(view.nbytes for view in buffers) > 0.9 * MB
        got = CODEC.decode(stream, list(map(bytearray, buffers)))
        assert type(got) is type(obj)
        assert got.equals(obj)
        assert got.index.equals(obj.index)
        assert got.index.names == obj.index.names
        if isinstance(obj, pd.DataFrame):
            assert list(got.dtypes) == list(obj.dtypes)
        else:
            assert got.dtype == obj.dtype

    @pytest.mark.parametrize("name", PANDAS)
    def test_drop_in_pickler(self, frames, name):
        file, buffers = io.BytesIO(), []
        Pickler(file, 5, buffer_callback=buffers.append).dump(frames[name])
        assert len(file.getvalue()) < 4096
        assert pickle.loads(file.getvalue(), buffers=buffers).equals(frames[name])

    def test_what_arrives_can_be_written_to(self, frames):
        stream, buffers = CODEC.encode(frames["mixed"])
        got = CODEC.decode(stream, list(map(bytearray, buffers)))
        got.loc[5, "c0"] = -1.0
        got["i"] += 1
        assert got.loc[5, "c0"] == -1.0
        assert frames["mixed"].loc[5, "c0"] == 5.0

    def test_python_strings_are_text_of_the_stream(self):
        pd = pytest.importorskip("pandas")
        obj = pd.Series([f"value {n}" for n in range(10_000)], dtype="string[python]")
        stream, buffers = CODEC.encode(obj)
        assert len(stream) > 100_000
        assert CODEC.decode(stream, buffers).equals(obj)


class TestScipy:
    @pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia", "csr_matrix"])
    def test_out_of_band_and_equal(self, kind):
        sparse = pytest.importorskip("scipy.sparse", reason="scipy is not installed")
        some = sparse.random_array((1000, 1000), density=0.1, rng=np.random.default_rng(1))
        if kind == "dia":
            obj = sparse.dia_array((np.ones((131, 1000)), np.arange(131)), shape=(1000, 1000))
        else:
            obj = sparse.csr_matrix(some) if kind == "csr_matrix" else getattr(some, f"to{kind}")()
        stream, buffers = CODEC.encode(obj)
        assert len(stream) < 4096
        assert sum(view.nbytes for view in buffers) > 0.9 * MB
        got = CODEC.decode(stream, list(map(bytearray, buffers)))
        assert type(got) is type(obj)
        assert abs(got - obj).sum() == 0


class TestPyarrow:
    @pytest.fixture
    def pa(self):
        return pytest.importorskip("pyarrow", reason="pyarrow is not installed")

    def test_out_of_band_and_equal(self, pa):
        n = MB // 16
        table = pa.table(
            {
                "i": np.arange(n),
                "f": pa.array(np.arange(float(n)), mask=np.arange(n) % 3 == 0),
                "s": pa.array([f"text {k}" for k in range(n)]),
                "l": pa.array([[k, k + 1] for k in range(n)]),
                "d": pa.array([f"{k % 5}" for k in range(n)]).dictionary_encode(),
            }
        )
        for obj in (
            table,
            table["f"],
            table["s"].chunk(0),
            table.to_batches()[0],
            pa.py_buffer(bytes(MB)),
            table.schema,
        ):
            stream, buffers = CODEC.encode(obj)
            assert len(stream) < 4096
            if not isinstance(obj, pa.Schema):
                assert sum(view.nbytes for view in buffers) > 0.5 * MB
            got = CODEC.decode(stream, list(map(bytearray, buffers)))
            assert type(got) is type(obj)
            assert got.equals(obj)

    def test_it_is_a_view_of_the_buffers(self, pa):
        stream, buffers = CODEC.encode(pa.array(np.arange(MB // 8)))
        memory = list(map(bytearray, buffers))
        got = CODEC.decode(stream, memory)
        assert any(np.shares_memory(got.to_numpy(), np.frombuffer(m, "u1")) for m in memory)


def test_no_library_is_imported_that_the_user_has_not(python):
    """Neither by `import oobpickle` nor by encoding and decoding what is of numpy."""
    code = """
import sys, collections
import numpy as np
import oobpickle
from oobpickle import PickleCodec
codec = PickleCodec()
obj = {"a": np.ones(50_000), "m": np.ma.MaskedArray([1.0]), "r": np.zeros(3, "i4,f8").view(np.recarray),
       "d": collections.OrderedDict(a=1), "t": np.zeros(5, "M8[s]"), "o": np.array([None]), "b": b"x" * 100_000}
frames = oobpickle.dumps(obj, codec="pickle")
oobpickle.loads(frames, codec="pickle")
print(*{name.partition(".")[0] for name in sys.modules} & {"pandas", "scipy", "pyarrow", "torch", "asyncio", "typer", "rich"})
"""
    assert python(code).split() == []

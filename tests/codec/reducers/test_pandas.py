"""pandas in the data codec: columns keep their memory, and what a peer says of them is checked before pandas sees it."""

import numpy as np
import pytest

from oobpickle import DataCodec, DecodeError
from tests.alike import assert_alike
from tests.hostile.libraries import Call, case_of

pd = pytest.importorskip("pandas")

CODEC = DataCodec()


def call(obj, change):
    """A message with the call that obj reduces to, its arguments changed."""
    CODEC.encode(obj)
    rebuilder, arguments = CODEC._vocabulary.reducers[type(obj)](obj)
    return case_of(Call(rebuilder, tuple(change(list(arguments)))))


def refused(obj, change):
    case = call(obj, change)
    with pytest.raises(DecodeError) as caught:
        CODEC.decode(case.stream, case.buffers)
    return str(caught.value)


def replaced(place, value):
    def change(arguments):
        arguments[place] = value
        return arguments

    return change


class TestMemory:
    def test_numeric_columns_are_not_copied_on_either_side(self):
        frame = pd.DataFrame(np.arange(80_000.0).reshape(20_000, 4), columns=list("abcd"))
        stream, buffers = CODEC.encode(frame)
        assert len(stream) < 1000
        assert any(np.shares_memory(np.frombuffer(b, "u1"), frame["a"].array.to_numpy()) for b in buffers)
        memory = [bytearray(b) for b in buffers]
        got = CODEC.decode(stream, memory)
        assert_alike(got, frame)
        assert any(np.shares_memory(np.frombuffer(b, "u1"), got["a"].array.to_numpy()) for b in memory)

    @pytest.mark.parametrize(
        "values",
        [
            pd.date_range("2024", periods=20_000, freq="s").array,
            pd.timedelta_range("1D", periods=20_000).array,
            pd.array(np.arange(20_000)),
            pd.array([1, None] * 10_000, dtype="Int32"),
            pd.Categorical.from_codes(np.zeros(20_000, "i4"), ["a", "b"]),
        ],
        ids=lambda values: type(values).__name__,
    )
    def test_large_columns_are_out_of_band(self, values):
        stream, buffers = CODEC.encode(pd.Series(values))
        assert len(stream) < 2000
        assert sum(b.nbytes for b in buffers) >= 20_000
        assert_alike(CODEC.decode(stream, buffers), pd.Series(values))


class TestWhatIsSentIsChecked:
    FRAME = pd.DataFrame({"a": [1.5, 2.5], "b": [3, 4]}, index=["x", "y"])

    def test_blocks_are_a_permutation_of_the_columns(self):
        CODEC.encode(self.FRAME)
        _, (blocks, *_) = CODEC._vocabulary.reducers[pd.DataFrame](self.FRAME)
        (first, place), (second, other) = blocks
        for wrong in (
            ((first, place), (second, place)),
            ((first, place),),
            ((first, place), (second, np.array([2], "<u4").tobytes())),
            ((first, place), (second, b"")),
            ((first, place), (second, other + other)),
            ((first.T, place), (second, other)),
            ((np.zeros((1, 3)), place), (second, other)),
            ((np.zeros((1, 2), "V3"), place), (second, other)),
        ):
            assert refused(self.FRAME, replaced(0, wrong))

    def test_an_index_of_another_length(self):
        assert refused(self.FRAME, replaced(1, pd.RangeIndex(3)))
        assert refused(self.FRAME, replaced(2, pd.RangeIndex(1)))
        assert refused(self.FRAME, replaced(1, np.arange(2)))

    @pytest.mark.parametrize("code", [3, -2, 127, -128])
    def test_codes_are_of_categories(self, code):
        categorical = pd.Categorical(["a", "b", "c"])

        def change(arguments):
            return [
                np.array([0, code, 1], "i1") if isinstance(a, np.ndarray) and a.dtype.kind == "i" else a
                for a in arguments
            ]

        assert refused(categorical, change)

    def test_codes_of_a_multi_index(self):
        index = pd.MultiIndex.from_product([[1, 2], ["a", "b"]])

        def change(arguments):
            place = next(n for n, a in enumerate(arguments) if type(a) is tuple and a and isinstance(a[0], np.ndarray))
            codes = arguments[place]
            arguments[place] = (np.full_like(codes[0], 2), *codes[1:])
            return arguments

        assert refused(index, change)

    def test_a_mask_of_another_length(self):
        values = pd.array([1, None, 3], dtype="Int16")

        def change(arguments):
            return [a[:-1] if isinstance(a, np.ndarray) and a.dtype == bool else a for a in arguments]

        assert refused(values, change)

"""What tells a dtype and an array is checked before numpy sees it."""

import tracemalloc

import numpy as np
import pytest

from oobpickle.codec import allowance
from oobpickle.codec.reducers.checked import DTYPE_DEPTH, check_shape, checked_dtype, checked_table, plain_table
from oobpickle.codec.reducers.numpy import describe
from oobpickle.limits import DEFAULT
from tests.same import assert_same_dtype

byte_bounds = getattr(np.lib, "array_utils", np).byte_bounds  # moved in numpy 2.0
ONE = (("a", "<f8", 0, None),)


class Text(str):
    pass


@pytest.fixture
def decoding():
    """Begins a decode; what it is given are limits."""
    before = []

    def begin(arrays=0, **bounds):
        before.append(allowance.begin(DEFAULT.replace(**bounds), 0, arrays))

    yield begin
    for held in reversed(before):
        allowance.end(held)


DTYPES = [
    *("?", "i1", "<u8", ">f4", "g", "c16", "S", "S7", "<U3", ">U3", "V5", "M8", "m8", "M8[25us]", ">m8[999999999Y]"),
    *([("", "i4")], [("a", "S3", (2, 3)), (("title", "b"), "M8[s]")], [("a", [("b", [("c", "V0")])])]),
    np.dtype([("a", "i1"), ("b", "f8")], align=True),
    np.dtype((np.record, [("a", "i1"), ("b", "f8")])),
    {"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [2, 0], "itemsize": 9},
    {"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 0]},
    [],
]


@pytest.mark.parametrize("told", DTYPES, ids=str)
def test_what_describe_tells(told):
    dtype = np.dtype(told)
    for _ in range(2):  # built, and out of the cache
        assert_same_dtype(checked_dtype(describe(dtype)), dtype)


@pytest.mark.parametrize("told", ["O", [("a", "i1"), ("b", "O")], [("a", "O", 2)]], ids=str)
def test_objects_are_for_those_who_ask(told):
    dtype = np.dtype(told)
    with pytest.raises(ValueError, match="Python objects"):
        checked_dtype(describe(dtype))
    assert_same_dtype(checked_dtype(describe(dtype), objects=True), dtype)


def nested(depth):
    told = "|u1"
    for _ in range(depth):
        told = ("struct", (("a", told, 0, None),), 1, False)
    return told


WRONG = [
    *("", "f8", "=f8", "<f8,", "<f8 ", "<f8\n", "(2,)<f8", "<i3", "<i99", "float64", "<T8", "|S9999999999", "<U999999999"),
    *("<M8[0s]", "<m8[00Y]", "<M8[01s]", "<M8[-1s]", "<M8[s/2]", "<M8[]", "<M8[B]", "<M8[9999999999s]"),
    *(None, 8, b"<f8", Text("<f8"), np.dtype("f8"), np.float64, ["<f8"], (), ("subarray",), ("struct", ONE, 8, False, 0)),
    *(("array", "<f8", (2,)), (Text("subarray"), "<f8", (2,)), ("subarray", "<f8", 2), ("subarray", "<f8", (-1,))),
    *(("subarray", "<f8", (True,)), ("subarray", "<f8", [2]), ("subarray", "<f8", (2**40, 2**40))),
    *(("structure", ONE, 8, False), ("struct", list(ONE), 8, False), ("struct", ONE, 8, 0), ("struct", ONE, 8.0, False)),
    *(("struct", ONE, 7, False), ("struct", ONE, -8, False), ("struct", (), -1, False), ("struct", ONE, 2**40, False)),
    *(("struct", (("a", "<f8", -1, None),), 8, False), ("struct", (("a", "<f8", 1, None),), 8, False)),
    *(("struct", (("a", "<f8", 0),), 8, False), ("struct", ((1, "<f8", 0, None),), 8, False)),
    *(("struct", (("a", "<f8", True, None),), 9, False), ("struct", (("a", "<f8", 0, 5),), 8, False)),
    *(("struct", (("a", "<f8", 0, "a"),), 8, False), ("struct", ONE * 2, 8, False), nested(DTYPE_DEPTH + 1)),
    ("struct", (("a", "|O", 0, None), ("b", "<i8", 0, None)), 8, False),  # an integer, taken for a pointer
    ("struct", (("a", "<f8", 1, None),), 9, True),
]  # fmt: skip


@pytest.mark.parametrize("told", WRONG, ids=lambda told: ascii(told)[:60])
def test_what_tells_no_dtype_is_refused(told):
    for _ in range(2):  # a refusal is not kept for a dtype
        with pytest.raises((TypeError, ValueError)):
            checked_dtype(told, objects=True)


def test_depth():
    assert checked_dtype(nested(DTYPE_DEPTH)).itemsize == 1


@pytest.mark.parametrize("told", ["|V11", ("subarray", "|u1", (11,)), ("struct", (), 11, False)], ids=str)
def test_an_element_is_bounded_though_a_freer_codec_has_seen_it(told, decoding):
    assert checked_dtype(told).itemsize == 11
    decoding(itemsize=11)
    checked_dtype(told)
    decoding(itemsize=10)
    with pytest.raises(ValueError, match=r"limits\.itemsize"):
        checked_dtype(told)


def test_the_description_is_bounded_and_paid_for(decoding):
    told = ("struct", (("a" * 68, "<f8", 0, None),), 8, False)  # 16 for each tuple, and its 71 characters
    decoding(dtype_text=103)
    checked_dtype(told)
    for _ in range(allowance.BASE // (32 * 103) - 1):
        checked_dtype(told)
    with pytest.raises(ValueError, match="more copies"):
        checked_dtype(told)
    decoding(dtype_text=102)
    with pytest.raises(ValueError, match=r"limits\.dtype_text"):
        checked_dtype(told)


def test_shapes(decoding):
    for shape in ((), (0,), (2**70, 0), (1,) * 64):
        check_shape(shape)
    for shape in ([1], 1, None, (-1,), (1.0,), (True,), (None,), ((1,),), (1,) * 65):
        with pytest.raises(TypeError):
            check_shape(shape)
    decoding(dimensions=2)
    check_shape((1, 1))
    with pytest.raises(TypeError, match=r"limits\.dimensions"):
        check_shape((1, 1, 1))


MEMORY = memoryview(bytes(range(96)))


def spec(description="<f8", shape=(12,), strides=None, offset=0, count=1, writeable=False):
    return description, shape, strides, offset, count, writeable


FITTING = {
    "all": spec(),
    "the end": spec(shape=(1,), offset=88),
    "several": spec(shape=(2, 2), count=3),
    "from the end": spec(strides=(-8,), offset=88),
    "from the end, several": spec(shape=(4,), strides=(-8,), offset=24, count=3),
    "with gaps": spec("|u1", shape=(2, 3), strides=(50, 20), offset=5),
    "no dimensions": spec(shape=(), offset=88),
    "empty, anywhere": spec(shape=(0, 5), offset=1000),
}
OUTSIDE = {
    "all and one": spec("|u1", shape=(97,)),
    "past the end": spec(shape=(1,), offset=89),
    "one too many": spec(shape=(2, 2), count=4),
    "before the start": spec(strides=(-8,), offset=80),
    "the last of several": spec(shape=(4,), strides=(-8,), offset=25, count=3),
    "with gaps": spec("|u1", shape=(2, 3), strides=(50, 20), offset=6),
    "strides that wrap": spec("|u1", shape=(3,), strides=(-(2**63),)),
    "no dimensions": spec(shape=(), offset=89),
}


@pytest.mark.parametrize("table", [checked_table, plain_table])
class TestTables:
    @pytest.mark.parametrize("name", FITTING)
    def test_what_fits(self, table, name):
        told = FITTING[name]
        source = table(None, (MEMORY, told))
        for _ in range(told[4]):
            got = source()
            assert (got.dtype.str, got.shape) == told[:2]
            low, high = byte_bounds(got)
            start, end = byte_bounds(np.frombuffer(MEMORY, "u1"))
            assert not got.size or start <= low <= high <= end

    @pytest.mark.parametrize("name", OUTSIDE)
    def test_what_reaches_out(self, table, name):
        with pytest.raises(ValueError):
            table(None, (MEMORY, OUTSIDE[name]))

    def test_as_many_as_the_stream_takes(self, table, decoding):
        groups = (MEMORY, spec(shape=(2,), count=3), spec(shape=(1,))), (MEMORY, spec())
        decoding(arrays=5)
        table(None, *groups)
        for wrong in (4, 6):
            decoding(arrays=wrong)
            with pytest.raises(ValueError, match=f"5 arrays, of which the stream takes {wrong}"):
                table(None, *groups)

    def test_a_huge_count_allocates_nothing(self, table, decoding):
        decoding(arrays=2)
        tracemalloc.start()
        try:
            for told in (spec("|V0", count=2**50), spec(shape=(0,), count=2**50), spec(shape=(2**50,), strides=(0,))):
                with pytest.raises(ValueError):
                    table(None, (MEMORY, told))
            assert tracemalloc.get_traced_memory()[1] < 100_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("buffer", ["text", 5, [1], np.zeros(12)], ids=str)
def test_only_bytes_are_a_buffer(buffer):
    with pytest.raises(TypeError, match="no buffer"):
        checked_table(None, (buffer, spec()))


@pytest.mark.parametrize(
    "told",
    [
        *([*spec()], spec()[:5], (*spec(), None), spec(shape=[12]), spec(offset=0.0), spec(offset=True), spec(count=True)),
        *(spec(count=0), spec(offset=-8), spec(writeable=1), spec(strides=[8]), spec(strides=(8, 8)), spec(strides=(8.0,))),
        *(spec(("subarray", "<f8", (2,))), spec("|O")),
    ],
    ids=str,
)  # fmt: skip
def test_a_spec_is_checked(told):
    with pytest.raises((TypeError, ValueError)):
        checked_table(None, (MEMORY, told))


def test_the_order(decoding):
    group = (MEMORY, spec("|u1", (1,)), spec("|u1", (2,)))
    source = checked_table(b"\1\0\0\0\0\0\0\0", group)
    assert [source().shape, source().shape] == [(2,), (1,)]
    for order in (b"", bytes(7), bytes(9), bytearray(8), "00000000", b"\2\0\0\0\0\0\0\0"):
        with pytest.raises((ValueError, IndexError)):
            checked_table(order, group)

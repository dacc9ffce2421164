"""numpy's values that stand on no buffer: filled from plain arguments that fit, and no dearer than they are."""

import numpy as np
import pytest

from oobpickle.codec import allowance
from oobpickle.codec.reducers import numpy_values
from oobpickle.limits import DEFAULT
from tests.same import assert_same

OBJECTS = ("struct", (("n", "<i4", 0, None), ("o", "|O", 8, None)), 16, False)
FIELDS = np.array([1, 2], "i4"), np.array(["x", None], object)


class Sub(np.ndarray):
    pass


def rebuilt(value):
    rebuilder, arguments = numpy_values.DATA_REDUCERS[type(value)](value)
    return rebuilder(*arguments)


SCALARS = [
    *(np.bool_(True), np.int8(-128), np.uint64(2**64 - 1), np.float16(-0.0), np.longdouble(1) / 3, np.complex64(1j)),
    *(np.datetime64("NaT", "s"), np.datetime64("2024", "25Y"), np.timedelta64(-1, "D"), np.timedelta64(1, "7as")),
    *(np.str_(""), np.str_("é\udcff"), np.bytes_(b""), np.bytes_(b"a\0")),
]


@pytest.mark.parametrize("value", SCALARS, ids=ascii)
def test_a_scalar(value):
    got = rebuilt(value)
    assert type(got) is type(value)
    assert (got.dtype, got.tobytes()) == (value.dtype, value.tobytes())


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (2, 0, 2**40), (2, 3)])
@pytest.mark.parametrize("writeable", [True, False])
def test_objects(shape, writeable):
    """Each element is as it is: a list stays a list, and is no dimension."""
    elements = [[n, n] for n in range(int(np.prod(shape)))]
    for fortran in (False, True):
        got = numpy_values.rebuild_objects(elements, shape, fortran, writeable)
        assert (got.shape, got.dtype, got.flags.writeable) == (shape, object, writeable)
        assert got.flags.f_contiguous if fortran else got.flags.c_contiguous
        assert all(a is b for a, b in zip((got.T if fortran else got).flat, elements, strict=True))


@pytest.mark.parametrize("shape", [(2,), (1, 2)])
def test_fields(shape):
    sent = np.empty(shape, np.dtype({"names": ["n", "o"], "formats": ["i4", "O"], "offsets": [0, 8]}))
    for name, field in zip("no", FIELDS, strict=True):
        sent[name] = field
    rebuilder, arguments = numpy_values.reduce_with_objects(sent)
    assert_same(rebuilder(*arguments), sent)


ONE = np.zeros(2)
WRONG = {
    "objects": [
        *(([1], (2,), False, True), ([1], (), 0, True), ([1], (), False, None), ((1,), (1,), False, True)),
        *(([1], [1], False, True), ([1], 1, False, True), ([1], (True,), False, True), ([], (-1, 0), False, True)),
    ],
    "texts": [
        *((["a", 1], (2,), True), (["a", np.str_("b")], (2,), True), (["a"], (), 1), ("a", (1,), True)),
        *((["a"], (1,), True, None), (["a"], (1,), True, "nan", 1), (["a"], (1,), True, "nan", True, 0)),
    ],
    "fields": [
        *((OBJECTS, (2,), FIELDS[:1], True), (OBJECTS, (2,), list(FIELDS), True), (OBJECTS, (3,), FIELDS, True)),
        *((OBJECTS, (2,), FIELDS[::-1], True), (OBJECTS, (2,), (FIELDS[0].astype("i8"), FIELDS[1]), True)),
        *((OBJECTS, (2,), (FIELDS[0].view(Sub), FIELDS[1]), True), (OBJECTS, (2,), FIELDS, 1), ("|O", (2,), (), True)),
    ],
    "scalar": [
        *(
            ("<f8", bytes(7)),
            ("<f8", bytes(16)),
            ("<f8", bytearray(8)),
            ("|O", bytes(8)),
            ("|V8", bytes(8)),
            ("|S8", bytes(8)),
            ("<f8", 1.0),
        ),
        *(("<M8[0s]", bytes(8)), (("subarray", "<f4", (2,)), bytes(8)), (np.dtype("f8"), bytes(8)), ("f8", bytes(8))),
    ],
    "str": [(b"a",), (np.str_("a"),), (1,)],
    "bytes": [("a",), (1 << 40,), (bytearray(1),), (np.bytes_(b"a"),)],
    "void": [(np.zeros(1, "V3"),), (np.zeros(()),), (np.zeros((), "V3").view(Sub),), (np.void(b"a"),), (b"a",)],
    "text_dtype": [(None,), ("nan", 1), ("nan", None), (5,)],
    "matrix": [(np.zeros(3),), (np.zeros((1, 1, 1)),), (np.zeros((1, 1)).view(Sub),), ([[1]],)],
    "recarray": [(np.zeros(3).view(Sub),), (None,)],
}


@pytest.mark.parametrize(("name", "arguments"), [(name, wrong) for name in WRONG for wrong in WRONG[name]])
def test_wrong_arguments_are_refused(name, arguments):
    with pytest.raises((TypeError, ValueError)):
        getattr(numpy_values, f"rebuild_{name}")(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        *((ONE, ONE, None, False), (ONE, np.zeros(3, bool), None, False), (ONE, None, np.zeros(1), False)),
        *((ONE, None, np.zeros((), "f4"), False), (ONE, None, None, 0), (ONE.view(Sub), None, None, False)),
        *((ONE, True, None, False), (ONE, None, 1e20, False), ([0.0], None, None, False)),
    ],
)
def test_a_mask_that_does_not_fit(arguments):
    with pytest.raises((TypeError, ValueError)):
        numpy_values.checked_masked(*arguments)


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="numpy before 2.0")
@pytest.mark.parametrize("arguments", [{}, {"na_object": None}, {"na_object": np.nan}, {"na_object": "nan"}, {"coerce": False}], ids=str)  # fmt: skip
def test_texts(arguments):
    dtype = np.dtypes.StringDType(**arguments)
    missing = [arguments["na_object"]] if "na_object" in arguments else []
    sent = np.array(["", "nan", "none", "x" * 100, *missing], dtype)
    rebuilder, parts = numpy_values.reduce_with_objects(sent)
    got = rebuilder(*parts)
    assert got.dtype == dtype
    assert got.dtype.coerce == dtype.coerce
    assert list(map(repr, got)) == list(map(repr, sent))
    rebuilder, parts = numpy_values.reduce_dtype(dtype)
    assert rebuilder(*parts) == dtype


@pytest.fixture
def decoding():
    before = []

    def begin(left, **bounds):
        before.append(allowance.begin(DEFAULT.replace(**bounds), 0, 0))
        allowance.spend(allowance.BASE - left)

    yield begin
    for held in reversed(before):
        allowance.end(held)


WIDE = np.empty((), np.dtype([("a", "V1000")]))
PRICES = {
    "objects": (([None] * 50, (50,), False, True), 800),
    "texts": ((["é" * 100] * 5, (5,), True), 16 * 5 + 500),
    "fields": ((OBJECTS, (2,), FIELDS, True), 64 + 32 * (16 + 20 + 19)),
    "str": (("é" * 100,), 100),
    "bytes": ((bytes(100),), 100),
    "void": ((WIDE,), 1000),
    "recarray": ((WIDE,), 32 * (16 + 16 + 1 + 6)),
    "dtype": ((("struct", (("a", "|V1000", 0, None),), 1000, False),), 32 * (16 + 16 + 1 + 6)),
}


@pytest.mark.parametrize("name", PRICES)
def test_the_price_is_paid_beforehand(name, decoding):
    arguments, price = PRICES[name]
    rebuilder = getattr(numpy_values, f"rebuild_{name}")
    decoding(price)
    rebuilder(*arguments)
    decoding(price - 1)
    with pytest.raises(ValueError, match="more copies"):
        rebuilder(*arguments)


@pytest.mark.parametrize("rebuild", [lambda n: numpy_values.rebuild_objects([None] * n, (n,), False, True), lambda n: numpy_values.rebuild_texts([""] * n, (n,), True)], ids=["objects", "texts"])  # fmt: skip
def test_elements_are_bounded(rebuild, decoding):
    decoding(10_000, elements=5)
    assert len(rebuild(5)) == 5
    with pytest.raises(ValueError, match=r"limits\.elements"):
        rebuild(6)

"""What stands where on the buffers: the stream's own word, held against the arrays that arrive."""

import pickle

import numpy as np
import pytest

import oobpickle
from oobpickle import PickleCodec
from oobpickle.codec.framing import canonical
from oobpickle.inspection import placement
from oobpickle.inspection.outline import outline
from oobpickle.inspection.placement import parts_of
from oobpickle.inspection.places import Places
from oobpickle.inspection.values import arguments_of


def placed(obj, small=32 * 1024):
    """For each array of obj that travels on a buffer: (its place, the part, its buffer)."""
    stream, buffers = PickleCodec(small=small).encode(obj)
    read = outline(stream)
    places = Places(read, obj)
    return [
        (places.of(part.value), part, None if part.buffer is None else buffers[part.buffer]) for part in parts_of(read)
    ]


def assert_true_of(obj, small):
    for place, part, buffer in placed(obj, small):
        if not place.exact or not isinstance(place.found, np.ndarray):
            continue
        a = place.found
        assert part.shape == a.shape
        if part.dtype and a.dtype.names is None and a.dtype.subdtype is None:
            assert np.dtype(part.dtype.partition(" ")[0]).kind == a.dtype.kind
        if part.nbytes is not None:
            assert part.nbytes == a.nbytes
        if buffer is not None and part.nbytes and a.flags.c_contiguous:
            assert bytes(buffer[part.offset : part.offset + part.nbytes]) == a.tobytes()


def test_thousands_of_small_arrays_of_several_kinds():
    obj = [np.full(n % 7 + 1, n, ["f8", "i4", "<U3"][n % 3]) for n in range(3000)]
    found = placed(obj)
    assert [part.shape for _, part, _ in found] == [a.shape for a in obj]
    assert [place.path for place, _, _ in found] == [f"obj[{n}]" for n in range(3000)]
    assert_true_of(obj, 32 * 1024)


def test_views_of_one_array():
    a = np.arange(10_000.0)
    (_, first, _), (_, second, _) = placed([a[:6000], a[4000:]])
    assert first.buffer == second.buffer == 0
    assert (first.offset, second.offset, second.nbytes) == (0, 32_000, 48_000)


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        ("<f8", "float64"),
        (">i2", "int16"),
        ("M8[ns]", "datetime64[ns]"),
        ("<U7", "<U7"),
        ("S3", "|S3"),
        ("?", "bool"),
        ([("a", "f8"), ("b", "i4", 3)], "struct('a', 'b')"),
    ],
)
def test_dtypes_as_text(dtype, text):
    ((_, part, _),) = placed(np.zeros(10_000, dtype))
    assert part.dtype == text
    assert part.nbytes == 10_000 * np.dtype(dtype).itemsize


def test_stock_pickles():
    buffers = []
    stream = pickle.dumps(
        {"a": np.ones((3, 4), ">f4"), "b": np.asfortranarray(np.ones((5, 6)))}, 5, buffer_callback=buffers.append
    )
    read = outline(stream)
    assert [(part.buffer, part.dtype, part.shape, part.nbytes) for part in parts_of(read)] == [
        (0, "float32", (3, 4), 48),
        (1, "float64", (5, 6), 240),
    ]


def test_the_drop_in_pickler(tmp_path):
    buffers = []
    with open(tmp_path / "p", "w+b") as file:
        oobpickle.Pickler(file, 5, buffer_callback=buffers.append).dump([np.ones((3, 4)), b"x" * 100_000])
        file.seek(0)
        read = outline(file.read())
    assert [(part.buffer, part.dtype, part.shape) for part in parts_of(read)] == [(0, "float64", (3, 4)), (1, "", None)]


def lying(*groups, order=None, uses=2):
    """A stream with an array table of any content."""
    table = pickle.dumps((order, *groups), 5, buffer_callback=lambda buffer: False)
    body = table[table.index(b"\x95") + 9 : -1] if b"\x95" in table[:3] else table[2:-1]
    name = b"\x8c\x1eoobpickle.codec.reducers.numpy\x8c\x0barray_table\x93"
    use = b"h" + bytes([body.count(b"\x94")]) + b")Ra"
    return canonical(name + body, b"R\x94\x30]" + use * uses + b".")


HUGE = 1 << 70
BUFFER = pickle.PickleBuffer(b"12345678")


@pytest.mark.parametrize(
    "group",
    [
        (),
        (BUFFER,),
        (BUFFER, 5),
        (BUFFER, ("<f8", (1,), None, 0)),
        (BUFFER, ("<f8", (1,), None, 0, HUGE, True)),
        (BUFFER, ("<f8", (HUGE,), None, HUGE, 1, True)),
        (BUFFER, ("<f8", (2**40, 2**40), None, 0, 1, True)),
        (BUFFER, ("<f8", (-1,), None, -8, 1, True)),
        (BUFFER, ("f8," * 1000, (1,), None, 0, 1, True)),
        (BUFFER, (("struct", 5, 8, False), (1,), None, 0, 1, True)),
        (BUFFER, (("subarray", "<f8", (HUGE,)), (1,), None, 0, 1, True)),
        (BUFFER, ((1, 2, 3, 4, 5), "x", None, 0, 2**60, True)),
        7,
    ],
)
@pytest.mark.parametrize("order", [None, b"\0\0\0\0\xff\xff\xff\xff", b"123", "x"], ids=repr)
def test_tables_that_lie(group, order):
    read = outline(lying(group, order=order))
    assert read.problem is None
    for part in parts_of(read):
        assert part.buffer in (None, 0)
        assert part.nbytes is None or 0 <= part.nbytes < 1 << 63
        assert isinstance(part.dtype, str)


def test_a_table_as_lying_makes_it_is_read():
    parts = list(parts_of(outline(lying((BUFFER, ("<i4", (1,), None, 0, 2, True)), order=b"\1\0\0\0\0\0\0\0"))))
    assert [(part.offset, part.dtype, part.nbytes) for part in parts] == [(4, "int32", 4), (0, "int32", 4)]


def test_a_call_is_read_once_whatever_it_takes(monkeypatch):
    """A stranger's stream may have 100,000 buffers in one call."""
    reads = []
    monkeypatch.setattr(placement, "arguments_of", lambda value: reads.append(value) or arguments_of(value))
    stream = b"\x80\x05\x8c\x08builtins\x8c\x04list\x93(" + b"\x97" * 300 + b"tR."
    parts = list(parts_of(outline(stream)))
    assert [part.buffer for part in parts] == list(range(300))
    assert len(reads) == 1

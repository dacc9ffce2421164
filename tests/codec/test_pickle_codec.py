"""`PickleCodec`: any object; errors that say what and where; used by many threads, and from inside itself."""

import collections
import copyreg
import datetime
import decimal
import enum
import functools
import gc
import pickle
import sys
import threading
import tracemalloc
import types
import uuid
import weakref
import zoneinfo
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from oobpickle import DecodeError, EncodeError, PickleCodec
from oobpickle.codec import Codec
from tests.same import assert_same

CODEC = PickleCodec()
A = np.arange(100_000.0)


def round_trip(obj, codec=CODEC):
    stream, buffers = codec.encode(obj)
    return codec.decode(stream, list(map(bytearray, buffers)))


class Colour(enum.Enum):
    RED = 1


@dataclass
class Sample:
    name: str
    values: np.ndarray
    tags: dict = field(default_factory=dict)


class Slotted:
    __slots__ = ("x", "y")


class Tree:
    def __init__(self):
        self.parent = None
        self.children = []


Pair = collections.namedtuple("Pair", "a b")

VALUES = [
    None,
    True,
    2**100,
    -1.5,
    1 + 2j,
    "grüße \ud800",
    b"bytes",
    (1, [2, {3: {4}}]),
    frozenset({1, 2}),
    range(5),
    slice(1, 2),
    ...,
    Colour.RED,
    Pair(1, 2),
    collections.OrderedDict(b=1, a=2),
    collections.defaultdict(list, {1: [2]}),
    collections.deque([1, 2], maxlen=5),
    collections.Counter("hello"),
    datetime.datetime(2024, 1, 2, tzinfo=zoneinfo.ZoneInfo("UTC")),
    datetime.timedelta(1.5),
    decimal.Decimal("1.10"),
    uuid.UUID(int=5),
    Path("a/b"),
    functools.partial(int, base=2).keywords,
    int,
    len,
    np.float64,
    np.dtype("f8"),
    Sample,
    KeyError("x").args,
]


class TestValues:
    @pytest.mark.parametrize("obj", VALUES, ids=lambda v: type(v).__name__)
    def test_round_trip(self, obj):
        assert_same(round_trip(obj), obj)

    def test_objects_with_arrays(self):
        sample = Sample("a", A, {"mask": A > 5, "frozen": Pair(A[:5], None)})
        stream, buffers = CODEC.encode(sample)
        assert len(stream) < 1000
        got = CODEC.decode(stream, buffers)
        assert type(got) is Sample
        assert_same(vars(got) | {"tags": None}, vars(sample) | {"tags": None})
        assert_same(list(got.tags["frozen"]), [A[:5], None])

    def test_slots(self):
        obj = Slotted()
        obj.x = A
        got = round_trip(obj)
        assert_same(got.x, A)
        assert not hasattr(got, "y")

    def test_cycles(self):
        root = Tree()
        root.array = A
        for _ in range(3):
            child = Tree()
            child.parent, child.array = root, A
            root.children.append(child)
        root.all = [root, *root.children]
        got = round_trip(root)
        assert all(child.parent is got for child in got.children)
        assert all(child.array is got.array for child in got.children)
        assert got.all[0] is got
        loop = []
        loop.append(loop)
        assert (copy := round_trip(loop))[0] is copy

    def test_a_class_without_a_module(self):
        try:
            Moduleless.__module__ = None
            assert type(round_trip(Moduleless())) is Moduleless
        finally:
            Moduleless.__module__ = __name__

    def test_copyreg_goes_before_what_we_know(self):
        copyreg.pickle(np.ndarray, lambda a: (str, ("registered",)))
        try:
            assert round_trip([A, np.arange(3)]) == ["registered"] * 2
        finally:
            del copyreg.dispatch_table[np.ndarray]
        assert_same(round_trip(A), A)

    def test_it_is_a_codec(self):
        assert isinstance(CODEC, Codec)
        assert CODEC.number == 0


class Moduleless:
    pass


class Unpicklable:
    def __reduce__(self):
        raise RuntimeError("will not be pickled")


class FailsInTheMiddle:
    """Gives an array and large bytes first, and then something that cannot be."""

    def __reduce__(self):
        return tuple, ([A, b"x" * 100_000, lambda: 0],)


class TestEncodeError:
    @pytest.mark.parametrize(
        ("make", "path", "name"),
        [
            (lambda bad: bad, "obj", "Unpicklable"),
            (lambda bad: [1, bad], "obj[1]", "Unpicklable"),
            (lambda bad: {"a": [A, {"b": (0, bad)}]}, "obj['a'][1]['b'][1]", "Unpicklable"),
            (lambda bad: Sample("s", A, {"t": bad}), "obj.tags['t']", "Unpicklable"),
            (lambda bad: {bad: 1}, "obj.keys() <key <Unpicklable>>", "Unpicklable"),
            (lambda bad: collections.deque([bad]), "obj[0]", "Unpicklable"),
            (lambda bad: [None, {None: None}, bad], "obj[2]", "Unpicklable"),
        ],
        ids=range(7),
    )
    def test_says_what_and_where(self, make, path, name):
        with pytest.raises(EncodeError) as caught:
            CODEC.encode(make(Unpicklable()))
        error = caught.value
        assert (error.path, error.type_name) == (path, f"{__name__}.{name}")
        assert error.reason == "will not be pickled"
        assert isinstance(error.__cause__, RuntimeError)
        assert str(error).startswith(f"{path} (")
        assert "__reduce__" in error.advice

    @pytest.mark.parametrize(
        "bad", [lambda: 0, threading.Lock(), sys, (n for n in ()), sys._getframe()], ids=lambda v: type(v).__name__
    )
    def test_of_things_that_never_can(self, bad):
        with pytest.raises(EncodeError) as caught:
            CODEC.encode({"x": [A, bad]})
        assert caught.value.path == "obj['x'][1]"
        assert ("imported by name" in caught.value.advice) is isinstance(bad, types.FunctionType)
        assert ("list(...)" in caught.value.advice) is isinstance(bad, types.GeneratorType)

    def test_in_an_object_array(self):
        bad = np.array([1, None, threading.Lock()], object)
        with pytest.raises(EncodeError) as caught:
            CODEC.encode({"a": bad})
        assert caught.value.type_name == "_thread.lock"
        assert caught.value.path == "obj['a'][2]"

    def test_of_what_is_made_on_the_way(self):
        """It sits nowhere in the object: then its type is all there is to say."""
        with pytest.raises(EncodeError) as caught:
            CODEC.encode([FailsInTheMiddle()])
        assert (caught.value.path, caught.value.type_name) == ("", "function")

    def test_of_a_buffer_that_pickle_refuses(self):
        """pickle does not say which it was; neither its neighbours nor a None elsewhere is to blame."""
        for obj in ({"a": None, "b": pickle.PickleBuffer(A[::2])}, [Colour.RED, pickle.PickleBuffer(A[::2])]):
            with pytest.raises(EncodeError, match="PickleBuffer.*non-contiguous") as caught:
                CODEC.encode(obj)
            assert (caught.value.path, caught.value.type_name) == ("", "")

    @pytest.mark.parametrize("many", [1, 20])
    def test_of_a_dtype_that_cannot_be_pickled(self, many):
        bad = np.zeros(3, np.dtype("i4", metadata={"f": threading.Lock()}))
        with pytest.raises(EncodeError) as caught:
            CODEC.encode({"good": [A[:3].copy() for _ in range(many)], "bad": bad})
        assert (caught.value.path, caught.value.type_name) == ("obj['bad']", "numpy.ndarray")

    def test_of_what_is_nested_too_deeply(self):
        deep = []
        for _ in range(100_000):
            deep = [deep]
        with pytest.raises(EncodeError, match="nested too deeply"):
            CODEC.encode(deep)
        while deep:
            deep = deep[0]

    def test_the_codec_can_be_used_again(self):
        for bad in (Unpicklable(), [A, b"x" * 100_000, Unpicklable()], FailsInTheMiddle(), {"a": lambda: 0}) * 3:
            with pytest.raises(EncodeError):
                CODEC.encode(bad)
            assert_same(round_trip({"a": A, "b": b"y" * 100_000}), {"a": A, "b": b"y" * 100_000})

    def test_keyboard_interrupt_is_not_turned_into_one(self):
        with pytest.raises(KeyboardInterrupt):
            CODEC.encode([A, Interrupting()])
        assert_same(round_trip([A]), [A])


class Interrupting:
    def __reduce__(self):
        raise KeyboardInterrupt


class Reentrant:
    """Encodes and decodes with the same codec while it is being encoded, as a class that wraps others may."""

    def __init__(self, depth):
        self.depth = depth

    def __reduce__(self):
        inner = Reentrant(self.depth - 1) if self.depth else [A, b"z" * 100_000, np.arange(5)]
        stream, buffers = CODEC.encode(inner)
        assert CODEC.encode(inner)[0] == stream
        return decode_inner, (stream, [bytes(view) for view in buffers])


def decode_inner(stream, buffers):
    return CODEC.decode(stream, buffers)


class TestReentrance:
    def test_encode_inside_reduce(self):
        for depth in range(4):
            a, blob, small = round_trip(Reentrant(depth))
            np.testing.assert_array_equal(a, A)
            assert blob == b"z" * 100_000
            assert_same(small, np.arange(5))

    def test_beside_other_values(self):
        obj = [A, Reentrant(1), b"x" * 100_000, A, Reentrant(2), np.arange(3)]
        got = round_trip(obj)
        assert_same([got[0], got[2], got[5]], [A, b"x" * 100_000, np.arange(3)])
        assert got[3] is got[0]


class TestThreads:
    def test_one_codec_for_all(self):
        codec = PickleCodec()
        failures = []

        def work(seed):
            obj = {
                "a": A + seed,
                "n": [np.arange(k) + seed for k in range(30)],
                "b": bytes([seed]) * 100_000,
                "s": str(seed),
            }
            try:
                for number in range(60):
                    if number % 7 == 0:
                        with pytest.raises(EncodeError):
                            codec.encode([obj, Unpicklable()])
                    assert_same(round_trip(obj, codec), obj)
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)
        assert not failures


class TestMemory:
    def test_nothing_of_an_object_is_held_after_its_encoding(self):
        class Value:
            pass

        for fail in (False, True):
            value = Sample("s", np.arange(50_000.0), {})
            value.blob = bytearray(100_000)
            refs = [weakref.ref(value), weakref.ref(value.values)]
            gc.disable()
            try:
                if fail:
                    with pytest.raises(EncodeError):
                        CODEC.encode([value, lambda: 0])
                else:
                    CODEC.encode(value)
                value.blob.clear()  # nobody has a view of it
                del value
                assert [ref() for ref in refs] == [None, None]
            finally:
                gc.enable()

    def test_encoding_copies_nothing_large(self):
        obj = {
            "a": np.ones(4 << 20),
            "b": bytes(8 << 20),
            "c": bytearray(8 << 20),
            "d": np.ones((2000, 2000), order="F"),
        }
        CODEC.encode(obj)
        tracemalloc.start()
        try:
            stream, buffers = CODEC.encode(obj)
            assert tracemalloc.get_traced_memory()[1] < 20_000
            got = [bytes(8 << 20) if view.nbytes == 8 << 20 else view for view in buffers]
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            CODEC.decode(stream, got)
            assert (
                tracemalloc.get_traced_memory()[1] - before < (16 << 20) + 50_000
            )  # bytes and bytearray own their memory
        finally:
            tracemalloc.stop()

    def test_the_pool_of_picklers_does_not_grow(self):
        codec = PickleCodec()
        for _ in range(100):
            codec.encode(A)
        assert len(codec._idle) == 1


class TestDecode:
    def test_of_the_stock_picklers_stream(self):
        buffers = []
        stream = pickle.dumps({"a": A}, 5, buffer_callback=buffers.append)
        assert_same(CODEC.decode(stream, buffers), {"a": A})

    @pytest.mark.parametrize(
        "stream", [b"", b"x", b"\x80", b"\x80\x05", b"\x80\x05N", b".", b"\x80\x06N.", b"cno.such\nthing\n."]
    )
    def test_no_stream(self, stream):
        with pytest.raises(DecodeError) as caught:
            CODEC.decode(stream, [])
        assert caught.value.__cause__ is not None

    def test_buffers_too_many_and_too_few(self):
        stream, buffers = CODEC.encode([A, A + 1])
        for wrong in ([], buffers[:1], [*buffers, b""], [*buffers, *buffers]):
            with pytest.raises(DecodeError):
                CODEC.decode(stream, wrong)

    @pytest.mark.parametrize(
        "kind", [bytes, bytearray, memoryview, pickle.PickleBuffer, lambda v: np.frombuffer(v, "u1")]
    )
    def test_any_kind_of_buffer(self, kind):
        obj = {"a": A, "b": b"x" * 100_000, "c": bytearray(b"y" * 100_000), "d": A.astype("M8[s]")}
        stream, buffers = CODEC.encode(obj)
        got = CODEC.decode(stream, [kind(view) for view in buffers])
        np.testing.assert_array_equal(got["a"], A)
        assert got["b"] == obj["b"]
        assert got["c"] == obj["c"]
        assert type(got["c"]) is bytearray

    def test_a_view_of_a_stream(self):
        stream, buffers = CODEC.encode({"a": A})
        assert_same(CODEC.decode(memoryview(b"??" + stream)[2:], buffers), {"a": A})

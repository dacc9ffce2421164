"""Nested structures of everything that the data codec carries come out of it as they went in."""

import array
import collections
import datetime as dt
import ipaddress
import pathlib
import pickle
import warnings
import zoneinfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oobpickle
from oobpickle import DataCodec
from tests.alike import assert_alike
from tests.hostile import corpus
from tests.property.strategies import arrays, dtypes

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass")

CODECS = [
    corpus.codec(),
    DataCodec(types=corpus.registry(), small=0),
    DataCodec(types=corpus.registry(), small=1 << 22),
]
ZONES = st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu"]).map(zoneinfo.ZoneInfo)
OFFSETS = st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23))
TIMEZONES = st.one_of(
    st.none(), ZONES, OFFSETS.map(dt.timezone), st.builds(dt.timezone, OFFSETS, st.text(min_size=1, max_size=5))
)
NETWORKS = st.sampled_from(["10.0.0.0/8", "192.168.7.0/30", "fe80::/64", "::/0", "2001:db8::1/128"])
PATHS = st.lists(st.text("abc.é ", min_size=1, max_size=4), max_size=4)

HASHABLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(1 << 600), 1 << 600),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.uuids(),
    st.ip_addresses(),
    NETWORKS.map(ipaddress.ip_network),
    st.ip_addresses(v=4).map(lambda a: ipaddress.ip_interface(f"{a}/20")),
    PATHS.map(lambda parts: pathlib.PurePosixPath(*parts)),
    PATHS.map(lambda parts: pathlib.PureWindowsPath(*parts)),
    st.builds(range, st.integers(-99, 99), st.integers(-99, 99), st.integers(1, 9)),
)
KEYS = st.one_of(HASHABLE, st.tuples(HASHABLE, HASHABLE), st.frozensets(st.integers(), max_size=3).map(lambda s: (s,)))
LEAVES = st.one_of(
    HASHABLE,
    st.floats(),
    st.complex_numbers(),
    st.decimals(),
    st.just(...),
    st.builds(slice, st.none() | st.integers(), st.none() | st.integers(), st.none() | st.integers()),
    st.binary(max_size=40).map(bytearray),
    st.sampled_from([b"x" * 65536, bytearray(b"y" * 70000), "z" * 70000, "é" * 40000]),
    st.binary(max_size=40).map(memoryview),
    st.times(timezones=TIMEZONES),
    st.datetimes(timezones=TIMEZONES),
    TIMEZONES,
    PATHS.map(lambda parts: pathlib.Path(*parts)),
    st.sets(HASHABLE, max_size=4),
    st.frozensets(HASHABLE, max_size=4),
    st.tuples(st.sampled_from("bBhHiIlLqQfd"), st.lists(st.integers(0, 100), max_size=5)).map(
        lambda p: array.array(*p)
    ),
    st.lists(st.text("ab", max_size=2), max_size=6).map(collections.Counter),
    arrays(),
    arrays(),
    arrays().filter(lambda a: a.dtype.names is None).map(np.ma.masked_array),  # numpy cannot mask every structure
    dtypes(),
    st.floats(width=32).map(np.float32),
    st.integers(-128, 127).map(np.int8),
    st.sampled_from([np.datetime64("2024-01-01T01", "us"), np.timedelta64(3, "D"), np.str_("s"), np.bool_(True)]),
    st.lists(st.one_of(st.none(), st.text(max_size=3), st.integers()), max_size=5).map(
        lambda items: np.array([*items, None], dtype=object)[:-1]
    ),
    st.sampled_from([corpus.Colour.RED, corpus.Colour.BLUE]),
)


def inside(inner):
    """One container more around what is there."""
    some = st.lists(inner, max_size=3)
    pairs = st.lists(st.tuples(KEYS, inner), max_size=3)
    return st.one_of(
        some,
        some.map(tuple),
        pairs.map(dict),
        pairs.map(collections.OrderedDict),
        st.tuples(st.sampled_from([None, list, dict, set, int, float, str]), pairs).map(
            lambda p: collections.defaultdict(p[0], p[1])
        ),
        st.tuples(some, st.none() | st.integers(0, 5)).map(lambda p: collections.deque(*p)),
        st.builds(corpus.Point, inner, inner),
        st.builds(corpus.Pair, inner, inner),
        inner.map(lambda value: [value, (value, value)]),
    )


OBJECTS = st.recursive(LEAVES, inside, max_leaves=12)


def arrived(buffers):
    return [bytes(b) if b.readonly else bytearray(b) for b in buffers]


@settings(max_examples=400)
@given(OBJECTS, st.sampled_from(CODECS))
def test_round_trip(obj, codec):
    stream, buffers = codec.encode(obj)
    for _ in range(2):  # never seen, and seen before
        assert_alike(codec.decode(stream, arrived(buffers)), obj)
    assert_alike(DataCodec(types=corpus.registry()).decode(stream, arrived(buffers)), obj)


@given(OBJECTS)
def test_as_a_message(obj):
    frames = oobpickle.dumps(obj, codec=CODECS[0])
    assert_alike(oobpickle.loads([bytearray(frame) for frame in frames], codec=CODECS[0]), obj)


@given(OBJECTS)
def test_sent_on_it_is_the_same(obj):
    codec = CODECS[0]
    stream, buffers = codec.encode(obj)
    relayed = codec.decode(stream, arrived(buffers))
    assert_alike(codec.decode(*codec.encode(relayed)), obj)


@given(st.recursive(LEAVES.filter(lambda leaf: not isinstance(leaf, corpus.Colour)), lambda i: st.lists(i, max_size=4)))
def test_stock_pickle_reads_the_stream(obj):
    stream, buffers = CODECS[1].encode(obj)
    assert_alike(pickle.loads(stream, buffers=buffers), obj)


@pytest.fixture(scope="module")
def of_libraries():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        libraries = pytest.importorskip("tests.hostile.libraries", exc_type=ImportError)
        return libraries.honest()


@settings(max_examples=40)
@given(st.data())
def test_libraries_inside_of_other_things(of_libraries, data):
    leaves = st.one_of(LEAVES, *[st.sampled_from(of_libraries)] * 3)
    obj = data.draw(st.recursive(leaves, inside, max_leaves=8))
    stream, buffers = CODECS[0].encode(obj)
    assert_alike(CODECS[0].decode(stream, arrived(buffers)), obj)

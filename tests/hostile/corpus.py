"""Objects of every type that the data codec carries, and their encodings: what is damaged to make hostile messages."""

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import ipaddress
import pathlib
import pickletools
import typing
import uuid
import zoneinfo

import numpy as np

from oobpickle.codec.data_codec import DataCodec
from oobpickle.codec.registry import Registry


@dataclasses.dataclass
class Point:
    x: typing.Any
    y: typing.Any = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    low: int
    high: int

    def __post_init__(self):
        if not self.low <= self.high:
            raise ValueError("the wrong way round")


class Colour(enum.Enum):
    RED = 1
    BLUE = "blue"


class Pair(typing.NamedTuple):
    left: typing.Any
    right: typing.Any


class Custom:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return type(other) is Custom and other.value == self.value

    __hash__ = None


def registry():
    own = Registry([Point, Colour, Pair])
    own.register(Checked, constructor=True)
    own.register(Custom, encode=lambda obj: obj.value, decode=Custom, tag="custom")
    return own


def plain():
    """Values whose equality tells all of them, apart from arrays."""
    shared = [1, 2]
    return {
        "atoms": [None, True, False, 0, -1, 255, 2**31, 2**63, 1 << 200, 1.5, float("inf"), 2j, "", "text", "é" * 200],
        "bytes": [b"", b"x", b"y" * 300, bytearray(b"z"), b"large" * 20_000, bytearray(100_000)],
        "containers": [[], [1], (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {}, {1: 2}, set(), {1}, frozenset({1, 2})],
        "keys": {None: 0, 1.5: 1, "a": 2, b"b": 3, (1, ("c", 2)): 4, frozenset({5}): 5, 1 << 100: 6},
        "shared": [shared, shared, (shared, [shared])],
        "ranges": [range(5), range(10, 0, -3), slice(None), slice(1, None, 2), ...],
        "numbers": [decimal.Decimal("1.50"), decimal.Decimal("-Infinity"), fractions.Fraction(22, 7)],
        "number keys": {decimal.Decimal("0.1"): 1, fractions.Fraction(1, 3): 2, 3j: 3, range(3): 4},
        "names": [uuid.UUID(int=5), pathlib.Path("/a/b"), pathlib.PureWindowsPath(r"c:\x"), pathlib.PurePosixPath("x")],
        "addresses": [
            ipaddress.ip_address("10.0.0.1"),
            ipaddress.ip_address("fe80::1%eth0"),
            ipaddress.ip_network("10.0.0.0/8"),
            ipaddress.ip_network("fe80::/64"),
            ipaddress.ip_interface("10.0.0.1/8"),
            ipaddress.ip_interface("fe80::1/64"),
        ],
        "name keys": {uuid.UUID(int=6): 1, pathlib.PurePosixPath("y"): 2, ipaddress.ip_address("::1"): 3},
        "times": [
            dt.date(2024, 2, 29),
            dt.time(1, 2, 3, 4),
            dt.time(1, tzinfo=dt.timezone.utc, fold=1),
            dt.datetime(2024, 2, 29, 1, 2, 3, 4),
            dt.datetime(2024, 10, 27, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Paris"), fold=1),
            dt.timedelta(-1, 5, 6),
            dt.timezone.utc,
            dt.timezone(dt.timedelta(hours=1)),
            dt.timezone(dt.timedelta(hours=-3), "there"),
            zoneinfo.ZoneInfo("UTC"),
        ],
        "time keys": {dt.date(1, 1, 1): 1, dt.datetime(2, 2, 2): 2, dt.timedelta(3): 3},
        "collections": [
            collections.OrderedDict([("b", 1), ("a", [2])]),
            collections.defaultdict(list, {1: [2]}),
            collections.defaultdict(None, {}),
            collections.Counter("abca"),
            collections.deque([1, [2]], 5),
            collections.deque([], None),
            array.array("d", [1.5, 2.5]),
            array.array("i", []),
        ],
        "registered": [
            Point(1, [2]),
            Point(Point(3), shared),
            Checked(1, 2),
            Colour.RED,
            Colour.BLUE,
            Pair(1, {}),
            Custom([1]),
        ],
        "dtypes": [np.dtype("f8"), np.dtype(">M8[3D]"), np.dtype([("a", "O"), ("b", "S3", (2,))]), np.dtype("V5")],
        "scalars": [np.float32(1.5), np.int8(-1), np.bool_(True), np.datetime64("2024-01-01"), np.timedelta64(5, "s")]
        + [np.str_("s"), np.bytes_(b"b"), np.complex128(1j), np.longdouble(1) / 3, np.datetime64("NaT", "s")],
        "scalar keys": {np.int64(7): 1, np.str_("t"): 2, np.float64(0.5): 3},
    }


def arrays():
    """Arrays and what stands on them."""
    rng = np.random.default_rng(1)
    base = rng.random((30, 40))
    struct = np.zeros(5, np.dtype([("a", "i1"), ("b", "f8"), ("c", "S3", (2,))], align=True))
    objects = np.array([None, "a", 1 << 70, [1, {}], np.arange(3)], dtype=object)
    found = {
        "plain": [
            np.arange(10),
            base,
            base.T,
            base[::2, ::-3],
            np.broadcast_to(base[0], (3, 40)),
            np.float32(0).reshape(()),
        ],
        "views": [base, base[:5], base[3:9]],
        "empty": [np.zeros((0, 3)), np.zeros(3, "S0"), np.zeros((2, 0), "M8[ns]")],
        "types": [np.zeros(3, code) for code in ("?", ">i2", "f2", "g", "F", "S5", "U4", "V7", "M8[ns]", "m8[D]")],
        "structures": [struct, np.rec.array([(1, 2.5, "x")], dtype=[("a", "i4"), ("b", "f8"), ("c", "U1")])],
        "many": [np.full(100, n) for n in range(20)] + [np.full((3, 3), n, "f4") for n in range(20)],
        "objects": [objects, objects[:4].reshape(2, 2).T, np.empty((), object), np.empty((0, 2), object)],
        "fields": np.array([(1, "x"), (2, None)], dtype=[("n", "i4"), ("o", "O")]),
        "masked": [
            np.ma.masked_array([1, 2, 3], [0, 1, 0], fill_value=7),
            np.ma.masked_array([1.5], hard_mask=True),
            np.ma.masked_array(struct[["a", "b"]], fill_value=(1, 2.0)),
        ],
        "matrix": np.matrix([[1, 2], [3, 4]]),
        "void": [struct[0], np.void(b"abc")],
        "large": rng.random((200, 300)),
        "view of an array": memoryview(base[::2]),
        "memoryview": memoryview(bytearray(50_000)),
    }
    if hasattr(np.dtypes, "StringDType"):
        found["texts"] = [
            np.array(["a", "b" * 50], np.dtypes.StringDType()),
            np.array([["a", None]], np.dtypes.StringDType(na_object=None)),
            np.array(["a", np.nan], np.dtypes.StringDType(na_object=np.nan, coerce=False)),
            np.array(["a", "?"], np.dtypes.StringDType(na_object="?")),
        ]
    return found


@functools.cache
def codec():
    return DataCodec(types=registry())


@functools.cache
def encodings():
    """(stream, buffers) of each of the above, one by one and all together."""
    everything = {**plain(), **arrays()}
    objects = [*everything.values(), everything]
    return [(stream, tuple(map(bytes, buffers))) for stream, buffers in map(codec().encode, objects)]


@functools.cache
def names():
    """Every name that a stream may use, the libraries' apart, and what is in the texts of the corpus's streams."""
    return [(module.decode(), name.decode()) for module, name in codec()._vocabulary.rules]


@functools.cache
def words():
    """Texts that rebuilders look for: tags, kinds, dtypes, zones, formats."""
    found = set()
    for stream, _ in encodings():
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name == "SHORT_BINUNICODE" and not argument.startswith("oobpickle"):
                found.add(argument)
    return sorted(found)

"""Hostile calls of the rebuilders of pandas, pyarrow, scipy and torch: arguments of honest ones, damaged inside.

`call` and `encoding` are sources of cases, for cage.py. Everything honest is decoded once when this module is imported,
so that what the libraries import and set up at first use is not taken for harm.
"""

import datetime as dt
import decimal
import functools
import warnings
from copy import copy
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from oobpickle.codec.arrays import NO_ARRAYS, build_table
from oobpickle.codec.data_codec import _DataPickler
from oobpickle.codec.framing import canonical
from oobpickle.errors import EncodeError
from tests.hostile import corpus
from tests.hostile.mutation import mutated
from tests.hostile.sources import damaged_buffers
from tests.hostile.targets import Case, data_codec

try:
    import torch
except ImportError:
    torch = None


class Call(NamedTuple):
    """What is pickled as a call of a rebuilder."""

    rebuilder: Any
    arguments: tuple


BERLIN = ZoneInfo("Europe/Berlin")


def scalars():
    return [
        pd.Timestamp("2024-03-10 02:30:00.123456789"),
        pd.Timestamp("2024-07-01", tz=BERLIN).as_unit("ms"),
        pd.Timedelta("-1D 2ns"),
        pd.Period("2024-01", "M"),
        pd.Period("2024-01-05", "W-WED"),
        pd.Interval(0, 1),
        pd.Interval(pd.Timestamp("2024"), pd.Timestamp("2025"), "both"),
        pd.NA,
        pd.NaT,
        pd.offsets.CustomBusinessDay(holidays=["2024-01-01"]),
        pd.offsets.BusinessHour(start="08:00"),
        pd.offsets.FY5253Quarter(startingMonth=1, weekday=2, qtr_with_extra_week=3),
        pd.DateOffset(months=1, hours=2),
        pd.Int64Dtype(),
        pd.StringDtype("python"),
        pd.DatetimeTZDtype("us", BERLIN),
        pd.PeriodDtype("Q"),
        pd.IntervalDtype("int64", "left"),
        pd.ArrowDtype(pa.decimal128(5, 2)),
    ]


def extension_arrays():
    return [
        pd.array([1, None, 3], dtype="Int16"),
        pd.array([1.5, None], dtype="Float64"),
        pd.array([True, None], dtype="boolean"),
        pd.array(["a", None, "bé"], dtype="string[python]"),
        pd.array(["a", None, "bé"], dtype="string[pyarrow]"),
        pd.array([[1, 2], None], dtype=pd.ArrowDtype(pa.list_(pa.int8()))),
        pd.Categorical(["b", "a", None, "b"], categories=["b", "a", "c"]),
        pd.Categorical([3.5, 1.5], ordered=True),
        pd.array(pd.date_range("2024", periods=4, tz=BERLIN)),
        pd.array(pd.timedelta_range("1D", periods=3)),
        pd.array(pd.period_range("2024", periods=3, freq="Q")),
        pd.arrays.IntervalArray.from_tuples([(0, 1), np.nan, (3, 5)]),
        pd.arrays.SparseArray([0, 0, 1, 2, 0]),
        pd.arrays.SparseArray([np.nan, 1.0, 2.0, np.nan], kind="block"),
        pd.arrays.NumpyExtensionArray(np.arange(3.0)),
    ]


def indexes():
    return [
        pd.Index([1, 2, 5], name="n"),
        pd.Index(["a", "b"]),
        pd.Index(["a", 1, (1, "x"), pd.Timestamp("2024")], dtype=object, name=("t", 1)),
        pd.RangeIndex(1, 9, 2),
        pd.date_range("2024", periods=5, freq="h"),
        pd.date_range("2024", periods=5, freq="ME", tz=BERLIN),
        pd.timedelta_range("1D", periods=4, freq="12h"),
        pd.period_range("2024", periods=3, freq="M"),
        pd.interval_range(0, 3),
        pd.CategoricalIndex(list("aba")),
        pd.MultiIndex.from_product([[1, 2], list("ab"), [0.5, 1.5]], names=["x", None, 3]),
    ]


def frames():
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=list("abc"))
    frame.insert(1, "s", ["x", None, "z", "w"])
    frame["when"] = pd.date_range("2024", periods=4)
    frame["zoned"] = pd.date_range("2024", periods=4, tz=BERLIN)
    frame["what"] = pd.Categorical(list("abca"))
    frame["objects"] = [1, "a", None, {}]
    frame.insert(2, "d", 1.5)
    frame.attrs = {"made": [1, 2]}
    return [
        frame,
        frame.set_index(["a", "s"]),
        frame[["a", "b"]].set_flags(allows_duplicate_labels=False),
        frame["what"],
        frame["when"],
        pd.Series([1, 2], index=["p", "q"], name="series"),
    ]


def arrow():
    structs = pa.array([{"a": 1, "b": ["x"]}, None, {"a": 3, "b": None}])
    arrays = [
        pa.array([1, None, 3]),
        pa.array([True, None, False] * 5),
        pa.array(["aé", None, "ccc"]),
        pa.array([b"\xff", None], pa.large_binary()),
        pa.array(["short", "a text that is longer than twelve", None], pa.string_view()),
        pa.nulls(4),
        pa.array([decimal.Decimal("1.25"), None], pa.decimal128(10, 2)),
        pa.array([b"abc", None], pa.binary(3)),
        pa.array([1, None], pa.timestamp("us", "Europe/Berlin")),
        pa.array([dt.date(2024, 1, 1), None]),
        pa.array([(1, 2, 3), None], pa.month_day_nano_interval()),
        pa.array([["a"], None, [], ["b", "c"]]),
        pa.array([[1, 2], None, [3]], pa.large_list(pa.int8())),
        pa.array([[1, 2], [3], None], pa.list_view(pa.int8())),
        pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2)),
        pa.array([[("a", 1)], None, [("b", 2), ("c", 3)]], pa.map_(pa.string(), pa.int8())),
        structs,
        pa.array(["a", "b", "a", None]).dictionary_encode(),
        pa.UnionArray.from_sparse(pa.array([0, 1, 0], pa.int8()), [pa.array([1, 2, 3]), pa.array(["x", "y", "z"])]),
        pa.UnionArray.from_dense(
            pa.array([0, 1, 0], pa.int8()), pa.array([0, 0, 1], pa.int32()), [pa.array([1, 2]), pa.array(["x"])]
        ),
        pa.RunEndEncodedArray.from_arrays(pa.array([2, 5], pa.int16()), pa.array(["a", None])),
    ]
    table = pa.table({"i": [1, 2, None], "t": ["a", "b", "c"], "s": structs}, metadata={b"k": b"v"})
    return [*arrays, table, table.to_batches()[0], pa.chunked_array([[1, 2], [3]]), table.schema, structs.type]


def sparse_arrays():
    some = sparse.random(12, 8, 0.2, format="csr", random_state=1)
    return [
        getattr(sparse, f"{name}_{kind}")(some)
        for name in ("csr", "csc", "bsr", "coo", "dia", "dok", "lil")
        for kind in ("array", "matrix")
    ]


def tensors():
    if torch is None:
        return []
    return [torch.arange(6.0).reshape(2, 3).t(), torch.ones(2, dtype=torch.bfloat16), torch.tensor([True, False])]


@functools.cache
def honest():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        groups = (scalars, extension_arrays, indexes, frames, arrow, sparse_arrays, tensors)
        return [value for group in groups for value in group()]


@functools.cache
def encodings():
    """(stream, buffers) of each."""
    return [(stream, tuple(map(bytes, buffers))) for stream, buffers in map(corpus.codec().encode, honest())]


def case_of(obj):
    """Encode an object as the data codec does, but for its look at what it has made."""
    vocabulary = copy(corpus.codec()._vocabulary)
    vocabulary.reducers = {**vocabulary.reducers, Call: tuple}
    pickler = _DataPickler(0, vocabulary)
    pickler.dump(obj)
    opcodes, buffers, arrays = pickler.finish()
    prefix, table = build_table(arrays, 1024) if arrays else (NO_ARRAYS, [])
    return Case(canonical(prefix, opcodes), tuple(map(bytes, [*table, *buffers])))


@functools.cache
def calls():
    """The call that each honest value reduces to."""
    reducers = corpus.codec()._vocabulary.reducers
    return [Call(*reducers[type(value)](value)) for value in honest()]


# Damage.

NUMBERS = (0, 1, -1, 2, 3, 7, 8, 12, 127, 128, 255, 2**31 - 1, 2**31, -(2**31), 2**32, 2**40)
NUMBERS += (2**59, 2**60, 2**62, 2**63 - 1, 2**63, -(2**63), 2**64)
WORDS = """s ns us D left both neither MonthEnd Hour Day CustomBusinessDay DateOffset Week holidays months offset python
pyarrow Europe/Berlin ../../etc/passwd csr_array coo_matrix lil_array bsr_array Int64 int8 string null bool list struct
dictionary map run_end_encoded dense_union large_string string_view fixed_size_list decimal128 float32 bfloat16 |O <f8""".split()


def odd_value(random):
    """A value of another type than was there."""
    return random.choice(
        [None, 0, 1.5, "x", (), [], {}, b"ab", np.zeros(3), np.zeros((2, 2), "i4"), np.array([1, "a"], object)]
        + [random.choice(honest()), (((((),),),),), np.zeros(3, "M8[D]"), np.zeros(2, ">i4"), np.zeros(2, "V3")]
    )


def damaged(random, value, reducers):
    """value with one thing in it changed."""
    if random.random() < 0.06:
        return odd_value(random)
    kind = type(value)
    if kind is tuple or kind is list:
        return kind(damaged_items(random, list(value), reducers))
    if kind is Call:
        return Call(value.rebuilder, tuple(damaged_items(random, list(value.arguments), reducers)))
    if kind is np.ndarray:
        return damaged_array(random, value)
    if kind is bool:
        return not value
    if kind is int:
        return random.choice(NUMBERS) if random.random() < 0.5 else value + random.choice((-1, 1, -2, 5))
    if kind is str:
        return random.choice(WORDS)
    if kind is bytes:
        return bytes(random.choice((0, 1, 2, 255)) for _ in value) if random.random() < 0.7 else value[:-1]
    if kind in reducers:
        try:
            return damaged(random, Call(*reducers[kind](value)), reducers)
        except EncodeError:
            return None
    return odd_value(random)


def damaged_items(random, items, reducers):
    if not items:
        return [odd_value(random)]
    place = random.randrange(len(items))
    match random.randrange(20):
        case 0:
            items.pop(place)
        case 1:
            items.insert(place, random.choice(items))
        case 2:
            random.shuffle(items)
        case _:
            items[place] = damaged(random, items[place], reducers)
    return items


def damaged_array(random, a):
    a = a.copy()
    if a.size and a.dtype.kind in "iubfmM" and random.random() < 0.85:
        words = a.reshape(-1).view(
            {"f": f"i{a.itemsize}", "b": "u1"}.get(a.dtype.kind, "i8" if a.dtype.kind in "mM" else a.dtype)
        )
        bounds = np.iinfo(words.dtype)
        for _ in range(random.randint(1, 3)):
            number = random.choice(NUMBERS) if random.random() < 0.6 else random.randint(0, 12)
            words[random.randrange(words.size)] = max(min(number, bounds.max), bounds.min)
        return words.view(a.dtype).reshape(a.shape)
    match random.randrange(6):
        case 0 if a.ndim:
            return a[:-1]
        case 1 if a.ndim:
            return np.concatenate([a, a])
        case 2:
            return a.reshape(1, -1)
        case 3:
            return a.astype(object)
        case 4 if a.dtype.kind in "iuf":
            return a.astype(random.choice(("f8", "i8", "i2", ">i4", "u1")))
    return a[::-1] if a.ndim else a


def big():
    """Calls with a megabyte in them, honest but for that: what a rebuilder does with each element takes its time."""
    numbers = np.random.default_rng(1).permutation(100_000)
    small = numbers[:40_000].astype("i4")
    texts = pa.array([f"text {number}" for number in range(40_000)])
    index = pd.Index(numbers)
    levels = (pd.RangeIndex(2),) * 500
    ones = np.zeros(0, "i8")
    values = [
        index,
        pd.date_range("2000", periods=100_000, freq="h"),
        pd.CategoricalIndex(pd.Categorical(small)),
        pd.CategoricalDtype(pd.Index(texts.to_pylist())),
        pd.CategoricalDtype(pd.Index(texts.to_pylist(), dtype=object)),
        pd.MultiIndex.from_arrays([small, small]),
        pd.MultiIndex(levels, (np.zeros(1, "i1"),) * 500),
        pd.interval_range(0, 40_000).array,
        pd.arrays.SparseArray(small % 3),
        pd.Series(1, index=pd.RangeIndex(2), name=("n",) * 900),
        pd.DataFrame({"a": numbers}, index=index).set_flags(allows_duplicate_labels=False),
        pd.DataFrame(np.zeros((1, 10_000))),
        pd.offsets.CustomBusinessDay(holidays=np.arange(2000).astype("M8[D]")),
        pa.table({"t": texts, "n": small}),
        texts.cast(pa.string_view()),
        texts.dictionary_encode(),
        pa.array([["a", "b"]] * 20_000),
        pa.schema([pa.field(f"f{number}", pa.int8()) for number in range(1000)]),
        pa.table({f"c{number}": [1] for number in range(500)}),
        sparse.csr_array((small, small % 1000, np.linspace(0, small.size, 1001).astype("i4")), shape=(1000, 1000)),
        sparse.coo_array((small, (small, small))),
        sparse.coo_array((small[:20_000], (small[:20_000], small[:20_000]))).todok(),
        sparse.coo_array((small[:20_000], (small[:20_000], small[:20_000]))).tolil(),
        sparse.dia_array((small[:1000].reshape(-1, 1), np.arange(1000)), shape=(1000, 1000)),
    ]
    reducers = corpus.codec()._vocabulary.reducers
    found = [Call(*reducers[type(value)](value)) for value in values]
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {str(number): None for number in range(4000)}
    found.append(Call(*reducers[pd.DataFrame](frame)))
    places = [np.array([place], "<u4").tobytes() for place in range(3000)]
    block = np.zeros((1, 1))
    found.append(
        Call(
            found[10].rebuilder,
            (tuple((block, place) for place in places), pd.RangeIndex(1), pd.RangeIndex(3000), None, False),
        )
    )
    found.append(Call(found[-8].rebuilder, ("coo_array", (1,) * 60, ones, (ones,) * 60)))
    told = "int8"
    for _ in range(20):
        told = ("struct", (("a", told, True, None), ("b", told, True, None)))
    found.append(Call(found[17].rebuilder, (((("deep", told, True, None),), None),)))
    return found


@functools.cache
def costly():
    """Each call again and again, with the same arguments: as often as fits into 64 KiB."""
    return [case_of([again] * 1 + [Call(*again) for _ in range(9000)]) for again in (*calls(), *big())]


def repeated(index, seed):
    return costly()[index]


def call(index, seed):
    """A call that an honest value reduces to, with one to three things changed in it."""
    random = Random(f"{seed}/{index}")
    reducers = corpus.codec()._vocabulary.reducers
    changed = random.choice(calls())
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if type(changed) is Call:
            changed = damaged(random, changed, reducers)
    try:
        return case_of(changed)
    except (EncodeError, TypeError, ValueError):  # what cannot even be said
        return Case(b"")


def encoding(index, seed):
    """Our own encodings, damaged; and their buffers."""
    random = Random(f"{seed}/{index}")
    stream, buffers = random.choice(encodings())
    if random.random() < 0.5:
        buffers = damaged_buffers(random, buffers)
    if random.random() < 0.7:
        stream = mutated(random, stream, random.choice(encodings())[0])
    return Case(stream, buffers)


def mixed(index, seed):
    """Encodings and calls in turn."""
    return (encoding, call)[index % 2](index, seed)


for _stream, _buffers in encodings():
    data_codec(Case(_stream, _buffers))

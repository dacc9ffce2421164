"""`explain`: the ledger held against the frames that are really sent, and against the object's own memory."""

import array
import pickle
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import oobpickle
from oobpickle import DataCodec, DecodeError, EncodeError, PickleCodec, explain, wire
from oobpickle.inspection.ledger import Ledger

LARGE = np.arange(100_000.0)
STRIDED = np.arange(200_000.0)[::2]
WAYS = {"in-band", "view", "gathered copy", "header"}


@dataclass
class Record:
    name: str
    values: object


class Anew:
    """Makes a new array each time it is pickled."""

    def __init__(self, values):
        self.values = values

    def __reduce__(self):
        return Anew, (self.values * 2,)


def frames_of(obj, codec):
    codec = PickleCodec() if codec == "pickle" else codec
    return wire.pack(codec.number, *codec.encode(obj)), codec.encode(obj)[1]


def assert_true(obj, codec="pickle"):
    """Hold a ledger against the frames of its object."""
    ledger = explain(obj, codec=codec)
    frames, buffers = frames_of(obj, codec)
    assert ledger.frames == tuple(map(len, frames))
    assert {entry.way for entry in ledger.entries} <= WAYS
    for number, frame in enumerate(frames):
        assert sum(entry.nbytes for entry in ledger.entries if entry.frame == number) == len(frame)
    assert [entry.buffer for entry in ledger.entries if entry.buffer is not None] == list(range(len(buffers)))
    for entry in ledger.entries:
        if entry.frame:
            assert len(frames[entry.frame]) == entry.nbytes
        if entry.buffer is not None:
            assert entry.nbytes == len(buffers[entry.buffer])
            shares = [np.shares_memory(np.frombuffer(frames[entry.frame], "u1"), a) for a in arrays_at(obj, entry)]
            assert all(shares) if entry.way == "view" else not any(shares)
    return ledger


def arrays_at(obj, entry):
    """The arrays that sit where the entry's items are said to."""
    for item in entry.items:
        if item.type == "numpy.ndarray" and "..." not in item.path and "<" not in item.path:
            a = eval(item.path, {"obj": obj})
            if a.nbytes:
                assert str(a.shape) in item.description
                yield np.asarray(a).view(np.ndarray)


def ways(obj, **options):
    """(where, way, frame) of all that is a buffer."""
    return [
        (entry.path, entry.way, entry.frame)
        for entry in assert_true(obj, **options).entries
        if entry.buffer is not None
    ]


def test_views_copies_and_the_head():
    obj = {
        "large": LARGE,
        "strided": STRIDED,
        "small": np.arange(700),
        "record": Record("x", LARGE + 1),
        "blob": b"b" * 100_000,
    }
    assert ways(obj) == [
        ("obj['large']", "view", 1),
        ("obj['strided']", "gathered copy", 2),
        ("obj['small']", "gathered copy", 0),
        ("obj['record'].values", "view", 3),
        ("obj['blob']", "view", 4),
    ]


def test_a_few_small_arrays_are_in_band():
    """Too small for an entry of their own: they are part of the stream's."""
    ledger = assert_true({"a": np.arange(200), "b": np.arange(5)})
    assert {entry.way for entry in ledger.entries} == {"header", "in-band"}
    assert len(ledger.frames) == 1


def test_orders_without_gaps_are_views():
    a = np.ones((50, 40, 30))
    assert {way for _, way, _ in ways([a.T, np.asfortranarray(a) * 2, a.transpose(1, 0, 2) + 1])} == {"view"}


def test_small_ones_are_gathered():
    ledger = assert_true([np.full(100, n, "f8") for n in range(2000)])
    gathered = [entry for entry in ledger.entries if entry.buffer is not None]
    assert sum(len(entry.items) for entry in gathered) == 2000
    assert {entry.way for entry in gathered} == {"gathered copy"}
    assert {entry.why for entry in gathered} == {
        "small values side by side: a buffer each would cost more than the copy"
    }


def test_views_of_one_array():
    (entry,) = [entry for entry in assert_true([LARGE[:60_000], LARGE[40_000:]]).entries if entry.buffer is not None]
    assert (entry.way, entry.nbytes, len(entry.items)) == ("view", 800_000, 2)
    assert "overlap" in entry.why


def test_a_class_that_makes_new_arrays_copies():
    obj = {"anew": Anew(LARGE)}
    (entry,) = [entry for entry in assert_true(obj).entries if entry.buffer is not None]
    assert (entry.way, entry.path, entry.type) == ("gathered copy", "obj['anew']", f"{__name__}.Anew")
    assert "Anew makes it anew" in entry.why


def test_a_class_that_gives_its_own_array_does_not():
    assert ways(np.ma.masked_array(LARGE)) == [("obj", "view", 1)]
    assert ways(LARGE.view(np.matrix)) == [("obj", "view", 1)]
    assert ways(array.array("d", LARGE)) == [("obj", "view", 1)]
    assert ways(memoryview(b"x" * 100_000)) == [("obj", "view", 1)]


def test_a_data_frame():
    frame = pd.DataFrame({"a": LARGE, "b": LARGE + 1, "n": np.arange(100_000)})
    ledger = assert_true({"frame": frame})
    assert ledger.total("view") == 3 * 800_000
    assert all(entry.path.startswith("obj['frame']") for entry in ledger.entries if entry.way == "view")


def test_columns_of_a_data_frame():
    frame = pd.DataFrame({"a": LARGE, "b": LARGE + 1, "n": np.arange(100_000)})
    ledger = assert_true({"frame": frame}, codec=DataCodec())
    assert [
        (entry.path, entry.type.rpartition(".")[2], entry.items[0].description)
        for entry in ledger.entries
        if entry.way == "view"
    ] == [
        ("obj['frame'][['a', 'b']]", "DataFrame", "2 columns float64 (2, 100000)"),
        ("obj['frame']['n']", "Series", "int64 (1, 100000)"),
    ]


def test_columns_of_objects():
    texts, dicts = ["a"] * 20_000, [{"n": n} for n in range(20_000)]
    frame = pd.DataFrame({"t": pd.Series(texts, dtype=object), "n": np.arange(20_000), "d": dicts})
    (entry,) = [
        entry
        for entry in assert_true([frame], codec=DataCodec()).entries
        if entry.way == "in-band" and entry.path != "obj"
    ]
    assert (entry.path, entry.items[0].description) == ("obj[0][['t', 'd']]", "2 columns 40,000 values")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x" * 10_000, "str"),
        (b"x" * 10_000, "bytes"),
        (list(range(10_000)), "list"),
        ({n: None for n in range(10_000)}, "dict"),
        (np.array([None, "x"] * 5000, object), "numpy.ndarray"),
        ({(n, n) for n in range(3000)}, "set"),
        (1 << 100_000, "int"),
        (Record("y" * 10_000, None), "str"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_large_values_in_band(value, kind):
    ledger = assert_true({"value": value})
    (entry,) = [entry for entry in ledger.entries if entry.way == "in-band" and entry.path != "obj"]
    assert entry.path.startswith("obj['value']")
    assert entry.type == kind
    assert entry.nbytes >= 4096
    assert entry.why


def advised(obj):
    return explain(obj).advice


def test_advice_helps():
    """What it says to do is done, and the copy is gone."""
    obj = {"a": STRIDED, "n": list(range(50_000)), "t": "é" * 50_000, "o": np.array([1.5, 2.5] * 10_000, object)}
    before = explain(obj)
    assert {advice.partition(":")[0] for advice in before.advice} == {f"obj[{key!r}]" for key in obj}
    assert before.copied > 900_000
    assert "obj['a'] = np.ascontiguousarray(obj['a'])" in before.advice[0]
    obj["a"] = np.ascontiguousarray(obj["a"])
    obj["n"] = np.array(obj["n"])
    obj["t"] = obj["t"].encode()
    obj["o"] = obj["o"].astype(float)
    after = assert_true(obj)
    assert after.advice == ()
    assert after.copied < 1000


def test_advice_about_columns_helps():
    texts = [f"text {n}" for n in range(20_000)]
    frame = pd.DataFrame(
        {
            "few": pd.Series([None, "a", "b", "c"] * 5000, dtype=object),
            "many": pd.Series(texts, dtype=object),
            "python": pd.Series(texts, dtype="string[python]"),
            "number": pd.Series([None, *range(19_999)], dtype=object),
            "time": pd.Series(pd.date_range("2025", periods=20_000).to_pydatetime(), dtype=object),
            "dict": [{"n": n} for n in range(20_000)],
        }
    )
    frame.index = pd.Index(texts, dtype=object)
    obj = {"frame": frame, "series": frame["many"]}
    before = explain(obj)
    told = "; ".join(before.advice)
    assert told.count("obj[") == told.count(": ") + 2 == 9
    for paths, advice in (
        ("obj['frame']['few'], obj['frame']['many']", 'Python strings; with .astype("string[pyarrow]"), or "category"'),
        ("obj['frame']['python']", 'Python strings; with .astype("string[pyarrow]"), or "category"'),
        ("obj['frame']['number'], obj['frame']['time']", "numbers or times as Python objects; with .infer_objects()"),
        ("obj['frame']['dict']", "Python objects; numbers, times and string[pyarrow] in columns of their own"),
        ("obj['frame'].index", 'Python strings; with .astype("string[pyarrow]"), or "category"'),
        ("obj['series']", 'Python strings; with .astype("string[pyarrow]"), or "category"'),
    ):
        assert f"{paths}: {advice}" in told
    for name in ("many", "python"):
        frame[name] = frame[name].astype("string[pyarrow]")
    frame["few"] = frame["few"].astype("category")
    frame["number"], frame["time"] = frame["number"].infer_objects(), frame["time"].infer_objects()
    frame["dict"] = [row["n"] for row in frame["dict"]]
    frame.index = frame.index.astype("string[pyarrow]")
    obj["series"] = frame["many"]
    after = explain(obj)
    assert after.advice == ()
    assert after.total("in-band") < 2000 < 1_000_000 < before.total("in-band")


def test_no_advice_about_columns_that_are_no_better_otherwise():
    objects = pd.Series([frozenset((n,)) for n in range(20_000)], dtype=object)
    index = pd.MultiIndex.from_product([[f"label {n}" for n in range(20_000)], [1]])
    index = index.set_levels(index.levels[0].astype(object), level=0)
    assert advised(pd.DataFrame({"n": np.arange(20_000)}, index=index)) == ()
    assert advised(objects.astype(pd.CategoricalDtype(pd.Index(objects)))) == ()
    assert advised(pd.Series(["few"] * 500, dtype=object)) == ()


def test_no_advice_about_small_things():
    assert advised({"a": np.arange(100)[::2], "n": [1, 2, 3], "t": "text"}) == ()


def test_frames():
    obj = {"large": LARGE, "strided": STRIDED, "small": np.arange(5), "list": list(range(5000))}
    sent, received = explain(obj), explain([bytes(frame) for frame in oobpickle.dumps(obj)])
    assert received.frames == sent.frames
    assert [(entry.path, entry.nbytes, entry.frame, entry.buffer) for entry in received.entries] == [
        (entry.path, entry.nbytes, entry.frame, entry.buffer) for entry in sent.entries
    ]
    assert {entry.way for entry in received.entries} == {"in-band", "out-of-band", "header"}


def test_frames_as_a_socket_gives_them(sockets):
    sockets.call(oobpickle.send, sockets.left, {"large": LARGE})
    frames = sockets.call(sockets.right.recv_multipart, copy=False)
    assert explain(frames).entries[-1].path == "obj['large']"


def test_frames_of_nobody_knows_what():
    frames = oobpickle.dumps([LARGE])
    with pytest.raises(DecodeError):
        explain(frames[:1])
    with pytest.raises(DecodeError):
        explain([bytes(frames[0])[:60], frames[1]])
    nonsense = wire.pack(7, b"no pickle", [memoryview(b"x" * 100)])
    ledger = explain(nonsense)
    assert ledger.codec == "number 7"
    assert sum(entry.nbytes for entry in ledger.entries) == len(nonsense[0])
    assert ledger.entries[1].nbytes == len(b"no pickle")
    assert ledger.entries[1].why


def test_a_list_of_other_things_is_an_object():
    assert explain([b"bytes", 1]).codec == "data"
    assert explain([]).nbytes
    assert explain([np.arange(10)[::2]]).nbytes
    assert explain(()).nbytes


def test_a_codec_of_the_users_own():
    class Text:
        number = 9

        def encode(self, obj):
            return str(obj).encode(), [memoryview(LARGE).cast("B")]

        def decode(self, stream, buffers):
            raise NotImplementedError

    ledger = assert_true("hello", codec=Text())
    assert [entry.way for entry in ledger.entries] == ["header", "in-band", "view"]


def test_what_cannot_be_encoded():
    with pytest.raises(EncodeError, match=r"obj\['f'\] \(function\)"):
        explain({"f": lambda: None})


def test_frames_are_never_loaded(python):
    python(
        """
import sys, oobpickle
from oobpickle import wire
seen = []
sys.addaudithook(lambda event, args: seen.append((event, args)) if event in ("import", "pickle.find_class", "os.system", "exec") else None)
frames = wire.pack(0, b"cos\\nsystem\\n(S'true'\\ntR.", [])
print(oobpickle.explain(frames))
assert not [event for event in seen if event[0] != "import" or "os" in str(event[1][0]).split(".")], seen
"""
    )


def test_it_is_plain_data():
    ledger = explain({"large": LARGE})
    assert pickle.loads(pickle.dumps(ledger)) == ledger
    assert isinstance(ledger, Ledger)
    with pytest.raises(AttributeError):
        ledger.codec = "other"
    assert "<table>" in ledger._repr_html_()


def test_the_object_is_left_as_it_is():
    blob = bytearray(100_000)
    explain({"blob": blob, "array": array.array("d", LARGE)})
    blob.clear()  # nothing exports its memory any more

"""What a stream's object holds, in a few words."""

import pickle

import numpy as np
import pandas as pd
import pytest

from oobpickle import DataCodec, PickleCodec
from oobpickle.tail.content import content_of
from tests.hostile.sources import attack_cases


def told(obj):
    return content_of(memoryview(PickleCodec().encode(obj)[0]))


@pytest.mark.parametrize(
    ("obj", "what"),
    [
        (np.zeros((480, 640, 3), "u1"), "uint8 (480, 640, 3)"),
        ({"a": np.arange(3), "b": np.ones((100, 100))}, "float64 (100, 100) +1"),
        ([np.arange(n + 1) for n in range(100)], "int64 (100,) +99"),
        (b"x" * 100_000, "bytes"),
        ("all is well", "'all is well'"),
        (42, "42"),
        (None, "None"),
        ((1, "a"), "(1, 'a')"),
        ({"a": 1}, "dict"),
        ([1, 2], "list"),
        ("\x1b[31m", "'\\x1b[31m'"),
    ],
    ids=repr,
)
def test_what(obj, what):
    assert told(obj).what == what


def test_items():
    assert [
        (item.path, item.description, item.nbytes) for item in told({"a": np.arange(3), "b": np.ones(10_000)}).items
    ] == [
        ("obj['b']", "float64 (10000,)", 80_000),
        ("obj['a']", "int64 (3,)", 24),
    ]


TABLE = pd.DataFrame(
    {
        "f": np.arange(1000.0),
        "n": np.arange(1000),
        "o": pd.Series(["x"] * 1000, dtype=object),
        "t": pd.date_range("2025", periods=1000),
        "i": pd.array(range(1000), dtype="Int64"),
        "c": pd.Series(["a", "b"] * 500, dtype="category"),
    }
)
LABELS = pd.Index([f"label {n}" for n in range(1000)], dtype=object)


@pytest.mark.parametrize(
    ("obj", "what"),
    [
        (TABLE, "DataFrame 1000 x 6"),
        ({"table": TABLE, "image": np.zeros((5, 5))}, "DataFrame 1000 x 6 +1"),
        ({"table": TABLE, "image": np.zeros((500, 500))}, "float64 (500, 500) +"),
        (TABLE[["o"]], "DataFrame 1000 x 1"),
        (TABLE[["i", "c"]], "DataFrame 1000 x 2"),
        (TABLE[10:20:2], "DataFrame 5 x 6"),
        (TABLE[::-1][["i"]], "DataFrame 1000 x 1"),
        (TABLE[:0], "DataFrame 0 x 6"),
        (TABLE.set_axis(LABELS), "DataFrame 1000 x 6"),
        (TABLE[["i"]].set_axis(LABELS), "DataFrame ? x 1"),
        (pd.DataFrame(np.ones((2, 5000))), "DataFrame 2 x 5000"),
        (pd.DataFrame(), "DataFrame"),
        (TABLE["f"], "float64 (1000,)"),
    ],
    ids=range(13),
)
def test_a_table(obj, what):
    told = content_of(memoryview(DataCodec().encode(obj)[0])).what
    assert told.startswith(what) if what.endswith("+") else told == what


def test_a_table_that_is_pickled_is_told_by_its_arrays():
    assert told(pd.DataFrame({"a": np.arange(10_000)})).what == "int64 (1, 10000)"


def test_far_up_there_may_be_a_table():
    obj = np.zeros(1000)
    for _ in range(100):
        obj = [obj]
    frame = pd.DataFrame({"n": [1]})
    frame.attrs["deep"] = obj
    assert content_of(memoryview(DataCodec().encode(frame)[0])).what == "float64 (1000,) +3"


def test_whoever_says_it_is_a_table():
    """What it claims is told, as long as it can be; nothing is made of it."""
    stream = bytes(DataCodec().encode(pd.DataFrame({"a": pd.array([1], dtype="Int64")}))[0])
    at = stream.index(b"K\0K\1K\1N")  # the start, stop and step of its index
    for numbers, rows in (
        (b"K\0K\1K\0", "?"),
        (b"K\0NK\1", "?"),
        (b"K\5K\1K\1", "0"),
        (b"K\0J\0\0\0\x40K\3", "357913942"),
        (b"K\0\x8b\0\x08\0\0" + b"\x7f" * 2048 + b"K\1", "?"),
    ):
        forged = stream[:at] + numbers + stream[at + 6 :]
        assert content_of(memoryview(forged)).what == f"DataFrame {rows} x 1"
    head = b"\x80\5\x8c\x1foobpickle.codec.reducers.pandas\x8c\x0drebuild_frame\x93"
    for given in (
        b")R.",
        b"NR.",
        b"(NNtR.",
        b"(]]tR.",
        b"()NtR.",
        b"(N\x85\x85NtR.",
        b"()\x85NtR.",
        b"(K\1N\x86\x85NtR.",
    ):
        assert content_of(memoryview(head + given)).what == "DataFrame"


def test_what_is_no_stream():
    for stream in (b"", b"nonsense", pickle.dumps(1)[:-1]):
        assert content_of(memoryview(stream)) == ("not readable", ())
    for case in {name: case.stream for name, case in attack_cases() if len(case.stream) < 2000}.values():
        assert content_of(memoryview(case)).what.isprintable()

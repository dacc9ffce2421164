"""What a stream's object holds, in a few words."""

import pickle

import numpy as np
import pandas as pd
import pytest

from oobpickle import PickleCodec
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


def test_a_table():
    assert told(pd.DataFrame({"a": np.arange(10_000)})).what == "int64 (1, 10000)"


def test_what_is_no_stream():
    for stream in (b"", b"nonsense", pickle.dumps(1)[:-1]):
        assert content_of(memoryview(stream)) == ("not readable", ())
    for case in {name: case.stream for name, case in attack_cases() if len(case.stream) < 2000}.values():
        assert content_of(memoryview(case)).what.isprintable()

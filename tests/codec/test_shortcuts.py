"""A shortcut tells what running the opcodes one by one would; what looks unusual it leaves to be run."""

import pickle
import pickletools

import numpy as np
import pytest

from oobpickle import DataCodec
from oobpickle.codec.interpreter import weigh
from oobpickle.codec.shortcuts import ARRAY, START, run_of_arrays, table_of_arrays
from oobpickle.codec.vocabulary import Vocabulary
from oobpickle.codec.registry import Registry
from oobpickle.codec.rules import Rule
from oobpickle.limits import DEFAULT
from tests.hostile.opcodes import framed, text

NAMES = Vocabulary(Registry()).rules
TABLES = {
    "one": np.arange(3),
    "large": [np.arange(20_000.0), np.zeros((5, 5000)).T],
    "many": [np.full(n, n) for n in range(300)],
    "shapes": [np.zeros(shape) for shape in ((), (0,), (300, 0), (70_000, 0), (1, 2, 3), (1,) * 9)],
    "another order": [np.arange(20_000.0), np.arange(3), np.arange(30_000.0), np.arange(4)] * 2,
}


def stream_of(obj):
    return DataCodec().encode(obj)[0]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_as_it_is_run(name):
    stream = stream_of(TABLES[name])
    taken = sum(opcode.name == "NEXT_BUFFER" for opcode, _, _ in pickletools.genops(stream))
    end, buffers = table_of_arrays(stream, NAMES)
    assert (stream[end - 1 : end], buffers) == (pickle.POP, taken)
    quick, run = (weigh(stream, NAMES, DEFAULT, runs=runs) for runs in (True, False))
    assert quick.plain
    assert not run.plain
    assert quick._replace(plain=False, nameless=run.nameless, sure=run.sure) == run


STREAM = stream_of([np.arange(3)])
END = table_of_arrays(STREAM, NAMES)[0]
SPEC = b"(\x8c\x03<i8K\x03\x85NK\x00K\x01\x88t"


def test_no_part_of_a_table_is_one():
    for end in range(END):
        assert table_of_arrays(STREAM[:end], NAMES) is None
    assert table_of_arrays(STREAM[:END], NAMES) == (END, 1)


@pytest.mark.parametrize(
    "unusual",
    [
        SPEC.replace(b"\x8c\x03<i8", b"\x8c\x11" + b"x" * 17),
        SPEC.replace(b"\x8c\x03<i8", b"K\x03"),
        SPEC.replace(b"K\x03\x85", b"K\x03"),
        SPEC.replace(b"K\x03\x85", b"J\xff\xff\xff\xff\x85"),
        SPEC.replace(b"K\x03\x85", b"N\x85"),
        SPEC.replace(b"K\x00", b"J\0\0\0\x80"),
        SPEC.replace(b"K\x01", b"\x88"),
        SPEC.replace(b"\x88t", b"Nt"),
        SPEC.replace(b"\x88t", b"\x88\x88t"),
        SPEC.replace(b"N", b"K\x08"),
        SPEC + b"\x94",
        b"",
    ],
)
def test_what_is_unusual_is_left_to_be_run(unusual):
    assert SPEC in STREAM
    stream = STREAM.replace(SPEC, unusual)
    if unusual:
        assert table_of_arrays(stream, NAMES) is None
    else:
        assert table_of_arrays(stream, NAMES) == (END - len(SPEC), 1)


def test_it_begins_with_the_source():
    assert table_of_arrays(STREAM, {}) is None
    assert table_of_arrays(STREAM, {name: Rule() for name in NAMES}) is None
    assert table_of_arrays(stream_of([1]), NAMES) is None
    assert table_of_arrays(framed(text("x"), b"\x94."), NAMES) is None


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (b"", (0, 0, 0)),
        (b"N.", (0, 0, 0)),
        (ARRAY * 3 + b".", (0, 3, 15)),
        (ARRAY[:-1], (0, 0, 0)),
        (text("a") + b"\x94" + ARRAY + text("bc") + b"\x94" + ARRAY + b"u", (2, 0, 19)),
        (text("a") + b"\x94" + ARRAY * 2, (1, 0, 9)),
        (text("a") + ARRAY, (0, 0, 0)),
        (text("x" * 63) + b"\x94" + ARRAY, (1, 0, 71)),
        (text("x" * 64) + b"\x94" + ARRAY, (0, 0, 0)),
        (text(ARRAY) + b"\x94" + ARRAY, (1, 0, 13)),
    ],
)
def test_runs(stream, found):
    assert run_of_arrays(bytes(START) + stream, START) == (*found[:2], START + found[2])

"""Opcodes one by one: what pickletools finds, without decoding what nobody asks for."""

import pickle
import pickletools
import tracemalloc
from random import Random

import pytest

from oobpickle import DecodeError
from oobpickle.inspection.opcodes import NAMES, argument, opcodes
from tests.hostile.sources import attack_cases, fuzz

OBJECT = {
    "a": [1, 300, 70_000, -5, 2**80, 2**3000, 1.5, None, True, False, "é", "x" * 300, "y" * 70_000],
    (1, 2, 3, 4): {1, 2},
    "b": [b"", b"z" * 300, b"w" * 70_000, bytearray(b"v"), frozenset("q"), print, range(3)],
}


def found(stream):
    """What there is up to a failure, as pickletools has it."""
    view = memoryview(stream)
    rest = []
    try:
        for opcode in opcodes(view):
            rest.append((opcode.name, repr(argument(view, opcode)), opcode.at))
    except DecodeError:
        rest.append("wrong")
    return rest


def expected(stream):
    rest = []
    try:
        rest += ((info.name, repr(value), at) for info, value, at in pickletools.genops(stream))
    except (ValueError, OverflowError):
        rest.append("wrong")
    return rest


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_of_each_protocol(protocol):
    stream = pickle.dumps(OBJECT, protocol)
    assert found(stream) == expected(stream)
    assert [opcode.at for opcode in opcodes(memoryview(stream))][1:] == [
        opcode.end for opcode in opcodes(memoryview(stream))
    ][:-1]


def test_every_opcode_has_a_name():
    assert {info.name for info in pickletools.opcodes} == set(NAMES.values())


def test_hostile_streams_as_pickletools_reads_them():
    random = Random(1)
    streams = [case.stream for _, case in attack_cases() if len(case.stream) < 10_000]
    streams += [fuzz(index, 1).stream for index in range(300)]
    streams += [
        bytes(random.choice(b"(N.cIVSFghpq\n\x8c\x058X0)}]\x94") for _ in range(random.randrange(40)))
        for _ in range(2000)
    ]
    ends = set()
    for stream in streams:
        mine, theirs = found(stream), expected(stream)
        if theirs and theirs[-1] == "wrong":
            # pickletools may see that an argument is cut off before it has looked at all of it
            assert mine[: len(theirs) - 1] == theirs[:-1]
            assert mine[-1] == "wrong"
        else:
            assert mine == theirs
        ends.add(mine[-1] == "wrong" if mine else None)
    assert ends >= {True, False}


def test_a_large_argument_is_not_copied():
    stream = memoryview(pickle.dumps(["t" * 20_000_000, b"b" * 20_000_000], 5))
    tracemalloc.start()
    try:
        assert len(list(opcodes(stream))) > 5
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("stream", "offset", "opcode"),
    [
        (b"", 0, ""),
        (b"N", 1, ""),
        (b"\x80\x05\xff", 2, ""),
        (b"N\x8c\x05abc", 1, "SHORT_BINUNICODE"),
        (b"NB\x01", 1, "BINBYTES"),
        (b"cos\nsystem", 0, "GLOBAL"),
        (b"\x8e" + b"\xff" * 8, 0, "BINBYTES8"),
    ],
)
def test_where_it_ends(stream, offset, opcode):
    with pytest.raises(DecodeError) as caught:
        list(opcodes(memoryview(stream)))
    assert (caught.value.offset, caught.value.opcode) == (offset, opcode)


def test_a_bad_argument_says_where():
    view = memoryview(b"Inonsense\n.")
    first, _ = opcodes(view)
    with pytest.raises(DecodeError, match="INT"):
        argument(view, first)


def test_long_lines():
    view = memoryview(b"c" + b"m" * 10_000 + b"\n" + b"n" * 4095 + b"\n.")
    assert [opcode.end for opcode in opcodes(view)] == [len(view) - 1, len(view)]

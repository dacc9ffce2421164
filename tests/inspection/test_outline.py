"""The outline: every byte is somebody's, nothing is loaded, and whatever comes, there is an outline."""

import collections
import copyreg
import io
import pickle
import time
from dataclasses import dataclass
from random import Random

import numpy as np
import pytest

from oobpickle import PickleCodec
from oobpickle.inspection.outline import outline
from oobpickle.inspection.values import LARGE, UNKNOWN
from tests.hostile.sources import attack_cases, fuzz


@dataclass
class Record:
    name: str
    values: object


class Extended(list, collections.abc.Hashable):
    __hash__ = object.__hash__


class WithKeywords:
    def __new__(cls, *, size):
        return super().__new__(cls)

    def __getnewargs_ex__(self):
        return (), {"size": 3}


class Persistent(pickle.Pickler):
    def persistent_id(self, obj):
        return "place" if obj is Record else None


def adds_up(read):
    return read.rest + sum(value.size for value in read.large) == len(read.stream)


@pytest.mark.parametrize("protocol", range(6))
def test_every_kind_of_opcode(protocol):
    again = ["again"] * 2
    obj = {
        "again": [again, again, tuple(again)],
        "record": Record("x", [1, 2]),
        "extended": Extended("abc"),
        "counter": collections.Counter("aab"),
        "deque": collections.deque([1, 2], 5),
        "sets": [{1, 2}, frozenset("ab")],
        "keywords": WithKeywords(size=3) if protocol >= 2 else None,
        (1, 2, 3, 4, (5,)): (1, (2, 3), (4, 5, 6)),
        "bytes": [b"a", b"b" * 300, bytearray(b"c")],
        "empty": [(), [], {}],
        "array": np.arange(5),
    }
    obj["self"] = obj
    file = io.BytesIO()
    Persistent(file, protocol).dump(obj)
    read = outline(file.getvalue())
    assert (read.problem, read.end) == (None, len(read.stream))
    assert read.root.kind == "dict"
    assert read.root.count == len(obj)
    assert adds_up(read)
    names = {f"{name.module}.{name.name}" for name in read.names}
    assert {f"{__name__}.Extended", "collections.Counter", "collections.deque"} <= names


def test_names_of_every_opcode_that_has_one():
    copyreg.add_extension("test_outline", "thing", 240)
    try:
        streams = [b"cos\nsystem\n.", b"\x8c\x02os\x8c\x06system\x93.", b"(ios\nsystem\n.", b"(cos\nsystem\no."]
        for stream in streams:
            (name,) = outline(stream).names
            assert name[:2] == ("os", "system")
        assert outline(b"\x82\xf0.").names[0].module == "copyreg"
        assert outline(b"\x8c\x02os\x8c\x06system\x940h\x00\x93.").names[0][:2] == ("os", "system")
        assert outline(b"K\x01K\x02\x93.").names[0][:2] == ("?", "?")
    finally:
        copyreg.remove_extension("test_outline", "thing", 240)


def test_large_values_count_on_their_own():
    obj = {
        "numbers": list(range(5000)),
        "text": "t" * LARGE,
        "inner": {"numbers": list(range(5000)), "x": 1},
        "small": [1, 2],
    }
    read = outline(PickleCodec().encode(obj)[0])
    assert [(value.kind, value.count) for value in sorted(read.large, key=lambda value: value.opcode.at)] == [
        ("list", 5000),
        ("atom", 0),
        ("list", 5000),
    ]
    assert read.rest < 300
    assert adds_up(read)


def test_the_object_itself_may_be_large():
    read = outline(pickle.dumps(list(range(5000))))
    assert [value is read.root for value in read.large] == [True]


def test_what_is_thrown_away_counts_too():
    read = outline(b"B" + (5000).to_bytes(4, "little") + b"x" * 5000 + b"0N.")
    assert [value.size for value in read.large] == [5005]
    assert adds_up(read)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"", "no STOP"),
        (b"N", "no STOP"),
        (b".", "nothing there to take"),
        (b"R.", "nothing there to take"),
        (b"Nt.", "nothing there to take"),
        (b"h\x05.", "nothing there to take"),
        (b"N\xff", "no opcode"),
    ],
)
def test_why_it_ended(stream, reason):
    read = outline(stream)
    assert reason in str(read.problem)
    assert read.root is None
    assert adds_up(read)


def test_hostile_streams():
    random = Random(2)
    streams = list({name: case.stream for name, case in attack_cases() if len(case.stream) < 20_000}.values())
    streams += [fuzz(index, 2).stream for index in range(500)]
    codes = bytes(range(256)) + b"(t]e}us)R\x94h\x00\x85\x86\x97\x98b\x81\x92\x93co02.1dlia\x8f\x90\x91" * 8
    streams += [b"N(]" + bytes(random.choices(codes, k=random.randrange(60))) + b"." for _ in range(3000)]
    complete = 0
    for stream in streams:
        read = outline(stream)
        assert adds_up(read)
        complete += read.problem is None
        for value in [*read.calls, *read.large]:
            read.literal(value)
    assert complete > 100


def test_literals_are_bounded():
    doubled = b"N\x94" + b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86\x94" for n in range(25)) + b"."
    deep = b"N" + b"\x85" * 100_000 + b"."
    long = pickle.dumps("x" * 10_000)
    for stream in (doubled, deep, long):
        read = outline(stream)
        text = repr(read.literal(read.root))
        assert repr(UNKNOWN) in text
        assert len(text) < 10_000


def test_it_takes_time_and_memory_for_what_there_is():
    stream = pickle.dumps([(n, n / 2) for n in range(50_000)])
    started = time.process_time()
    read = outline(stream)
    assert time.process_time() - started < 3
    assert read.large[0].count == 50_000


def test_nothing_is_looked_up(python):
    python(
        """
import sys
from oobpickle.inspection.outline import outline
seen = []
sys.addaudithook(lambda event, args: seen.append((event, args)) if event in ("import", "pickle.find_class", "os.system", "exec", "compile", "open") else None)
for stream in (b"cos\\nsystem\\n(S'true'\\ntR.", b"\\x8c\\x04nono\\x8c\\x01x\\x93.", b"(inowhere.at.all\\nX\\n.", b"\\x82\\x01."):
    assert outline(stream).names
assert not seen, seen
"""
    )

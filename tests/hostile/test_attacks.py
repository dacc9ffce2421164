"""Each known attack, in each guise, against the safety core: DecodeError or a harmless value, in bounded time and memory."""

import pytest

from tests.hostile import run
from tests.hostile.attacks import ATTACKS, colliding_pairs
from tests.hostile.sources import attack_cases, rebuilder_cases
from tests.hostile.targets import DEFAULT, NAMES, DecodeError, data_codec, scan

# What is no attack on a scan: values that are plain data after all, only large, or nested.
HARMLESS = {
    "NEXT_BUFFER more often than buffers",  # the codec compares the numbers
    "fewer NEXT_BUFFER than buffers",
    "NEXT_BUFFER without buffers",
    "60,000 buffers",
    "more calls than arrays",  # the table is shorter than the calls
    "many more calls than arrays",
    "a wide text",
    "wide texts",
    "60,000 empty sets",
    "60,000 empty dicts",
    "12,000 dicts of one",
    "30,000 frozensets",
    "1,000 integers of 16,000 bytes",
    "a text of 30,000, compared 8,000 times",  # 1 us each
    "a tuple 60,000 deep",
    "a list 60,000 deep",
    "a dict 10,000 deep",
    "a name called with a list",  # for the unpickler to refuse
}


TARGETS = [pytest.param(name, marks=pytest.mark.slow) for name in ("scanned", "data_codec")] + ["message"]


@pytest.mark.parametrize("target", TARGETS)
def test_no_attack_does_harm(target):
    """Against the scan with toys for rebuilders, the data codec, and the data codec by way of a message."""
    cases = attack_cases()
    faults = run.hunt("tests.hostile.sources:attack", f"tests.hostile.targets:{target}", 0, len(cases))
    for fault in faults:
        fault["attack"] = cases[fault["index"]][0]
    assert not faults


@pytest.mark.parametrize("target", TARGETS[1:])
def test_no_attack_on_a_rebuilder_does_harm(target):
    cases = rebuilder_cases()
    faults = run.hunt("tests.hostile.sources:attack_on_rebuilders", f"tests.hostile.targets:{target}", 0, len(cases))
    for fault in faults:
        fault["attack"] = cases[fault["index"]][0]
    assert not faults


@pytest.mark.parametrize(
    ("name", "case"), [pair for pair in rebuilder_cases() if "again" not in pair[0] and "deep" not in pair[0]]
)
def test_a_rebuilder_refuses_it(name, case):
    """By looking at the arguments, not for a stream that is wrong: those have an offset."""
    with pytest.raises(DecodeError) as caught:
        data_codec(case)
    assert caught.value.offset is None or "key" in name or "set" in name or "one buffer" in name


@pytest.mark.parametrize("name", ATTACKS)
def test_the_scan_refuses_it(name):
    stream, _ = ATTACKS[name]
    if name in HARMLESS:
        scan(stream, NAMES, DEFAULT)
    else:
        with pytest.raises(DecodeError):
            scan(stream, NAMES, DEFAULT)


def test_the_catalogue_of_the_harmless_is_of_real_names():
    assert ATTACKS.keys() >= HARMLESS


def test_the_colliding_tuples_collide():
    pairs = colliding_pairs(100)
    assert len({hash(pair) for pair in pairs}) == 1
    assert len(set(pairs)) == 100


@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("a tuple 200,000 deep as a key", {"ended with -11"}),
        pytest.param("object arrays 100,000 deep", {"ended with -11"}, marks=pytest.mark.slow),
        pytest.param("doubled tuple, 40 times, as a key", {"hang"}, marks=pytest.mark.slow),
        pytest.param("20,000 multiples of 2^61 - 1", {"slow", "hang"}, marks=pytest.mark.slow),
        pytest.param("heavy keys that collide, used again and again", {"slow", "hang"}, marks=pytest.mark.slow),
        pytest.param("4,000 colliding leaves", {"slow", "hang"}, marks=pytest.mark.slow),
        # CPython reports a bytearray freed while exported.
        pytest.param("a bytearray of 2^40", {"memory", "audit"}, marks=pytest.mark.slow),
        ("LONG_BINPUT far away", {"memory"}),
    ],
)
def test_without_the_scan_it_does_harm(name, faults, monkeypatch):
    """The cases are what they say, and the cage would see it if the scan let them through."""
    monkeypatch.setattr(run, "STUCK", 5)
    index = next(index for index, (other, _) in enumerate(attack_cases()) if other == name)
    [fault] = run.hunt("tests.hostile.sources:attack", "tests.hostile.targets:unscanned", index, index + 1)
    assert fault["fault"] in faults

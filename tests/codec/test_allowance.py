"""An allowance is a multiple of the message, of one decode in one thread, and is over when that ends."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from oobpickle import DataCodec, DecodeError
from oobpickle.codec.allowance import BASE, TIMES, begin, end, expected_arrays, limits, spend
from oobpickle.codec.registry import Registry
from oobpickle.limits import DEFAULT

STRICT = DEFAULT.replace(dimensions=2)


OUTSIDE = (DEFAULT, 1 << 62, None)


@pytest.fixture
def ended():
    yield
    end(OUTSIDE)


@pytest.mark.parametrize("nbytes", [0, 1, 10**9])
@pytest.mark.parametrize("steps", [1, 8])
def test_it_holds_to_the_byte(ended, nbytes, steps):
    begin(DEFAULT, nbytes, 0)
    whole = BASE + TIMES * nbytes
    for _ in range(steps - 1):
        spend(whole // steps)
    spend(whole - (steps - 1) * (whole // steps))
    spend(0)
    with pytest.raises(ValueError, match="more copies"):
        spend(1)


def test_what_was_refused_is_spent(ended):
    """A rebuilder's refusal cannot be tried around: what comes after a call that asked for too much has nothing left."""
    begin(DEFAULT, 0, 0)
    for _ in range(2):
        with pytest.raises(ValueError, match="more copies"):
            spend(BASE + 1)
    with pytest.raises(ValueError, match="more copies"):
        spend(0)


def test_each_message_has_its_own(ended):
    for _ in range(3):
        begin(DEFAULT, 5, 0)
        spend(BASE + 5 * TIMES)


def test_outside_of_a_decode_there_is_no_end():
    before = begin(STRICT, 0, 3)
    assert (limits(), expected_arrays()) == (STRICT, 3)
    end(before)
    assert (limits(), expected_arrays()) == (DEFAULT, None)
    for _ in range(1000):
        spend(2**40)


def test_each_thread_has_its_own(ended):
    begin(STRICT, 0, 3)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(lambda: (limits(), expected_arrays())).result() == (DEFAULT, None)
        other.submit(begin, DEFAULT, 0, 7).result()
        other.submit(spend, BASE).result()
        spend(BASE)
        assert (limits(), expected_arrays()) == (STRICT, 3)
        with pytest.raises(ValueError, match="more copies"):
            other.submit(spend, 1).result()


class Greedy:
    """What it is decoded from says how much of the allowance it takes."""

    def __init__(self, nbytes):
        self.nbytes = nbytes


def codec_of(decode):
    registry = Registry()
    registry.register(Greedy, encode=lambda greedy: greedy.nbytes, decode=decode, tag="greedy")
    return DataCodec(types=registry, limits=STRICT)


@pytest.mark.parametrize(("nbytes", "taken"), [(BASE + TIMES * 800_000, True), (BASE + TIMES * 810_000, False)])
def test_a_decode_begins_and_ends_it(nbytes, taken):
    """Whether it succeeds or not. Buffers count for what a message is worth."""
    seen = []

    def decode(nbytes):
        seen.append((limits(), expected_arrays()))
        spend(nbytes)
        return Greedy(nbytes)

    message = codec_of(Greedy).encode([np.arange(100_000.0), np.zeros((2, 2)), Greedy(nbytes)])
    if taken:
        codec_of(decode).decode(*message)
    else:
        with pytest.raises(DecodeError, match="more copies"):
            codec_of(decode).decode(*message)
    assert seen == [(STRICT, 2)]
    assert (limits(), expected_arrays()) == (DEFAULT, None)
    spend(2**40)


def test_a_decode_in_a_decode_does_not_end_the_outer_one():
    """A registered class may hold a message of its own."""
    seen = []
    inner = DataCodec().encode([1, np.zeros((1, 1, 1))])

    def decode(nbytes):
        if nbytes:
            DataCodec().decode(*inner)
            seen.append((limits(), expected_arrays()))
            spend(nbytes)
        return Greedy(nbytes)

    message = codec_of(Greedy).encode([np.zeros(2), Greedy(BASE), Greedy(BASE)])
    with pytest.raises(DecodeError, match="more copies"):
        codec_of(decode).decode(*message)
    assert seen == [(STRICT, 1)] * 2
    assert (limits(), expected_arrays()) == (DEFAULT, None)

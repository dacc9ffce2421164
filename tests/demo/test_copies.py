"""The count of copies: none where there is none, and one for a real one, whoever makes it."""

import pytest

from oobpickle.demo.memory import Fresh
from oobpickle.demo.pair import Pair
from oobpickle.demo.transports import TRANSPORTS
from tests.demo import faulty

pytestmark = pytest.mark.skipif(Fresh().nbytes() is None, reason="peak memory cannot be measured on this system")

COUNTED = [transport for transport in TRANSPORTS if transport.lands is not None]
"""A map of the producer's memory cannot be told from fresh memory: `tests/lanes` shows what is copied there."""


@pytest.fixture(scope="module")
def pair():
    with Pair() as pair:
        yield pair


@pytest.fixture(scope="module")
def stack(pair):
    return pair.prepare("image stack")


@pytest.mark.parametrize("transport", COUNTED, ids=lambda transport: transport.name)
def test_no_copy(pair, stack, transport):
    outcome = pair.run(0, stack, transport, 0.05)
    assert not outcome.wrong
    assert outcome.copies < 0.05


@pytest.mark.parametrize(
    "transport",
    [faulty.CopiesWhenSending(), faulty.CopiesWhenReceiving(), faulty.CopiesInLibzmq()],
    ids=lambda transport: transport.name,
)
def test_one_copy(pair, stack, transport):
    outcome = pair.run(0, stack, transport, 0.05)
    assert not outcome.wrong
    assert 0.9 < outcome.copies < 1.2

"""Each peer carries what it says that it carries, in each of its patterns."""

import pytest

from oobpickle.bench.peer import own_peers, peer_named
from oobpickle.bench.things import ARRAY, BYTES, OBJECT, Thing
from tests.bench.measured import measured

OPTIONAL = [peer.name for peer in own_peers().values() if peer.optional]


EACH = [
    pytest.param(peer.name, pattern, marks=() if pattern == peer.patterns[0] else pytest.mark.slow)
    for peer in own_peers().values()
    if not peer.optional
    for pattern in peer.patterns
]
"""A pair of processes each, so only one pattern of each peer is quick; what is ours has a test in test_rounds too."""


@pytest.mark.parametrize(("name", "pattern"), EACH)
def test_it_carries_a_thing_in_each_of_its_patterns(name, pattern):
    peer = peer_named(name)
    thing = next(thing for thing in (Thing(ARRAY, 1 << 16), Thing(BYTES, 64)) if peer.carries(thing))
    found = measured(name, thing=thing, pattern=pattern, transport=peer.transports[0], rounds=1)
    assert not found.failed
    assert list(found.runs) == [name]


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_optional_peer_is_left_out_where_it_is_not_installed(name):
    peer = peer_named(name)
    if peer.obstacle(Thing(ARRAY, 1 << 16), peer.patterns[0], peer.transports[0]) is None:
        pytest.skip("it is installed; `oobpickle bench --peers` measures it")
    found = measured(name, transport=peer.transports[0])
    assert found.left_out == {name: f"{peer.optional} is not installed"}


def test_an_object_that_the_data_codec_does_not_carry_is_left_out_with_what_to_do():
    thing = Thing(OBJECT, 0, "tests.bench.test_peers:unregistered")
    found = measured("oobpickle", "oobpickle, shared", "oobpickle, pickle codec", thing=thing, rounds=1)
    assert list(found.runs) == ["oobpickle, pickle codec"]
    (reason,) = set(found.left_out.values())
    assert reason.startswith("obj['shot'] (tests.bench.test_peers.Shot): ")
    assert "oobpickle.register" in reason


class Shot:
    pass


def unregistered():
    return {"shot": Shot()}


def test_names():
    assert peer_named("tests.bench.strange:honest").name == "tests.bench.strange:honest"
    with pytest.raises(KeyError):
        peer_named("nobody")
    with pytest.raises(KeyError):
        peer_named("tests.bench.strange:nobody")

"""Two publishers and four subscribers, each a process: nothing is lost in lossless mode, and in lossy mode it is known what was.

Each publisher is bound to an address of tcp and to one of ipc; two of the subscribers connect to those, two to these.
"""

import pytest

SIZES = [
    pytest.param(4_000, 40, id="short"),
    pytest.param(1_000_000, 10_000, id="whole", marks=pytest.mark.slow),
]
WAYS = ("tcp", "ipc")


@pytest.fixture
def addresses(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s")
    return [["tcp://127.0.0.1:*", f"ipc://{folder}/{n}"] for n in range(2)]


def of(way, bound):
    """Of each publisher the address of this transport."""
    return [address for addresses in bound for address in addresses if address.startswith(way)]


@pytest.mark.parametrize(("small", "big"), SIZES)
def test_nothing_is_lost_in_lossless_mode(start, addresses, small, big):
    """So many messages of both publishers together; each subscriber gets them all."""
    publishers = [
        start("publish", address=address, subscribers=4, small=small // 2, big=big // 2) for address in addresses
    ]
    bound = [publisher.said() for publisher in publishers]
    subscribers = [start("subscribe", addresses=of(way, bound), ends=4) for way in WAYS * 2]
    for publisher in publishers:
        assert publisher.said(3600) == {"sent": (small + big) // 2 + 2, "dropped": 0, "unwanted": 0}
        publisher.ends_well()
    for subscriber in subscribers:
        assert subscriber.said() == {
            "received": small + big + 4, "wrong": 0, "missing": 0, "reported": 0, "missed": 0, "malformed": 0, "lines": 4,
        }  # fmt: skip


@pytest.mark.parametrize(("small", "big"), [SIZES[0], pytest.param(100_000, 1_000, id="whole", marks=pytest.mark.slow)])
def test_missed_is_exact_in_lossy_mode_also_with_a_publisher_killed_and_restarted(start, addresses, small, big):
    publish = {"subscribers": 12, "small": small, "big": big, "lossless": False, "high_water_mark": 20, "ends": 0}
    first = start("publish", address=addresses[0], **publish)
    doomed = start("publish", address=addresses[1], **publish | {"small": 10**9, "pause": 0.0001})
    bound = [first.said(), doomed.said()]
    subscribers = [
        start("subscribe", addresses=of(way, bound), ends=1, high_water_mark=20, topics=["a", "b", "end"])
        for way in WAYS * 2
    ]
    assert first.said()["sent"] > 0
    doomed.kill()
    restarted = start("publish", address=bound[1], **publish)
    restarted.said()
    restarted.said()
    first.ends_well()
    restarted.ends_well()
    # The last messages of a lossy stream may be lost as well; so the end is told by one that comes after it.
    finishing = start("publish", address=bound[0], subscribers=12, small=0, big=0, topics=["end"])
    finishing.said()
    for subscriber in subscribers:
        seen = subscriber.said()
        assert seen["wrong"] == seen["malformed"] == 0
        assert seen["missing"] == seen["reported"] == seen["missed"]
        assert seen["missed"] > 0, "nothing was lost: the test shows nothing"
        assert seen["lines"] >= 6
    finishing.said()
    finishing.ends_well()

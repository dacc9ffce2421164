"""oobpickle.patterns.topics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobpickle import limits
from oobpickle.errors import DecodeError
from oobpickle.patterns.topics import Subscriptions, encode_prefix, encode_topic, split_topic


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=63), st.binary())
def test_a_topic_before_a_head_comes_apart_again(topic, head):
    key, rest = split_topic(memoryview(encode_topic(topic) + head))
    assert key.decode() == topic
    assert bytes(rest) == head


@pytest.mark.parametrize("topic", ["a\0b", "\0", "x" * 256, "é" * 128])
def test_what_cannot_be_a_topic(topic):
    with pytest.raises(ValueError):
        encode_topic(topic)
    with pytest.raises(ValueError):
        encode_prefix(topic)


@pytest.mark.parametrize("topic", [b"a", 1, None, {"a": 1}], ids=repr)
def test_what_is_no_text(topic):
    for encode in (encode_topic, encode_prefix):
        with pytest.raises(TypeError, match=f"^topic must be a str, not {type(topic).__name__}$"):
            encode(topic)


def test_the_longest_topic():
    topic = "x" * limits.TOPIC_MAX
    assert split_topic(memoryview(encode_topic(topic) + b"head")) == (topic.encode(), b"head")


@pytest.mark.parametrize("frame", [b"", b"no end", b"x" * 256 + b"\0head"])
def test_frames_without_a_topic(frame):
    with pytest.raises(DecodeError):
        split_topic(memoryview(frame))


def heard(*frames, limit=100):
    subscriptions = Subscriptions(limit)
    for frame in frames:
        subscriptions.hear(frame)
    return subscriptions


def wants(subscriptions, topic):
    return subscriptions.wants(encode_topic(topic))


def test_a_prefix_wants_what_begins_with_it():
    s = heard(b"\x01cam/")
    assert wants(s, "cam/left")
    assert wants(s, "cam/")
    assert not wants(s, "cam")
    assert not wants(s, "lidar")


def test_the_empty_prefix_wants_all_and_no_subscription_nothing():
    assert wants(heard(b"\x01"), "anything")
    assert wants(heard(b"\x01"), "")
    assert not wants(heard(), "")


def test_an_exact_foreign_subscription():
    s = heard(b"\x01cam/left\0", b"\x01lidar\0\xf5oob")
    assert wants(s, "cam/left")
    assert not wants(s, "cam/left2")
    assert wants(s, "lidar")


def test_subscriptions_are_a_multiset():
    s = heard(b"\x01a", b"\x01a", b"\x01a", b"\0a")
    assert s.count(encode_topic("a")) == 2
    s.hear(b"\0a")
    assert wants(s, "abc")
    s.hear(b"\0a")
    assert not wants(s, "abc")
    assert s.count() == 0


def test_count_covers_shorter_prefixes():
    s = heard(b"\x01", b"\x01cam/", b"\x01cam/", b"\x01cam/left", b"\x01lidar")
    assert s.count(encode_topic("cam/left")) == 4
    assert s.count(encode_topic("cam/")) == 3
    assert s.count(encode_topic("else")) == 1
    assert s.count() == 5


def test_garbage_is_ignored():
    s = heard(b"", b"\0never", b"\x02x", b"hello", b"\xff" * 300)
    assert s.count() == 0
    assert s.generation == 1


def test_hear_tells_what_is_newly_asked_for():
    s = Subscriptions()
    assert s.hear(b"\x01cam/") == b"cam/"
    assert s.hear(b"\x01cam/") == b"cam/"
    assert s.hear(b"\0cam/") is None
    assert s.hear(b"junk") is None


def test_the_generation_moves_when_answers_can_change():
    s = Subscriptions()
    seen = [s.generation]
    for frame, changes in [(b"\x01a", True), (b"\x01a", False), (b"\0a", False), (b"\0a", True), (b"\0a", False)]:
        s.hear(frame)
        assert (s.generation != seen[-1]) is changes, frame
        seen.append(s.generation)


def test_past_the_bound_all_is_wanted_and_nothing_grows():
    s = heard(*(b"\x01%d" % n for n in range(10)), limit=10)
    assert not wants(s, "other")
    for n in range(10, 1000):
        s.hear(b"\x01%d" % n)
    assert wants(s, "other")
    assert s.count() == 10

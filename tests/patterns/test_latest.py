"""oobpickle.patterns.latest."""

from oobpickle.patterns.latest import Latest


def test_the_newest_replaces_and_is_counted():
    store = Latest(10)
    assert store.put("a", 1) is None
    assert store.put("a", 2) == 1
    assert store.put("a", 3) == 2
    assert store.skipped == 2
    assert store.get("a") == 3
    assert store.get("b") is None
    assert store.take() == 3
    assert store.take() is None
    assert store.skipped == 2


def test_a_busy_topic_does_not_starve_a_quiet_one():
    store = Latest(10)
    store.put("busy", 1)
    store.put("quiet", 10)
    store.put("busy", 2)
    assert store.take() == 2
    store.put("busy", 3)
    assert store.take() == 10
    assert store.take() == 3


def test_bounded_topics():
    store = Latest(2)
    store.put("a", 1)
    store.put("", 2)
    assert store.put("c", 3) == 1
    assert len(store) == 2
    assert store.skipped == 1
    assert [store.take(), store.take(), store.take()] == [2, 3, None]

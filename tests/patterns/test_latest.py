"""oobpickle.patterns.latest."""

from oobpickle.patterns.latest import Latest


def test_the_newest_replaces_and_is_counted():
    store = Latest(10)
    assert store.put(b"a", 1) is None
    assert store.put(b"a", 2) == 1
    assert store.put(b"a", 3) == 2
    assert store.skipped == 2
    assert store.take() == 3
    assert store.take() is None
    assert store.skipped == 2


def test_a_busy_topic_does_not_starve_a_quiet_one():
    store = Latest(10)
    store.put(b"busy", 1)
    store.put(b"quiet", 10)
    store.put(b"busy", 2)
    assert store.take() == 2
    store.put(b"busy", 3)
    assert store.take() == 10
    assert store.take() == 3


def test_bounded_topics():
    store = Latest(2)
    store.put(b"a", 1)
    store.put(b"b", 2)
    assert store.put(b"c", 3) == 1
    assert len(store) == 2
    assert store.skipped == 1
    assert [store.take(), store.take(), store.take()] == [2, 3, None]


def test_clear_skips_nothing():
    store = Latest(2)
    store.put(b"a", 1)
    store.clear()
    assert store.take() is None
    assert store.skipped == 0

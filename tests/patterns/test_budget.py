"""oobpickle.patterns.budget."""

import threading

from oobpickle.patterns.budget import Budget


def test_admits_up_to_the_limit():
    b = Budget(100)
    b.hold(1, 1, 60)
    assert b.admits(40)
    assert not b.admits(41)


def test_one_message_above_the_limit_goes_alone():
    b = Budget(100)
    assert b.admits(1000)
    b.hold(1, 1, 1000)
    assert not b.admits(1)
    b.release(1)
    assert b.admits(1)
    assert b.held == 0


def test_no_limit():
    b = Budget(None)
    b.hold(1, 1, 2**60)
    assert b.admits(2**60)
    assert b.held == 2**60


def test_the_oldest_message_that_is_still_held():
    b = Budget(None)
    assert b.oldest() is None
    b.hold(10, 1, 5)
    b.hold(11, 1, 5)
    b.hold(12, 2, 0)
    b.release(12)
    b.release(10)
    assert b.oldest() == 1
    b.release(11)
    assert b.oldest() is None


def test_releases_come_from_any_thread():
    b = Budget(10)
    for n in range(4000):
        b.hold(n, n, 1)
    threads = [threading.Thread(target=lambda k=k: [b.release(n) for n in range(k, 4000, 4)]) for k in range(4)]
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads):
        b.settle()
    b.settle()
    assert b.held == 0
    assert b.oldest() is None

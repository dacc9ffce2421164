"""oobpickle.endpoints.waiting."""

import os
import threading
import time

import pytest

from oobpickle.endpoints.waiting import Flag, ThreadWaiter, deadline_of
from tests.conftest import descriptors


@pytest.fixture(params=["eventfd", "pipe"])
def kind(request, monkeypatch):
    if request.param == "pipe":
        monkeypatch.delattr(os, "eventfd")


def test_a_flag_holds_no_more_than_its_descriptors(kind):
    before = descriptors()
    flag = Flag()
    assert descriptors() - before
    del flag
    assert not descriptors() - before


def test_one_whose_constructor_was_interrupted_dies_in_silence():
    Flag.__new__(Flag)  # what it says when it dies would fail the test


def test_a_wake_ends_a_sleep(kind):
    waiter = ThreadWaiter()
    thread = threading.Timer(0.02, waiter.wake)
    thread.start()
    waiter.sleep(10)
    thread.join()
    started = time.monotonic()
    waiter.sleep(0.03)  # and is forgotten then
    assert time.monotonic() - started >= 0.03


def test_a_wake_before_the_sleep_is_not_lost(kind):
    waiter = ThreadWaiter()
    for _ in range(3):
        waiter.wake()
        waiter.sleep(None)


def test_rest_forgets(kind):
    waiter = ThreadWaiter()
    waiter.wake()
    waiter.rest()
    started = time.monotonic()
    waiter.sleep(0.03)
    assert time.monotonic() - started >= 0.03


def test_any_number_of_wakes_block_nobody(kind):
    waiter = ThreadWaiter()
    for _ in range(100_000):
        waiter.wake()
    waiter.sleep(None)
    waiter.rest()


def test_it_tells_of_the_descriptors_that_it_was_asked_about(kind):
    one, two = Flag(), Flag()
    waiter = ThreadWaiter(one.fileno(), tell=(two.fileno(),))
    two.set()
    assert waiter.sleep(5)
    two.clear()
    one.set()
    assert not waiter.sleep(5)
    one.clear()
    assert not waiter.sleep(0)


def test_deadlines():
    assert deadline_of(None) is None
    before = time.monotonic()
    assert before + 5 <= deadline_of(5) <= time.monotonic() + 5
    assert deadline_of(-1.5) < before
    with pytest.raises(TypeError, match="timeout must be a number of seconds, or None, not str"):
        deadline_of("5")


def test_the_longest_sleep():
    waiter = ThreadWaiter()
    waiter.wake()
    waiter.sleep(1e300)

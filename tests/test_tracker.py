"""`Tracker`: done when, and only when, every view that it follows is gone."""

import gc
import threading

import pytest

from oobpickle import Timeout, Tracker
from oobpickle.tracker import DONE


def test_done_when_all_views_are_gone():
    tracker = Tracker()
    views = [tracker.follow(b"one"), tracker.follow(bytearray(b"two")), tracker.follow(memoryview(b"three"))]
    assert views == [b"one", b"two", b"three"]
    while views:
        assert not tracker.done
        views.pop()
    assert tracker.done
    assert "done" in repr(tracker)


def test_what_is_followed_is_a_view_of_its_own():
    """The caller may keep the frame itself for as long as he likes."""
    frame = memoryview(bytearray(b"frame"))
    tracker = Tracker()
    view = tracker.follow(frame)
    assert view is not frame
    assert view.obj is frame.obj
    assert view.readonly is frame.readonly
    del view
    assert tracker.done


def test_a_view_of_the_view_counts_as_well():
    tracker = Tracker()
    view = tracker.follow(b"frame")
    part = view[1:3]
    del view
    released = tracker.done
    del part
    assert tracker.done
    assert released in (True, False)


def test_nothing_followed_is_done():
    assert Tracker().done
    assert DONE.done
    Tracker().wait(0)
    DONE.wait()


def test_wait_gives_up():
    tracker = Tracker()
    view = tracker.follow(b"frame")
    for seconds in (0, 0.01, -1):
        with pytest.raises(Timeout):
            tracker.wait(seconds)
    del view
    tracker.wait(0)


@pytest.mark.parametrize("waiters", [1, 3])
def test_wait_in_threads(waiters):
    tracker = Tracker()
    views = [tracker.follow(b"one"), tracker.follow(b"two")]
    woken = []

    def wait():
        tracker.wait(30)
        woken.append(tracker.done)

    threads = [threading.Thread(target=wait) for _ in range(waiters)]
    for thread in threads:
        thread.start()
    views.clear()
    for thread in threads:
        thread.join(30)
    assert woken == [True] * waiters


def test_wait_races_with_the_last_view():
    """Over and over: the view dies in another thread just as this one begins to wait."""
    for _ in range(300):
        tracker = Tracker()
        views = [tracker.follow(b"frame")]
        thread = threading.Thread(target=views.clear)
        thread.start()
        tracker.wait(30)
        assert tracker.done
        thread.join()


def test_release_is_called_once_with_the_ticket():
    released = []
    tracker = Tracker(released.append, 7)
    views = [tracker.follow(b"one"), tracker.follow(b"two")]
    views.pop()
    assert released == []
    views.pop()
    assert released == [7]


def test_forget():
    released = []
    tracker = Tracker(released.append, 7)
    view = tracker.follow(b"one")
    tracker.forget()
    del view
    assert tracker.done
    assert released == []


def test_a_view_in_a_cycle():
    tracker = Tracker()
    cycle = [tracker.follow(b"one")]
    cycle.append(cycle)
    del cycle
    assert not tracker.done
    gc.collect()
    assert tracker.done


def test_a_tracker_may_go_before_its_views():
    tracker = Tracker()
    view = tracker.follow(b"one")
    del tracker
    assert view == b"one"

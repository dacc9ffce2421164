"""oobpickle.patterns.budget."""

import threading
import weakref

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


def test_who_was_refused_is_to_hear_of_the_next_release():
    b = Budget(100)
    b.hold(1, 1, 60)
    assert b.admits(40)
    assert not b.refused
    assert not b.admits(41)
    assert b.refused


def test_a_release_while_somebody_is_refused_counts():
    class ReleasedLate(Budget):
        """One whose message is released just when it has been refused."""

        __slots__ = ()
        refused = property(lambda self: True, lambda self, value: value and self.release(1))

    b = ReleasedLate(100)
    b.hold(1, 1, 100)
    b.hold(2, 2, 1)
    assert b.admits(50)


def test_no_limit():
    b = Budget(None)
    b.hold(1, 1, 2**60)
    assert b.admits(2**60)
    assert b.held == 2**60
    b.release(1)
    assert b.admits(2**60)
    assert b.held == 0
    assert len(b) == 0


def test_how_many_messages_may_still_be_held():
    b = Budget(None)
    assert b.unsettled(0) == 0
    assert b.unsettled(5) == 5  # none was followed, so nobody knows
    b.hold(10, 3, 5)
    b.hold(11, 6, 5)
    assert len(b) == 2
    assert b.unsettled(9) == 7  # from the third on
    b.release(10)
    assert b.unsettled(9) == 4
    b.release(11)
    assert b.unsettled(9) == 3
    assert b.unsettled(6) == 0


def test_a_ticket_that_was_never_held_or_is_released_twice():
    b = Budget(10)
    b.hold(1, 1, 4)
    b.release(7)
    b.release(1)
    b.release(1)
    b.settle()
    assert b.held == 0


def test_the_anchor_lives_as_long_as_the_ticket():
    class Anchor:
        pass

    b = Budget(10)
    anchor = Anchor()
    alive = weakref.ref(anchor)
    b.hold(1, 1, 4, anchor)
    del anchor
    assert alive() is not None
    b.release(1)
    b.settle()
    assert alive() is None


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
    assert b.unsettled(3999) == 0


def test_what_is_held_for_whom():
    b = Budget(100)
    b.hold(1, 1, 60, peer=b"one")
    assert b.holds_for(b"one")
    assert not b.holds_for(b"two")
    b.release(1)
    b.settle()
    assert not b.holds_for(b"one")

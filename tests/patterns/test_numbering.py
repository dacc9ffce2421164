"""oobpickle.patterns.numbering."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobpickle.patterns.numbering import REPEATED, Gaps, new_epoch


def gaps():
    return Gaps(limit=100)


def test_epochs_are_random_and_never_zero():
    epochs = {new_epoch() for _ in range(100)}
    assert len(epochs) == 100
    assert 0 not in epochs
    assert max(epochs) < 2**64


def test_the_first_message_is_no_gap_and_the_next_ones_are_counted():
    g = gaps()
    assert [g.count(1, b"a", n, 0) for n in (57, 58, 61, 62, 70)] == [0, 0, 2, 0, 7]


def test_topics_and_epochs_are_lines_of_their_own():
    g = gaps()
    assert g.count(1, b"a", 5, 0) == 0
    assert g.count(1, b"b", 9, 0) == 0
    assert g.count(2, b"a", 1, 0) == 0  # restarted
    assert g.count(1, b"a", 7, 0) == 1  # the old one still speaks
    assert g.count(2, b"a", 2, 0) == 0
    assert len(g) == 3


def test_messages_without_numbers_are_not_followed():
    g = gaps()
    assert g.count(0, b"a", 5, 0) == 0
    assert g.count(7, b"a", 0, 0) == 0
    assert len(g) == 0


def test_repetitions_are_told_apart_and_do_not_move_the_count():
    g = gaps()
    g.count(1, b"a", 5, 0)
    assert g.count(1, b"a", 5, 0, kept=True) == REPEATED
    assert g.count(1, b"a", 3, 0, kept=True) == REPEATED
    assert g.count(1, b"a", 4, 0) == 0  # a foreign sender's: nothing is known of it
    assert g.count(1, b"a", 6, 0) == 0


@given(st.sets(st.integers(1, 200), min_size=1))
def test_missed_is_exactly_what_lies_between_the_first_and_the_last(received):
    g = gaps()
    missed = sum(g.count(1, b"a", n, 0) for n in sorted(received))
    assert missed == max(received) - min(received) + 1 - len(received)


def test_a_re_subscription_is_no_loss_even_with_old_messages_queued():
    g = gaps()
    g.count(1, b"cam/a", 5, 100)
    g.rejoin(lambda topic: topic.startswith(b"cam/"), 200)
    assert g.count(1, b"cam/a", 6, 110) == 0  # was queued
    assert g.count(1, b"cam/a", 8, 120) == 1  # a true loss among the queued
    assert g.count(1, b"cam/a", 90, 210) == 0  # the first that was sent after
    assert g.count(1, b"cam/a", 92, 220) == 1  # and from here on it counts again


def test_a_kept_message_after_a_re_subscription_is_a_new_beginning():
    g = gaps()
    g.count(1, b"a", 5, 100)
    g.rejoin(lambda topic: True, 200)
    assert g.count(1, b"a", 5, 100, kept=True) == 0
    assert g.count(1, b"a", 5, 100, kept=True) == REPEATED
    assert g.count(1, b"a", 7, 210) == 1


def test_a_re_subscription_leaves_other_topics_alone():
    g = gaps()
    g.count(1, b"a", 5, 100)
    g.count(1, b"b", 5, 100)
    g.rejoin(lambda topic: topic == b"a", 200)
    assert g.count(1, b"b", 9, 300) == 3


def test_the_number_of_lines_is_bounded_and_the_oldest_is_forgotten():
    g = Gaps(limit=3)
    for epoch in range(1, 1000):
        assert g.count(epoch, b"a", 1, 0) == 0
    assert len(g) == 3
    assert g.count(999, b"a", 3, 0) == 1
    assert g.count(1, b"a", 9, 0) == 0


def test_forgotten_lines_take_their_re_subscription_along():
    g = Gaps(limit=1)
    g.count(1, b"a", 1, 0)
    g.rejoin(lambda topic: True, 50)
    g.count(2, b"a", 1, 0)
    assert g.count(2, b"a", 5, 60) == 3


@pytest.mark.parametrize("sequence", [2**64 - 1, 2**63])
def test_absurd_numbers_are_only_numbers(sequence):
    g = gaps()
    g.count(1, b"a", 1, 0)
    assert g.count(1, b"a", sequence, 2**64 - 1) == sequence - 2

"""oobpickle.patterns.correlation."""

from oobpickle.patterns.correlation import Correlation


def test_each_reply_finds_its_caller():
    c = Correlation()
    numbers = {c.expect(name): name for name in "abc"}
    assert len(c) == 3
    for number in sorted(numbers, reverse=True):
        assert c.settle(number) == numbers[number]
    assert len(c) == 0
    assert c.late == 0


def test_late_and_forged_replies_are_counted():
    c = Correlation()
    number = c.expect("a")
    c.give_up(number)
    assert c.settle(number) is None
    assert c.settle(999) is None
    assert c.settle(0) is None
    assert c.late == 3


def test_numbers_are_never_used_twice():
    c = Correlation()
    first = c.expect("a")
    c.settle(first)
    assert c.expect("b") != first
    c.give_up(first)  # settled: fine
    assert c.callers() == ["b"]


def test_the_one_that_waited_longest_is_first():
    c = Correlation()
    numbers = [c.expect(n) for n in range(5)]
    c.settle(numbers[0])
    assert c.callers() == [1, 2, 3, 4]

"""How often a spin is tried, and when it ends: told by what it asks and by a clock of the test's own."""

import pytest

from oobpickle import spinning
from oobpickle.spinning import RESTS_MAX, SPIN, Spin


class Clock:
    """Time that passes only in the others' turns: `each` nanoseconds whenever the core is given away."""

    def __init__(self, monkeypatch):
        self.now = 0
        self.each = SPIN // 10
        self.turns = 0
        monkeypatch.setattr(spinning.time, "perf_counter_ns", lambda: self.now)
        monkeypatch.setattr(spinning, "_give_way", self.give_way)

    def give_way(self):
        self.turns += 1
        self.now += self.each


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def after(turns):
    """A condition that holds from the so-manieth look on."""
    looks = iter(range(1, 1000))
    return lambda: next(looks) >= turns


def tried(spin, clock):
    """Whether a wait in which nothing comes spins."""
    turns = clock.turns
    assert not spin.until(lambda: False)
    return clock.turns > turns


def test_it_ends_as_soon_as_it_is_ready(clock):
    assert Spin().until(after(3))
    assert clock.turns == 3


def test_it_ends_when_the_time_is_up(clock):
    assert not Spin().until(lambda: False)
    assert clock.turns == 11


def test_others_go_first_and_it_looks_once_more(clock):
    clock.each = 100 * SPIN
    assert Spin().until(lambda: clock.turns == 1)


def test_who_spins_in_vain_does_so_ever_more_seldom(clock):
    spin = Spin()
    waits = [tried(spin, clock) for _ in range(1000)]
    spun = [index for index, spun in enumerate(waits) if spun]
    gaps = [later - earlier - 1 for earlier, later in zip(spun, spun[1:], strict=False)]
    assert gaps[:7] == [1, 3, 7, 15, 31, 63, 63]
    assert set(gaps[6:]) == {RESTS_MAX}


def test_one_that_pays_makes_up_for_those_that_did_not(clock):
    spin = Spin()
    while not (spin.until(after(1))):
        pass
    for _ in range(20):
        tried(spin, clock)
    while not spin.until(after(1)):
        pass
    assert [tried(spin, clock) for _ in range(3)] == [True, False, True]


def test_one_that_is_ready_too_late_did_not_pay(clock):
    """Others kept the core for long, and would have had to give it to one who sleeps."""
    spin = Spin()
    clock.each = 100 * SPIN
    assert spin.until(lambda: True)
    assert not spin.until(lambda: True)


def test_what_it_asks_may_raise(clock):
    spin = Spin()
    with pytest.raises(KeyboardInterrupt):
        spin.until(lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    assert spin.until(after(2))


@pytest.mark.parametrize("near", [True, False])
def test_after_a_large_message_from_afar_one_wait_does_not_spin(clock, near):
    spin = Spin(near=near)
    spin.rest()
    assert tried(spin, clock) is near


def test_after_the_rest_it_spins_again(clock):
    spin = Spin()
    spin.rest()
    assert [tried(spin, clock) for _ in range(2)] == [False, True]


def test_a_rest_does_not_shorten_those_to_come(clock):
    spin, other = Spin(), Spin()
    for _ in range(4):
        assert tried(spin, clock) == tried(other, clock)
    assert spin.rests()  # it is in a row of waits without a spin
    assert other.rests()
    other.rest()
    assert [tried(spin, clock) for _ in range(20)] == [tried(other, clock) for _ in range(20)]

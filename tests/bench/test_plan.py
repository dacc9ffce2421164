"""What is measured, by what is asked for."""

import pytest

from oobpickle.bench import plan
from oobpickle.bench.peer import FAN_OUT, IPC, ONE_WAY, ROUND_TRIP
from oobpickle.bench.things import ARRAY, ARRAYS, BYTES, Thing


def things(sizes, pattern):
    found = plan.full(["oobpickle"], sizes, [pattern], [IPC], chosen=True)
    assert {(case.pattern, case.transport) for case in found} == {(pattern, IPC)}
    return list(dict.fromkeys(case.thing for case in found))


@pytest.mark.parametrize("pattern", plan.PATTERNS)
def test_given_sizes_are_those_of_every_pattern(pattern):
    assert things([plan.KB, plan.GB], pattern) == [Thing(ARRAY, plan.KB), Thing(ARRAY, plan.GB)]


def test_without_sizes_each_pattern_has_things_of_its_own():
    assert {thing.kind for thing in things([], ONE_WAY)} == {ARRAY, ARRAYS}
    assert things([], ROUND_TRIP) == [Thing(BYTES, 8), Thing(ARRAY, plan.MB)]
    assert things([], FAN_OUT) == [Thing(ARRAY, plan.MB), Thing(ARRAY, 16 * plan.MB)]


def test_a_fan_out_is_to_one_and_to_four():
    assert [case.fars for case in plan.full(["oobpickle"], [plan.KB], [FAN_OUT], [IPC], chosen=True)] == [1, 4]

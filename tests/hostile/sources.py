"""Where cases come from: functions of (index, seed) that give the same case in every process."""

from functools import cache
from random import Random

from tests.hostile import attacks as catalogue
from tests.hostile.grammar import accepted, stream
from tests.hostile.mutation import mutated
from tests.hostile.opcodes import framed
from tests.hostile.targets import Case


@cache
def attack_cases():
    """Every attack in every guise, with its name."""
    return [(name, case) for name, attack in catalogue.ATTACKS.items() for case in catalogue.forms(*attack)]


def attack(index, seed):
    return attack_cases()[index][1]


def fuzz(index, seed):
    """Half from the grammar, half damaged ones of it."""
    random = Random(f"{seed}/{index}")
    if random.random() < 0.5:
        return Case(stream(random))
    return Case(mutated(random, framed(accepted(random), b"."), framed(accepted(random), b".")))


def crash(index, seed):
    """For the machinery's own tests: the seed's digits are the letters of targets.crash."""
    return Case(b"_chsmaeX"[index : index + 1])

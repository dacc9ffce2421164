"""A measurement of one case, to its end."""

from oobpickle.bench.figures import Case
from oobpickle.bench.peer import IPC, ONE_WAY
from oobpickle.bench.rounds import measure
from oobpickle.bench.things import ARRAY, Thing

SMALL = Thing(ARRAY, 1 << 16)


def measured(*peers, thing=SMALL, pattern=ONE_WAY, transport=IPC, fars=1, rounds=2, seconds=0.01, memory=1 << 32):
    """The figures of a case."""
    steps = list(measure([Case(thing, pattern, transport, peers, fars)], rounds, seconds, memory))
    assert steps[-1].finished
    assert steps[-1].turn == steps[-1].turns
    return steps[-1].figures

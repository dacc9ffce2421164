"""Where cases come from: functions of (index, seed) that give the same case in every process."""

from functools import cache
from random import Random

from tests.hostile import attacks as catalogue
from tests.hostile import attacks_on_rebuilders, corpus
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


@cache
def rebuilder_cases():
    """Every attack on rebuilders, with its name."""
    return [(name, Case(*attack)) for name, attack in attacks_on_rebuilders.ATTACKS.items()]


def attack_on_rebuilders(index, seed):
    return rebuilder_cases()[index][1]


def fuzz(index, seed):
    """Half from the grammar, half damaged ones of it."""
    random = Random(f"{seed}/{index}")
    if random.random() < 0.5:
        return Case(stream(random))
    return Case(mutated(random, framed(accepted(random), b"."), framed(accepted(random), b".")))


def encoding(index, seed):
    """Our own encodings, damaged; and their buffers, seldom."""
    random = Random(f"{seed}/{index}")
    encodings = corpus.encodings()
    stream, buffers = random.choice(encodings)
    if len(stream) > 4000 and random.random() < 0.9:
        stream, buffers = random.choice(encodings)
    if random.random() < 0.15:
        buffers = damaged_buffers(random, buffers)
    if random.random() < 0.95:
        stream = mutated(random, stream, random.choice(encodings)[0])
    return Case(stream, buffers)


def damaged_buffers(random, buffers):
    damaged = list(buffers)
    match random.randrange(5):
        case 0:
            damaged.append(random.randbytes(random.choice((0, 1, 8, 1000))))
        case 1 if damaged:
            damaged.pop(random.randrange(len(damaged)))
        case 2 if damaged:
            place = random.randrange(len(damaged))
            damaged[place] = damaged[place][: -random.choice((1, 8, 100))]
        case 3:
            random.shuffle(damaged)
        case _ if damaged:
            place = random.randrange(len(damaged))
            damaged[place] = random.randbytes(len(damaged[place]))
    return tuple(damaged)


def call(index, seed):
    """Calls of every rebuilder, with arguments of all kinds."""
    random = Random(f"{seed}/{index}")
    return Case(
        framed(accepted(random, calls=corpus.names(), words=corpus.words()), b"."),
        (b"buffer" * 20,) * random.choice((0, 0, 0, 1, 2)),
    )


def mixed(index, seed):
    """Encodings and calls in turn."""
    return (encoding, call)[index % 2](index, seed)


def crash(index, seed):
    """For the machinery's own tests: the seed's digits are the letters of targets.crash."""
    return Case(b"_chsmaeX"[index : index + 1])


@cache
def spots():
    """Each byte of our own encodings, the long ones apart: (stream, buffers, index)."""
    return [
        (stream, buffers, at)
        for stream, buffers in corpus.encodings()
        if len(stream) < 1500
        for at in range(len(stream))
    ]


def truncated(index, seed):
    """Our own encodings, cut off at every point; cut off in a frame that says so."""
    stream, buffers, at = spots()[index // 2]
    return Case(stream[:at] if index % 2 else framed(stream[11:at]), buffers)


def flipped(index, seed):
    """Our own encodings, every bit flipped."""
    stream, buffers, at = spots()[index // 8]
    return Case(stream[:at] + bytes([stream[at] ^ 1 << index % 8]) + stream[at + 1 :], buffers)


def nicked(index, seed):
    """One of these two, somewhere."""
    random = Random(f"{seed}/{index}")
    kind, times = random.choice(((truncated, 2), (flipped, 8)))
    return kind(random.randrange(times * len(spots())), seed)

"""Keys with equal hashes are refused where there are many of them; many keys are not refused as such."""

import pytest

from oobpickle.codec.collisions import check_hashes
from oobpickle.codec.interpreter import weigh
from oobpickle.codec.rules import Rule
from oobpickle.codec.scan import scan
from oobpickle.errors import DecodeError
from oobpickle.limits import DEFAULT
from tests.hostile.attacks import MODULUS, colliding_pairs
from tests.hostile.opcodes import framed, get, integer, name
from tests.hostile.targets import NAMES, TOYS, leaf

MANY = 5000
HONEST = [integer(n) + integer(n * 7) + b"\x86" for n in range(MANY)]
COLLIDING = [integer(a) + integer(b) + b"\x86" for a, b in colliding_pairs(MANY)]


def as_dict(keys):
    return framed(b"}(", *(key + b"N" for key in keys), b"u.")


def one_by_one(keys):
    return framed(b"}", *(key + b"Ns" for key in keys), b".")


def in_batches(keys):
    return framed(b"}", *(b"(" + key + b"Nu" for key in keys), b".")


def as_set(keys):
    return framed(b"\x8f(", *keys, b"\x90.")


def as_frozenset(keys):
    return framed(b"(", *keys, b"\x91.")


SHAPES = (as_dict, one_by_one, in_batches, as_set, as_frozenset)


@pytest.mark.parametrize("shape", SHAPES)
def test_many_tuples_are_looked_at_and_taken(shape):
    assert weigh(shape(HONEST), NAMES, DEFAULT).suspect
    assert scan(shape(HONEST), NAMES) == (0, 0, False, True, True)


@pytest.mark.parametrize("shape", SHAPES)
def test_colliding_tuples_are_refused(shape):
    with pytest.raises(DecodeError, match="equal hashes"):
        scan(shape(COLLIDING), NAMES)


@pytest.mark.parametrize("shape", SHAPES)
def test_few_of_them_are_not(shape):
    assert not weigh(shape(COLLIDING[:500]), NAMES, DEFAULT).suspect
    scan(shape(COLLIDING[:500]), NAMES)


def test_multiples_of_the_modulus():
    scan(as_dict([integer((1 << 200) + n) for n in range(MANY)]), NAMES)
    with pytest.raises(DecodeError, match="equal hashes"):
        scan(as_dict([integer((1 << 200) + n * MODULUS) for n in range(MANY)]), NAMES)


def test_texts_and_small_integers_need_no_second_look():
    keys = [b"\x8c\x05%05d" % n for n in range(MANY)] + [integer(n) for n in range(MANY)]
    assert not weigh(as_dict(keys), NAMES, DEFAULT).suspect


def test_what_a_rebuilder_gives_is_built():
    call = name(TOYS, "leaf") + b"\x940"
    honest = framed(call, b"}(", *(get(0) + key + b"RN" for key in HONEST), b"u.")
    colliding = framed(call, b"}(", *(get(0) + key + b"RN" for key in COLLIDING), b"u.")
    scan(honest, NAMES)
    with pytest.raises(DecodeError, match="equal hashes"):
        scan(colliding, NAMES)


def test_without_a_rebuilder_they_are_taken_to_be_equal():
    call = name(TOYS, "leaf") + b"\x940"
    stream = framed(call, b"}(", *(get(0) + key + b"RN" for key in HONEST), b"u.")
    key = (TOYS.encode(), b"leaf")
    with pytest.raises(DecodeError, match="equal hashes"):
        scan(stream, {key: Rule(key=2)})
    scan(stream, {key: Rule(key=2, collides=False)})  # a keyed hash: the scan has the rule's word


def test_a_rebuilder_that_refuses_is_for_the_load_to_tell():
    """The second look builds keys only, so a rebuilder may see an argument that it would not see otherwise."""

    def strict(value):
        raise ValueError(value)

    call = name(TOYS, "leaf") + b"\x940"
    stream = framed(call, b"](", get(0), b"]\x85Re0", as_dict(HONEST)[11:])
    check_hashes(stream, {(TOYS.encode(), b"leaf"): Rule(key=2, build=strict)}, DEFAULT)


def test_the_same_key_again_and_again_costs():
    """It is found at once by identity; but not if equal ones stand before it."""
    stream = framed(
        b"}", *(key + b"\x94Ns" for key in COLLIDING[:200]), b"(", *(get(199) + b"N" for _ in range(20_000)), b"u."
    )
    with pytest.raises(DecodeError, match="equal hashes"):
        scan(stream, NAMES)


def test_nested_frozensets_are_counted_before_they_are_built():
    inner = b"(" + b"".join(COLLIDING) + b"\x91"
    with pytest.raises(DecodeError, match="equal hashes"):
        scan(framed(inner, b"."), NAMES)
    assert leaf(1) == leaf(1)

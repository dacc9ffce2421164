"""The arithmetic of weights: sums that keep their kind, and flags that are never lost."""

import pytest

from oobpickle.codec.weights import (
    ALIASED, ATOM, BUFFER, CALL, CHOSEN, DEEP, DICT, EMPTY, KIND, LIST, SET, SOURCE, UNPLACED, VALUE,
    Refused, deep, recalled, unhashable, weigh_keys, weight_of,
)  # fmt: skip
from oobpickle.limits import DEFAULT

TEXT = -500
HEAVIEST = 2 * DEFAULT.key_values


def test_the_order():
    """What the interpreter tells apart by comparing is in rising order, and no flag is in another's bits."""
    order = [TEXT, UNPLACED, EMPTY, ATOM, CHOSEN, HEAVIEST, VALUE, LIST, DICT, SET, BUFFER, ALIASED, DEEP, CALL, SOURCE]
    assert order == sorted(set(order))
    assert all(flag & (KIND | VALUE - 1) == 0 for flag in (ALIASED, DEEP, CALL, SOURCE))
    assert ALIASED | DEEP | KIND < CALL


@pytest.mark.parametrize(
    ("group", "weight"),
    [
        ((), 0),
        ((ATOM, ATOM), 4),
        ((TEXT, UNPLACED), 4),
        ((TEXT, CHOSEN, 9), 14),
        ((ATOM, VALUE), VALUE + 2),
        ((TEXT, VALUE), VALUE + 2),
    ],
)
def test_weight_of(group, weight):
    assert weight_of(group) == weight


@pytest.mark.parametrize(
    ("group", "item"),
    [
        ((HEAVIEST, HEAVIEST), VALUE),
        ((LIST, DICT + 3), VALUE),
        ((TEXT, VALUE | ALIASED), VALUE | ALIASED),
        ((VALUE | DEEP, TEXT), VALUE | DEEP),
        ((VALUE | DEEP, VALUE | ALIASED, LIST | DEEP), VALUE | ALIASED | DEEP),
    ],
)
def test_unhashable(group, item):
    assert unhashable(group) == item


@pytest.mark.parametrize("name", [CALL, CALL + 5, SOURCE])
def test_a_name_is_no_value(name):
    for group in ((name,), (VALUE | DEEP, name, ATOM)):
        with pytest.raises(Refused, match="a name, or the source"):
            unhashable(group)
    with pytest.raises(Refused, match="a name, or the source"):
        deep(name)


def test_deep():
    assert deep(CALL - 1) == deep(VALUE | DEEP | ALIASED) == DEEP
    assert deep(LIST | ALIASED) == deep(ATOM) == 0


@pytest.mark.parametrize(
    ("top", "item"),
    [
        *((same, same) for same in (TEXT, UNPLACED, EMPTY, ATOM, CHOSEN, VALUE - 1, CALL, CALL + 7, SOURCE)),
        (VALUE, VALUE | ALIASED),
        (VALUE | DEEP, VALUE | ALIASED | DEEP),
        *((made, VALUE | ALIASED | DEEP) for made in (LIST, DICT, DICT + 9, SET + 1, LIST | DEEP)),
    ],
)
def test_recalled(top, item):
    """A container may still be filled with what is deep; it counts as that."""
    assert recalled(top) == item
    assert recalled(item) == item


def test_keys():
    assert weigh_keys((), HEAVIEST) == (0, 0, 0)
    assert weigh_keys((ATOM, TEXT, 7, CHOSEN, 8), HEAVIEST) == (22, 2, 10)
    assert weigh_keys((TEXT, UNPLACED), HEAVIEST) == (4, 0, 0)  # a text's odd offset is no chosen hash
    assert weigh_keys((HEAVIEST - 1,), HEAVIEST)[0] == HEAVIEST - 1


@pytest.mark.parametrize("item", [HEAVIEST, VALUE, LIST, VALUE | ALIASED, CALL, SOURCE])
def test_what_is_no_key_is_refused(item):
    with pytest.raises(Refused, match="limits.key_values"):
        weigh_keys((ATOM, item, TEXT), HEAVIEST)

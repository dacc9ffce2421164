"""The integers that stand for values on the abstract stack, and what a group of them comes to.

In rising order:

    below 0               a text of up to 255 bytes; minus its offset. STACK_GLOBAL reads its names there. Weighs 2.
    below VALUE           can be a key; twice the number of values in it. Odd: who made it can choose its hash (a tuple,
                          a float, a long integer), and so make many keys with the same one
    VALUE                 cannot be a key
    LIST, DICT, SET       a container in the making. DICT and SET count in their low bits the keys with a chosen hash.
                          Only where it was made is a container filled, as picklers do: out of the memo it is a VALUE
    BUFFER                a buffer just taken
    .. | ALIASED          out of the memo: it stands elsewhere too
    .. | DEEP             holds something that CPython frees by recursion, however far down; or might
    CALL + n, SOURCE      the n-th name of the stream; the source of the arrays. Neither is ever a value

Twice the number of values, so that the lowest bit is free; sums of weights keep the order of magnitude, whatever the
lowest bits do. Rule: a refusal here says what is wrong; the interpreter adds where.
"""

from collections.abc import Sequence
from typing import NoReturn

EMPTY = 1
"""The empty tuple: what a source is called with."""

ATOM = 2
"""What weighs one value."""

CHOSEN = 3
"""What weighs one value and has a hash that can be chosen. Some 200 floats have the same one."""

UNPLACED = -1
"""A text of which nobody has noted the offset. A stream that takes one for a name is run again without that shortcut."""

VALUE, LIST, DICT, SET, BUFFER = (kind << 40 for kind in (1, 2, 4, 6, 8))
KIND = 15 << 40
ALIASED = 1 << 50
DEEP = 1 << 51
CALL = 1 << 60
SOURCE = 1 << 61


class Refused(Exception):  # noqa: N818 - never leaves the scan: the interpreter makes it a DecodeError
    """What is wrong with the opcode at hand."""


def refuse(reason: str) -> NoReturn:
    """Raise Refused."""
    raise Refused(reason)


def weight_of(group: Sequence[int]) -> int:
    """The sum of the weights; VALUE or more if one of them can be no key."""
    return sum(group) if min(group, default=0) > 0 else sum([item if item > 0 else ATOM for item in group])


def unhashable(group: Sequence[int]) -> int:
    """The integer for a tuple that is no key: too heavy, or something in it is none. Refuses a name in it."""
    if max(group) < ALIASED:
        return VALUE
    bits = 0
    for item in group:
        if item >= ALIASED:
            bits |= item & ALIASED | deep(item)
    return VALUE | bits


def deep(deepest: int) -> int:
    """DEEP or 0, for a container whose deepest value is this. Refuses a name, or the source of the arrays, as a value."""
    if deepest >= CALL:
        refuse("a name, or the source of the arrays, where a value must be")
    return deepest & DEEP


def recalled(top: int) -> int:
    """What the memo gives back of this: a value that stands elsewhere too, and that is filled no more."""
    if top < VALUE or top >= CALL:
        return top
    return VALUE | ALIASED | (top & DEEP if top & KIND == VALUE else DEEP)


def weigh_keys(group: Sequence[int], heaviest: int) -> tuple[int, int, int]:
    """What keys come to: their weight; how many of them have a chosen hash; and the weight of those.

    Refuses what can be no key.
    """
    if max(group, default=0) >= heaviest:
        refuse("a key that is not hashable, or a registered object, or of more values than limits.key_values")
    chosen = [item for item in group if item > 0 and item & 1]
    return weight_of(group), len(chosen), sum(chosen)

"""Damage to streams that were right: bits, bytes, pieces, lengths; and opcodes for other opcodes."""

import pickletools

from tests.hostile.grammar import OPCODES
from tests.hostile.opcodes import integer, reframed, text


def mutated(random, stream, other):
    """A damaged stream. other: one to take pieces from. The frame's length is mostly put right again."""
    damaged = bytearray(stream)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        random.choice(WAYS)(random, damaged, other)
    result = bytes(damaged)
    return reframed(result) if random.random() < 0.9 else result


def _place(random, damaged):
    return random.randrange(11, len(damaged)) if len(damaged) > 11 else 0


def flip_bit(random, damaged, other):
    if damaged:
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)


def set_byte(random, damaged, other):
    if damaged:
        damaged[_place(random, damaged)] = random.choice((0, 1, 127, 128, 255, *OPCODES))


def insert_opcode(random, damaged, other):
    place = _place(random, damaged)
    damaged[place:place] = bytes([random.choice(OPCODES)])


def delete_piece(random, damaged, other):
    place = _place(random, damaged)
    del damaged[place : place + random.choice((1, 2, 3, 8, 40))]


def repeat_piece(random, damaged, other):
    place = _place(random, damaged)
    piece = damaged[place : place + random.choice((1, 2, 5, 12, 40))]
    damaged[place:place] = piece * random.choice((1, 2, 30))


def move_piece(random, damaged, other):
    place = _place(random, damaged)
    piece = damaged[place : place + random.choice((1, 2, 5, 12, 40))]
    del damaged[place : place + len(piece)]
    place = _place(random, damaged)
    damaged[place:place] = piece


def splice(random, damaged, other):
    start = random.randrange(len(other))
    place = _place(random, damaged)
    damaged[place : place + random.choice((0, 4, 20))] = other[start : start + random.choice((2, 10, 60))]


def swap_opcode(random, damaged, other):
    """Another opcode where there is one, the arguments left as they are."""
    try:
        places = [place for _, _, place in pickletools.genops(bytes(damaged))]
    except Exception:
        places = []
    if places := [place for place in places if place >= 11]:
        damaged[random.choice(places)] = random.choice(OPCODES)


def swap_argument(random, damaged, other):
    """Another value where a number, a text or None is: the stream stays whole."""
    try:
        found = list(pickletools.genops(bytes(damaged)))
    except Exception:
        return
    values = [
        (place, end)
        for (opcode, _, place), (_, _, end) in zip(found, found[1:], strict=False)
        if opcode.name in VALUES and place >= 11
    ]
    if values:
        place, end = random.choice(values)
        damaged[place:end] = random.choice(
            (
                b"N",
                b"]",
                b")",
                b"\x88",
                integer(
                    random.choice(
                        (0, 1, 2, 7, 8, 255, 65, 10**6, 2**31 - 1, -1, -8, 2**32, 2**62, 2**63, -(2**63), 2**70)
                    )
                ),
                text(
                    random.choice(
                        ("", "O", "|O", "f8", "<f8", "|S0", "<U9", "|V99999999", "<M8[ns]", "a/../b", "UTC", "9" * 50)
                    )
                ),
                b"C\x04data",
                b"G" + random.randbytes(8),
                bytes(damaged[place:end]),
            )
        )


VALUES = frozenset(
    "NONE BININT BININT1 BININT2 LONG1 SHORT_BINUNICODE NEWTRUE NEWFALSE SHORT_BINBYTES BINFLOAT".split()
)


def swap_lengths(random, damaged, other):
    place = _place(random, damaged)
    width = random.choice((1, 4, 8))
    damaged[place : place + width] = random.choice((0, 1, 2**7, 2**31, 2**32 - 1, 2**63, 2**64 - 1)).to_bytes(
        9, "little"
    )[:width]


WAYS = [
    flip_bit,
    flip_bit,
    set_byte,
    insert_opcode,
    delete_piece,
    repeat_piece,
    move_piece,
    splice,
    swap_opcode,
    swap_argument,
    swap_argument,
    swap_argument,
    swap_lengths,
]

"""Random streams from a grammar. Most are what a pickler could have written, or nearly.

`accepted` writes values; `noise` writes opcodes as they come. Both are functions of a random.Random, so a seed tells the
whole stream.
"""

from tests.hostile.opcodes import SOURCE_CALL, framed, get, integer, name, text
from tests.hostile.targets import TOYS

TEXTS = ["", "a", "b", "frame", "leaf", "holder", "toys", "table", "é", "x" * 60, "y" * 255]
INTEGERS = [0, 1, 255, 256, 65535, 65536, -1, -2, 2**31 - 1, 2**61 - 1, 2**61, -(2**61 - 1), 2**100, 1 << 2100]
FLOATS = [0.0, 1.0, -1.0, 2.0**61, 1e300, float("inf")]
FIXED = {  # opcodes with an argument of fixed length
    **dict.fromkeys(b"N)]}(0N\x85\x86\x87\x88\x89\x8f\x90\x91\x93\x94\x97\x98tuase1R.2lIbdio\x92\x81\x82", 0),
    **dict.fromkeys(b"Khq\x80\x82", 1),
    **dict.fromkeys(b"M\x83", 2),
    **dict.fromkeys(b"Jjr\x84", 4),
    **dict.fromkeys(b"G\x95", 8),
}
COUNTED = {0x8C: 1, 0x43: 1, 0x8A: 1, 0x58: 4, 0x42: 4, 0x8B: 4, 0x54: 4, 0x8D: 8, 0x8E: 8, 0x96: 8}  # length's width
OPCODES = [*FIXED, *COUNTED, *b"N)](}K\x8c\x94h\x94R\x86u"]


class Writer:
    """Writes one value after the other, and knows the memo."""

    def __init__(self, random, calls=(), words=TEXTS):
        self.random = random
        self.calls = calls
        self.words = words
        self.out = []
        self.memo = []  # kinds: "key", "value", "name", "source"
        self.size = 0

    def put(self, *pieces):
        self.out += pieces
        self.size += sum(map(len, pieces))

    def memoize(self, kind, chance=0.5):
        if self.random.random() < chance:
            self.put(b"\x94")
            self.memo.append(kind)

    def recall(self, kinds):
        places = [place for place, kind in enumerate(self.memo) if kind in kinds]
        if not places:
            return False
        self.put(get(self.random.choice(places)))
        return True

    def atom(self):
        random = self.random
        match random.randrange(8):
            case 0:
                self.put(random.choice((b"N", b"\x88", b"\x89")))
            case 1 | 2:
                self.put(integer(random.choice(INTEGERS)))
            case 3:
                import struct

                self.put(b"G", struct.pack(">d", random.choice(FLOATS)))
            case 4:
                self.put(b"C", bytes([3]), random.randbytes(3))
            case 5:
                self.put(b"X", (300).to_bytes(4, "little"), b"t" * 300)
            case _:
                self.put(text(random.choice(self.words)))
                self.memoize("key", 0.9)

    def key(self, depth):
        random = self.random
        choice = random.randrange(10) if depth > 0 and self.size < 3000 else 0
        if choice < 5:
            self.atom()
        elif choice == 5 and self.recall(("key",)):
            pass
        elif choice == 6:
            self.put(b"(")
            self.several(self.key, depth)
            self.put(b"\x91")
            self.memoize("key")
        elif choice == 7 and not self.calls:
            self.call("leaf", lambda: self.tuple(self.key, depth - 1), "key")
        else:
            self.tuple(self.key, depth)
            self.memoize("key")

    def several(self, write, depth):
        for _ in range(self.random.choice((1, 1, 2, 2, 3, 4, 9))):
            write(depth - 1)

    def tuple(self, write, depth):
        size = self.random.choice((0, 1, 1, 2, 2, 2, 3, 3, 4, 5))
        if size > 3:
            self.put(b"(")
        for _ in range(size):
            write(depth - 1)
        self.put((b")", b"\x85", b"\x86", b"\x87", b"t", b"t")[size])

    def call(self, function, arguments, kind):
        if self.random.random() < 0.3:
            self.put(text(TOYS))
            self.memoize("key")
            self.put(text(function))
            self.memoize("key")
            self.put(b"\x93")
        else:
            self.put(name(TOYS, function))
        self.memoize("name", 0.3)
        arguments()
        self.put(b"R")
        self.memoize(kind)

    def value(self, depth):
        random = self.random
        if depth <= 0 or self.size > 3000:
            self.atom()
            return
        if self.calls and random.random() < 0.4:
            self.put(name(*random.choice(self.calls)))
            self.tuple(self.value, depth)
            self.put(b"R")
            self.memoize("value")
            return
        match random.randrange(14):
            case 0 | 1:
                self.list(depth)
            case 2 | 3:
                self.dict(depth)
            case 4:
                self.put(b"\x8f")
                self.memoize("value")
                self.put(b"(")
                self.several(self.key, depth)
                self.put(b"\x90")
            case 5:
                self.tuple(self.value, depth)
                self.memoize("value")
            case 6 if not self.calls:
                self.call(random.choice(("holder", "chain")), lambda: (self.list(depth), self.put(b"\x85")), "value")
            case 7 if not self.calls:
                self.call("opaque", lambda: self.tuple(self.value, depth), "value")
            case 8:
                self.put(b"\x97", random.choice((b"", b"\x98")))
                self.memoize("value")
            case 9:
                if not self.recall(("value", "key")):
                    self.atom()
            case 10:
                self.value(depth - 1)
                self.put(b"0")
                self.value(depth - 1)
            case 11:
                self.put(b"(")
                self.several(self.value, depth)
                self.put(b"1")
                self.atom()
            case 12 if self.memo and self.memo[0] == "source":
                self.put(SOURCE_CALL)
                self.memo.append("value")
            case _:
                self.key(depth)

    def list(self, depth):
        self.put(b"]")
        self.memoize("value")
        if self.random.random() < 0.3:
            self.value(depth - 1)
            self.put(b"a")
        if self.random.random() < 0.8:
            self.put(b"(")
            self.several(self.value, depth)
            self.put(b"e")

    def dict(self, depth):
        self.put(b"}")
        self.memoize("value")
        if self.random.random() < 0.3:
            self.item(depth - 1)
            self.put(b"s")
        if self.random.random() < 0.8:
            self.put(b"(")
            self.several(self.item, depth)
            self.put(b"u")

    def item(self, depth):
        self.key(depth)
        self.value(depth)


def accepted(random, table=True, calls=(), words=TEXTS):
    """A stream of one value, as a pickler could have written it; the opcodes alone, without the frame and STOP.

    table: whether it may begin with a table of arrays. calls: names to call instead of the toys; words: texts to use.
    What is called may still refuse its arguments.
    """
    writer = Writer(random, calls, words)
    if table and not calls and random.random() < 0.5:
        writer.put(name(TOYS, "table"), integer(random.randrange(12)), b"\x85R\x940")
        writer.memo.append("source")
    writer.value(random.randrange(1, 6))
    return b"".join(writer.out)


def noise(random):
    """Opcodes as they come."""
    out = [b"(" * random.randrange(2)]
    for _ in range(random.choice((3, 10, 30, 100))):
        opcode = random.choice(OPCODES)
        if opcode in FIXED:
            out.append(bytes([opcode]) + bytes(random.choice((0, 0, 1, 2, 255)) for _ in range(FIXED[opcode])))
        else:
            width = COUNTED[opcode]
            length = random.choice((0, 1, 4, 9, 200)) if random.random() < 0.9 else random.getrandbits(8 * width)
            out.append(bytes([opcode]) + min(length, 256**width - 1).to_bytes(width, "little"))
            out.append(random.randbytes(length) if length < 256 else b"")
    return b"".join(out)


def stream(random):
    """Any of it, in the canonical form nearly always."""
    opcodes = noise(random) if random.random() < 0.3 else accepted(random)
    return framed(opcodes, b".")

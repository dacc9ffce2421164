"""A case of our own for each attack known to us on decoders of pickles: on the opcodes, on the names, on keys, on memory.

`ATTACKS` is name → (stream, number of buffers it is sent with). Those that are meant for a canonical stream are in that
form here; `forms` gives each in the other guises too, so that no attack fails for its wrapping alone.
"""

import struct

from tests.hostile.opcodes import FRAME, PROTO_5, SOURCE_CALL, framed, get, integer, name, text
from tests.hostile.targets import TOYS, Case

ATTACKS = {}
MODULUS = 2**61 - 1  # integers that differ by a multiple of it have the same hash


def attack(name_of_attack, *opcodes, buffers=0, stop=b"."):
    ATTACKS[name_of_attack] = framed(*opcodes, stop), buffers


def as_it_is(name_of_attack, stream, buffers=0):
    ATTACKS[name_of_attack] = stream, buffers


def forms(stream, buffers=0):
    """The stream as it is, with PROTO 5 before it, framed, framed as a value that is thrown away, and unframed."""
    views = (b"buffer" * 100,) * buffers
    bare = stream[11:] if stream[:3] == PROTO_5 + FRAME else stream[2:] if stream[:1] == b"\x80" else stream
    for form in (stream, PROTO_5 + stream, framed(bare), framed(bare[:-1], b"0N."), PROTO_5 + bare):
        yield Case(form, views)


def colliding_pairs(count):
    """Tuples of two integers of up to 8 bytes, all with the same hash: xxHash, as tuples use it, run backwards."""
    one, two, five, mask = 11400714785074694791, 14029467366897019727, 2870177450012600261, 2**64 - 1
    wanted = pow(one, -1, 2**64) * 0x1234567890ABCDEF & mask
    wanted = (wanted >> 31 | wanted << 33) & mask
    first = 0
    pairs = []
    while len(pairs) < count:
        first += 1
        state = five + first * two & mask
        state = (state << 31 | state >> 33) & mask
        lane = (wanted - state * one) * pow(two, -1, 2**64) & mask
        second = lane - 2**64 if lane >> 63 else lane
        if abs(second) < MODULUS and second != -1:
            pairs.append((first, second))
    assert len({hash(pair) for pair in pairs}) == 1
    return pairs


# Code and objects by name.
SYSTEM = name("posix", "system") + text("exit 0") + b"\x85R"
attack("system by STACK_GLOBAL", SYSTEM)
as_it_is("system by GLOBAL, protocol 0", b"cposix\nsystem\n(S'exit 0'\ntR.")
as_it_is("system by INST", b"(S'exit 0'\niposix\nsystem\n.")
attack("system by GLOBAL", b"cposix\nsystem\n", text("exit 0"), b"\x85R")
attack("system by OBJ", b"(cposix\nsystem\n", text("exit 0"), b"o")
attack("system by NEWOBJ", name("posix", "system"), text("exit 0"), b"\x85\x81")
attack("system by NEWOBJ_EX", name("posix", "system"), text("exit 0"), b"\x85}\x92")
attack("eval", name("builtins", "eval"), text("__import__('os')"), b"\x85R")
attack("getattr", name("builtins", "getattr"), name(TOYS, "leaf"), text("__globals__"), b"\x86R")
attack("a dotted name", name(TOYS, "leaf.__globals__"))
attack("a module's attribute of our own", name("oobpickle.codec.scan", "Scanner"), b")R")
attack("a name as the result", name(TOYS, "leaf"))
attack("a name as an argument", name(TOYS, "opaque"), name(TOYS, "leaf"), b"\x85R")
attack("a name as a key", b"}", name(TOYS, "leaf"), b"Ns")
attack("a name as a value", b"}N", name(TOYS, "leaf"), b"s")
attack("a name in a list", b"](", name(TOYS, "leaf"), b"e")
attack("a name in a long tuple", b"(NNNN", name(TOYS, "leaf"), b"t")
attack("a name in a frozenset", b"(", name(TOYS, "leaf"), b"\x91")
attack("a name called with a list", name(TOYS, "leaf"), b"]R")
attack("a name of bytes", b"C\x04toysC\x04leaf\x93)R")
attack("a name of numbers", b"K\x01K\x02\x93)R")
attack("a name that is not UTF-8", text(b"\xff\xfe"), text("leaf"), b"\x93)R")
attack("a name with a surrogate", text("toys\udc80"), text("leaf"), b"\x93)R")
attack("a result called", name(TOYS, "opaque"), b")R)R")
attack("a number called", b"K\x01)R")
attack("None called", b"N)R")
attack("BUILD on a result", name(TOYS, "opaque"), b")R}", text("x"), b"Nsb")
attack("BUILD on a name", name(TOYS, "opaque"), b"}", text("__code__"), b"Nsb")
attack("BUILD on a dict", b"}}", text("x"), b"Nsb")
attack("BUILD with slots", name(TOYS, "opaque"), b")R}}", text("x"), b"Ns\x86b")
for code in (1, 2, 4):
    attack(f"EXT{code}", bytes([0x81 + (0, 1, 2, 0, 3)[code]]) + b"\x01".ljust(code, b"\0"))
as_it_is("PERSID", PROTO_5 + b"Pid\n.")
attack("BINPERSID", b"NQ")
attack("DUP", b"N2\x86")

# numpy's own names, which an allow-list would let through.
attack(
    "a dtype with a forged object field",
    name("numpy", "dtype"),
    text("V8"),
    b"\x89\x88\x87R(K\x03",
    text("|"),
    b"N",
    text("f0"),
    b"\x85}",
    text("f0"),
    name("numpy", "dtype"),
    text("O8"),
    b"\x89\x88\x87RK\x00\x86sK\x08K\x01K\x00tb",
)
for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    attack(f"{module}._reconstruct", name(module, "_reconstruct"), name("numpy", "ndarray"), b"K\x00\x85C\x01b\x87R")
    attack(f"{module}.scalar", name(module, "scalar"), name("numpy", "dtype"), text("S1000000000"), b"\x85RC\x00\x86R")
attack("an array of nothing", name("numpy", "ndarray"), b"K\x40\x85", text("u1"), b"\x86R")
attack("frombuffer of objects", name("numpy", "frombuffer"), b"\x97", text("O"), b"\x86R", buffers=1)
attack("a BlockManager", name("pandas._libs.internals", "BlockManager"), b")\x81")
attack("a tensor", name("torch._utils", "_rebuild_tensor_v2"), b")R")

# The machine: stack, marks, memo, buffers.
attack("nothing on the stack", b"")
attack("two on the stack", b"NN")
attack("an open mark", b"(N")
attack("POP of nothing", b"0N")
attack("POP of a mark", b"(0N")
attack("POP past a mark", b"N(0N")
attack("POP_MARK without a mark", b"1N")
attack("a tuple past a mark", b"N(N\x86t")
attack("APPEND past a mark", b"](Nat")
attack("REDUCE past a mark", name(TOYS, "leaf"), b"()Rt")
attack("MEMOIZE past a mark", b"N(\x94t")
attack("APPENDS without a mark", b"]Ne")
attack("APPENDS to a tuple", b")(Ne")
attack("APPENDS to a result", name(TOYS, "opaque"), b")R(Ne")
attack("APPENDS to a deque", name(TOYS, "chain"), b"]\x85R(Ne")
attack("APPENDS to a list out of the memo", b"]\x940h\0(Ne")
attack("SETITEMS on a dict out of the memo", b"}\x940h\0(NNu")
attack("SETITEMS on a list", b"]K\x00a(K\x00Nu")
attack("SETITEMS on a result", name(TOYS, "opaque"), b")R(NNu")
attack("SETITEMS with a key left over", b"}(NNNu")
attack("SETITEM on a name", name(TOYS, "leaf"), text("x"), b"Ns")
attack("ADDITEMS to a frozenset", b"(K\x01\x91(N\x90")
attack("ADDITEMS to a list", b"](N\x90")
attack("a list as a key", b"}]Ns")
attack("a dict as a key", b"}(}Nu")
attack("a set in a set", b"\x8f(\x8f\x90")
attack("a list in a tuple as a key", b"}]\x85\x85Ns")
attack("a bytearray in a frozenset", b"(\x96" + struct.pack("<Q", 1) + b"x\x91")
attack("a registered object as a key", b"}", name(TOYS, "opaque"), b")RNs")
attack("a registered object in a key", b"}", name(TOYS, "opaque"), b")RN\x86Ns")
attack("a buffer as a key", b"}\x97Ns", buffers=1)
attack("LONG_BINPUT far away", b"Nr" + struct.pack("<I", 2**27))
attack("BINPUT", b"Nq\x00")
attack("PUT", b"Np0\n")
attack("GET", b"N\x94g0\n")
attack("BINGET of nothing", b"h\0")
attack("LONG_BINGET of nothing", b"j" + b"\xff" * 4)
attack("BINGET of itself", b"h\0\x94")
attack("NEXT_BUFFER without buffers", b"\x97")
attack("NEXT_BUFFER more often than buffers", b"(\x97\x97\x97t", buffers=2)
attack("fewer NEXT_BUFFER than buffers", b"\x97", buffers=2)
attack("60,000 buffers", b"(" + b"\x97" * 60_000 + b"t")
attack("READONLY_BUFFER of a number", b"K\x01\x98")
attack("READONLY_BUFFER of a name", name(TOYS, "leaf"), b"\x98)R")
attack("an integer in text", b"I1\n")
attack("a string in text", b"S'x'\n")
attack("all opcodes", b"(" + bytes(range(256)))

# The source of the arrays.
TABLE = name(TOYS, "table")
attack("the source as the result", TABLE, b"K\x01\x85R")
attack("the source as a value", TABLE, b"K\x01\x85R\x940]h\0a")
attack("the source as a key", TABLE, b"K\x01\x85R\x940}h\0Ns")
attack("the source as an argument", TABLE, b"K\x01\x85R\x940", name(TOYS, "opaque"), b"h\0\x85R")
attack("the source called with an argument", TABLE, b"K\x01\x85R\x940h\0N\x85R")
attack("the source called with a name", TABLE, b"K\x01\x85R\x940h\0", name(TOYS, "leaf"), b"\x85R")
attack("a table after the start", b"N\x940", TABLE, b"K\x01\x85R0N")
attack("a table above another value", b"N", TABLE, b"K\x01\x85R0")
attack("a table in a list", b"](", TABLE, b"K\x01\x85R0e")
attack("a second table", TABLE, b"K\x01\x85R\x940", TABLE, b"K\x01\x85R0N")
attack("more calls than arrays", TABLE, b"K\x01\x85R\x940(", SOURCE_CALL * 2, b"t")
attack("many more calls than arrays", TABLE, b"K\x09\x85R\x940(", SOURCE_CALL * 90, b"t")
attack("an array called", TABLE, b"K\x01\x85R\x940", SOURCE_CALL, b")R")
attack("an array as a key", TABLE, b"K\x01\x85R\x940}", SOURCE_CALL, b"Ns")
attack("a call of the source without a table", b"N\x940", SOURCE_CALL)

# The form.
attack("a frame in the frame", FRAME + struct.pack("<Q", 2), b"N")
attack("PROTO in the frame", PROTO_5, b"N")
attack("PROTO 4 in the frame", b"\x80\x04N")
attack("bytes after STOP", b"N.", SYSTEM)
attack("an argument past the end", b"N", stop=b"X\x10\0\0\0.")
as_it_is("nothing", b"")
as_it_is("PROTO alone", PROTO_5)
as_it_is("PROTO and FRAME alone", PROTO_5 + FRAME)
as_it_is("an empty frame", PROTO_5 + FRAME + bytes(8))
as_it_is("no frame", PROTO_5 + b"N.")
as_it_is("protocol 4", b"\x80\x04\x95" + struct.pack("<Q", 2) + b"N.")
as_it_is("protocol 0", b"N.")
as_it_is("PROTO twice", PROTO_5 + framed(b"N."))
as_it_is("a frame too short", PROTO_5 + FRAME + struct.pack("<Q", 1) + b"N.")
as_it_is("a frame too long", PROTO_5 + FRAME + struct.pack("<Q", 3) + b"N.")
as_it_is("a frame of 2^64 - 1", PROTO_5 + FRAME + b"\xff" * 8 + b"N.")
as_it_is("STOP outside the frame", PROTO_5 + FRAME + struct.pack("<Q", 1) + b"N" + b".")
as_it_is("bytes after the frame", framed(b"N.") + SYSTEM + b".")
# The argument of BINUNICODE straddles the first frame: Unpickler(file) drops what is left of it, and reads on in the file.
_HIDDEN = SYSTEM + b"."
as_it_is(
    "an argument that straddles two frames",
    PROTO_5 + FRAME + struct.pack("<Q", 6 + 1) + b"N0X" + struct.pack("<I", 8) + _HIDDEN.ljust(64, b"N") + b"N.",
)
as_it_is(
    "a length that straddles the frame",
    PROTO_5 + FRAME + struct.pack("<Q", 3) + b"X\x00\x00" + b"\x00\x00" + _HIDDEN,
)

# Sizes.
attack("a bytearray of 2^40", b"\x96" + struct.pack("<Q", 2**40))
attack("bytes of 2^63", b"\x8e" + struct.pack("<Q", 2**63))
attack("a text of 2^64 - 1", b"\x8d" + b"\xff" * 8)
attack("bytes of 2^32 - 1", b"B" + b"\xff" * 4)
attack("an integer of 2^31 - 1 bytes", b"\x8b" + struct.pack("<i", 2**31 - 1))
attack("an integer of -1 bytes", b"\x8b" + struct.pack("<i", -1))
attack("an integer of 60,000 bytes", integer(1 << 480_000))
attack("1,000 integers of 16,000 bytes", b"(" + integer(1 << 127_000) * 4 + b"t")
attack("60,000 empty sets", b"(" + b"\x8f" * 60_000 + b"t")
attack("60,000 empty dicts", b"(" + b"}" * 60_000 + b"t")
attack("12,000 dicts of one", b"(" + b"}K\x01Ns" * 12_000 + b"t")
attack("30,000 frozensets", b"(" + b"(K\x01\x91" * 15_000 + b"t")
attack("a wide text", b"X" + struct.pack("<I", 60_000) + b"x" * 59_996 + "\U0001f600".encode())
attack("wide texts", b"(" + (b"\x8c\xff" + b"x" * 251 + "\U0001f600".encode()) * 250 + b"t")
attack("20,000 calls in 5 bytes each", name(TOYS, "opaque"), b"\x940)\x940(" + (get(0) + get(1) + b"R") * 12_000 + b"t")

# Depth: what hashes, and what frees, by recursion.
attack("a tuple 200,000 deep as a key", b"})" + b"\x85" * 200_000 + b"Ns")
attack("a tuple 200,000 deep in a set", b"\x8f()" + b"\x85" * 200_000 + b"\x90")
attack("a tuple 2,000 deep as a key", b"})" + b"\x85" * 2_000 + b"Ns")
attack("frozensets 60,000 deep", b"(" * 30_000 + b"N" + b"\x91" * 30_000)
attack("a tuple 60,000 deep", b")" + b"\x85" * 60_000)
attack("a list 60,000 deep", b"]" * 30_000 + b"a" * 29_999)
attack("a dict 10,000 deep", b"}K\x00" * 10_000 + b"N" + b"s" * 10_000)


def nested(function, levels, wrap=b""):
    opening = name(TOYS, function) + b"\x940" + (get(0) + b"](") * levels
    return opening + b"N" + (b"e\x85R" + wrap) * levels


attack("object arrays 8,000 deep", nested("holder", 8_000))
attack("object arrays 100,000 deep", nested("holder", 100_000))
attack("object arrays in tuples 20,000 deep", nested("holder", 20_000, b"\x85"))
attack("deques 300,000 deep", nested("chain", 300_000))
# By way of the memo nothing nests on the stack: each list is filled with what stands in the memo.
attack(
    "object arrays 9,000 deep by the memo",
    name(TOYS, "holder") + b"\x940N\x940",
    b"".join(get(0) + b"]" + get(n) + b"a\x85R\x940" for n in range(1, 9_001)),
    get(9_001),
)
# The list is taken out of the memo before it is filled.
attack(
    "object arrays 9,000 deep by lists filled later",
    name(TOYS, "holder") + b"\x940(",
    b"".join(b"]\x94" + get(0) + get(1 + 2 * n) + b"\x85\x85R\x940" for n in range(3_000)),
    b"t",
)


# Keys whose hashes are equal, or take long.
def doubled(times):
    return b"N\x940" + b"".join(get(n) + get(n) + b"\x86\x940" for n in range(times)) + get(times)


attack("doubled tuple, 24 times, as a key", b"}", doubled(24), b"Ns")
attack("doubled tuple, 40 times, as a key", b"}", doubled(40), b"Ns")
attack("doubled tuple, 60 times, in a set", b"\x8f(", doubled(60), b"\x90")
attack("20,000 multiples of 2^61 - 1", b"}(" + b"".join(integer(MODULUS * n) + b"N" for n in range(1, 20_000)) + b"u")
attack("4,500 multiples of 2^61 - 1", b"}(" + b"".join(integer(MODULUS * n) + b"N" for n in range(1, 4_500)) + b"u")
attack("4,500 multiples, one by one", b"}" + b"".join(integer(MODULUS * n) + b"Ns" for n in range(1, 4_500)))
attack("4,500 multiples in a set", b"\x8f(" + b"".join(integer(MODULUS * n) for n in range(9, 4_500)) + b"\x90")
attack("4,500 multiples in a frozenset", b"(" + b"".join(integer(MODULUS * n) for n in range(9, 4_500)) + b"\x91")
_PAIRS = [integer(a) + integer(b) + b"\x86" for a, b in colliding_pairs(4_000)]
attack("4,000 colliding tuples", b"}(" + b"".join(pair + b"N" for pair in _PAIRS) + b"u")
attack("4,000 colliding tuples in tuples", b"}(" + b"".join(pair + b"\x85N" for pair in _PAIRS) + b"u")
attack("4,000 colliding leaves", name(TOYS, "leaf"), b"\x940}(" + b"".join(get(0) + p + b"RN" for p in _PAIRS) + b"u")
attack("4,000 colliding frozensets", b"}(" + b"".join(b"(" + pair + b"\x91N" for pair in _PAIRS) + b"u")
attack(
    "colliding floats",
    b"}(" + b"".join(b"G" + struct.pack(">d", 2.0**n) + b"N" for n in range(-1000, 1000, 61)) * 100 + b"u",
)


def heavy_key(base, number):
    """A doubled tuple of its own and an integer, in a tuple, kept at memo base + 9."""
    tower = b"".join(get(base + n) * 2 + b"\x86\x940" for n in range(8))
    return b"K\x07\x940" + tower + get(base + 8) + integer(MODULUS * number) + b"\x86\x94"


attack(
    "heavy keys that collide, used again and again",
    b"}",
    b"".join(heavy_key(number * 10, number + 9) + b"Ns" for number in range(60)),
    b"(" + b"".join((get(number * 10 + 9) + b"N") for number in range(60)) * 200 + b"u",
)
attack(
    "a text of 30,000, compared 8,000 times",
    b"X" + struct.pack("<I", 30_000) + b"x" * 30_000 + b"\x940",
    b"X" + struct.pack("<I", 30_000) + b"x" * 30_000 + b"\x940}(",
    get(0) + b"N" + (get(1) + b"N") * 8_000,
    b"u",
)
attack("a tuple of 900 values, hashed 20,000 times", b"(" + b"N" * 900 + b"t\x940}(" + b"h\0N" * 20_000 + b"u")
attack("an integer of 16,000 bytes, hashed 20,000 times", integer(1 << 127_000) + b"\x940}(" + b"h\0N" * 16_000 + b"u")

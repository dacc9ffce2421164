"""Cases of our own against the data codec's rebuilders: arguments that lie, and calls that cost more than they say.

`ATTACKS` is name → (stream, buffers). Each must be refused.
"""

import decimal
import io
import pickle

from oobpickle.codec.reducers import containers, numpy_values, stdlib, times, values
from oobpickle.codec.reducers.numpy import array_table
from oobpickle.codec.registry import rebuild_registered
from tests.hostile.attacks import colliding_pairs
from tests.hostile.opcodes import SOURCE_CALL, framed, get, integer, name, text

ATTACKS = {}
MEGABYTE = bytes(2**20)


def attack(title, *opcodes, buffers=(), stop=b"."):
    ATTACKS[title] = framed(*opcodes, stop), buffers


def opcodes_of(*arguments):
    """A tuple, without the memo."""
    file = io.BytesIO()
    pickler = pickle._Pickler(file, 5)
    pickler.fast = True
    pickler.framer.start_framing = lambda: None
    pickler.dump(arguments)
    return file.getvalue()[2:-1]


def function(rebuilder):
    return name(rebuilder.__module__, rebuilder.__qualname__)


def call(rebuilder, *arguments):
    return function(rebuilder) + opcodes_of(*arguments) + b"R"


def refused(title, rebuilder, *arguments):
    attack(f"{rebuilder.__name__}: {title}", call(rebuilder, *arguments))


def again_and_again(title, rebuilder, arguments, times=12_000, memo=0):
    """A function and its arguments from the memo, called in five bytes each. memo: what the arguments put there before."""
    opcodes = function(rebuilder) + b"\x940" + arguments + b"\x940("
    attack(f"{rebuilder.__name__}: {title}", opcodes, (get(0) + get(1 + memo) + b"R") * times, b"t")


# The table of arrays.
def table(title, *groups, order=None, calls=1, buffers=(bytes(100),), marker=b"\x97"):
    """groups: lists of specs, each on a buffer of its own."""
    pieces = [function(array_table), b"(", opcodes_of(order)[:-1]]
    for specs in groups:
        pieces += [b"(", marker, *(opcodes_of(*spec) for spec in specs), b"t"]
    attack(f"table: {title}", *pieces, b"tR\x940(", SOURCE_CALL * calls, b"t", buffers=buffers)


def spec(description="|u1", shape=(100,), strides=None, offset=0, count=1, writeable=True):
    return (description, shape, strides, offset, count, writeable)


table("too long", [spec(shape=(101,))])
table("past the end", [spec(shape=(10,), offset=91)])
table("offset far away", [spec(shape=(1,), offset=2**62)])
table("offset beyond 64 bits", [spec(shape=(1,), offset=2**64)])
table("offset below zero", [spec(shape=(1,), offset=-1)])
table("a length below zero", [spec(shape=(-1,))])
table("two lengths below zero", [spec(shape=(-10, -10))])
table("lengths whose product is beyond 64 bits", [spec(shape=(2**32, 2**32))])
table("lengths whose product wraps to 100", [spec(shape=(2**62, 4 * 25))])
table("strides whose sum wraps", [spec(shape=(3,), strides=(-(2**63),))])
table("strides of 2^62", [spec(shape=(5,), strides=(2**62,))])
table("strides beyond 64 bits", [spec(shape=(2,), strides=(2**64,))])
table("strides past the end", [spec(shape=(10,), strides=(12,))])
table("strides before the start", [spec(shape=(10,), strides=(-1,))])
table("strides before the start, with an offset", [spec(shape=(10,), strides=(-2,), offset=17)])
table("strides for another shape", [spec(shape=(10,), strides=(1, 1))])
table("strides of floats", [spec(shape=(10,), strides=(1.0,))])
table("a repeating array of 2^40", [spec(shape=(2**40,), strides=(0,))])
table("a count of 2^40", [spec(shape=(1,), count=2**40)], calls=2)
table("a count of 2^40 of nothing", [spec(shape=(0,), count=2**40)], calls=2)
table("a count of zero", [spec(shape=(1,), count=0)], calls=0)
table("a count below zero", [spec(shape=(1,), count=-1)])
table("a count that does not fit", [spec(shape=(60,), count=2)], calls=2)
table("more arrays than calls", [spec(shape=(1,), count=3)], calls=2)
table("fewer arrays than calls", [spec(shape=(1,), count=2)], calls=3)
table("nothing of 2^30 each", [spec("|V999999999", shape=(0,), count=1000)], calls=1000)
table("objects", [spec("|O", shape=(1,))])
table("objects in text", [spec("O8", shape=(1,))])
table("objects in a structure", [spec(("struct", (("a", "|O", 0, None),), 8, False), shape=(1,))])
table("a dtype of commas", [spec("f8,f8", shape=(1,))])
table("a dtype of a subarray, in text", [spec("(2,3)f8", shape=(1,))])
table("a dtype that is a subarray", [spec(("subarray", "<f8", (2,)), shape=(1,))])
table("a subarray of 2^60", [spec(("struct", (("a", ("subarray", "<f8", (2**30, 2**30)), 0, None),), 8, False))])
table("a field outside of its structure", [spec(("struct", (("a", "<f8", 100, None),), 8, False), shape=(1,))])
table("a field before its structure", [spec(("struct", (("a", "<f8", -8, None),), 8, False), shape=(1,))])
table("a structure of 2^40", [spec(("struct", (("a", "<f8", 0, None),), 2**40, False), shape=(0,))])
table("a structure without a size", [spec(("struct", (), None, False), shape=(1,))])
table("names that are no texts", [spec(("struct", ((1, "<f8", 0, None),), 8, False), shape=(1,))])
table(
    "two fields of one name", [spec(("struct", (("a", "<f8", 0, None), ("a", "<f8", 0, None)), 8, False), shape=(1,))]
)
table("a dtype of numbers", [spec(5, shape=(1,))])
table("a dtype of a list", [spec([("a", "f8")], shape=(1,))])
table("a time of a unit of 0", [spec("<M8[0s]", shape=(1,))])
table("a time of an odd unit", [spec("<M8[ns/99999999999999999]", shape=(1,))])
table("an order that is too short", [spec(shape=(1,), count=2)], order=bytes(4), calls=2)
table("an order of places that are not there", [spec(shape=(1,), count=2)], order=b"\xff" * 8, calls=2)
table("an order of text", [spec(shape=(1,), count=2)], order="00000000", calls=2)
attack("table: a group that is no tuple", function(array_table) + b"(N]tR\x940N")
attack("table: a group of nothing", function(array_table) + b"(N)tR\x940N")
table("a spec that is no tuple", [[1]], buffers=(bytes(100),))
table("a spec that is too short", [("|u1", (1,))])
table("no buffer under it", [spec(shape=(1,))], marker=b"N", buffers=())
table("a text under it", [spec(shape=(1,))], marker=text("text"), buffers=())
table("at an odd address throughout", [spec("<f8", shape=(1,), offset=1), spec("<f8", shape=(1,), offset=8)], calls=2)
attack(
    "table: a dtype 5,000 deep",
    function(array_table) + b"(N(\x97(" + text("subarray") * 5000 + text("<f8") + b")\x87" * 5000,
    b"K\x01\x85NK\x00K\x01\x88tttR\x940" + SOURCE_CALL,
    buffers=(bytes(100),),
)
table(
    "a structure of 2,000 fields, 3 times",
    *[[spec(("struct", tuple((f"f{n}", "|u1", n, None) for n in range(2000)), 2000, False), shape=(0,))]] * 3,
    calls=3,
    buffers=(b"",) * 3,
)

# Values.
refused("a text", values.rebuild_complex, "1", 2.0)
refused("a step of zero", values.rebuild_range, 0, 1, 0)
refused("a text", values.rebuild_range, "0", 1, 1)
refused("a number", values.rebuild_decimal, 5)
refused("no number", values.rebuild_decimal, "five")
refused("a denominator of zero", values.rebuild_fraction, 1, 0)
refused("a text", values.rebuild_fraction, "1/3", 1)
refused("15 bytes", values.rebuild_uuid, bytes(15))
refused("of a kind that is none", values.rebuild_path, "Path", "/")
refused("bytes", values.rebuild_path, "PurePosixPath", b"/")
refused("of a kind that is none", values.rebuild_address, "IPv4", "1.2.3.4")
refused("a number", values.rebuild_address, "IPv4Address", 5)
refused("too long", values.rebuild_address, "IPv6Address", ":" * 1000)
again_and_again(
    "16,000 bytes, again and again", values.rebuild_fraction, opcodes_of((1 << 127_000) - 1, (1 << 126_999) + 1)
)
again_and_again(
    "a million digits, again and again",
    values.rebuild_decimal,
    b"X" + (60_000).to_bytes(4, "little") + b"9" * 60_000 + b"\x85",
    1000,
)
again_and_again(
    "20,000 parts, again and again",
    values.rebuild_path,
    text("PurePosixPath") + b"X" + (40_000).to_bytes(4, "little") + b"a/" * 20_000 + b"\x86",
    5000,
)
attack(
    "Fractions with equal hashes as keys",
    function(values.rebuild_fraction),
    b"\x940}(",
    b"".join(get(0) + integer((2**61 - 1) * n) + b"K\x01\x86RN" for n in range(1, 4000)),
    b"u",
)
attack(
    "Decimals with equal hashes as keys",
    function(values.rebuild_decimal),
    b"\x940}(",
    b"".join(get(0) + text(str(decimal.Decimal((2**61 - 1) * n))) + b"\x85RN" for n in range(1, 4000)),
    b"u",
)
attack(
    "UUIDs with equal hashes as keys",
    function(values.rebuild_uuid),
    b"\x940}(",
    b"".join(get(0) + b"C\x10" + ((2**61 - 1) * n).to_bytes(16, "big") + b"\x85RN" for n in range(1, 4000)),
    b"u",
)

# Times.
refused("of February the 30th", times.rebuild_date, 2024, 2, 30)
refused("a text", times.rebuild_date, "2024", 2, 3)
refused("a number for a zone", times.rebuild_time, 1, 2, 3, 4, 5, 0)
refused("too few", times.rebuild_datetime, 1, 2, 3)
refused("too many", times.rebuild_datetime, *range(1, 20))
refused("beyond all days", times.rebuild_timedelta, 10**10, 0, 0)
refused("of numbers beyond 64 bits", times.rebuild_timedelta, 1 << 100, 0, 0)
refused("of no difference", times.rebuild_timezone, 5, None)
for key in (
    "/etc/passwd",
    "../../../etc/passwd",
    "a" * 10_000,
    "Europe/../Europe/Paris",
    "No/Where",
    "",
    "posixrules\0",
    "tzdata",
    "zone.tab",
):
    refused(f"of {key[:30]!r}", times.rebuild_zoneinfo, key)

# Containers.
refused("of a list", containers.rebuild_ordered, [(1, 2)])
refused("of a factory that is none", containers.rebuild_defaultdict, "eval", {})
refused("of a list", containers.rebuild_counter, [1])
refused("of a tuple", containers.rebuild_deque, (1,), None)
refused("of a length below zero", containers.rebuild_deque, [1], -1)
refused("of a length in text", containers.rebuild_deque, [1], "1")
_pairs = b"}(" + b"".join(integer(a) + integer(b) + b"\x86N" for a, b in colliding_pairs(1500)) + b"u"
again_and_again("of colliding keys, again and again", containers.rebuild_ordered, _pairs + b"\x85", 10_000)
again_and_again(
    "of one dict, again and again",
    containers.rebuild_ordered,
    b"}(" + b"".join(integer(n) + b"N" for n in range(500)) + b"u\x940" + get(1) + b"\x85",
    memo=1,
)
again_and_again("of 10,000, again and again", containers.rebuild_deque, b"](" + b"N" * 10_000 + b"eN\x86")
attack(
    "deques 20,000 deep",
    function(containers.rebuild_deque) + b"\x940" + (get(0) + b"](") * 20_000 + b"N" + b"eN\x86R" * 20_000,
)
attack(
    "defaultdicts 20,000 deep",
    function(containers.rebuild_defaultdict) + b"\x940" + (get(0) + b"N}K\x00") * 20_000 + b"N" + b"s\x86R" * 20_000,
)

# Out-of-band bytes, array.array, memoryview.
for kind in ("bytes", "bytearray"):
    attack(f"{kind} of a number", name("builtins", kind), b"J\x00\x00\x00\x40\x85R")
    attack(f"{kind} of a list", name("builtins", kind), b"](K\x01K\x02e\x85R")
    attack(
        f"{kind} of one buffer, again and again",
        name("builtins", kind) + b"\x940\x97\x940(" + (get(0) + get(1) + b"\x85R") * 500 + b"t",
        buffers=(MEGABYTE,),
    )
    attack(
        f"{kind} of the same arguments, again and again",
        name("builtins", kind) + b"\x940\x97\x85\x940(" + (get(0) + get(1) + b"R") * 500 + b"t",
        buffers=(MEGABYTE,),
    )
refused("of a type that is none", stdlib.rebuild_array_array, "z", b"")
refused("of a number", stdlib.rebuild_array_array, "d", 5)
refused("of an odd length", stdlib.rebuild_array_array, "d", bytes(7))
refused("of a character that is none", stdlib.rebuild_array_array, "u", b"\xff" * 4)
refused("of a format that is none", stdlib.rebuild_memoryview, bytes(8), "O", (1,))
refused("of another shape", stdlib.rebuild_memoryview, bytes(8), "d", (2,))
refused("of a length below zero", stdlib.rebuild_memoryview, bytes(8), "d", (-1,))
refused("of lengths beyond 64 bits", stdlib.rebuild_memoryview, bytes(8), "d", (0, 1 << 70))
refused("of a list", stdlib.view_of_array, [1])

# numpy.
refused("for another shape", numpy_values.rebuild_objects, [1, 2], (3,), False, True)
refused("of a shape below zero", numpy_values.rebuild_objects, [], (-1, 0), False, True)
refused("of a tuple", numpy_values.rebuild_objects, (1,), (1,), False, True)
refused("of 65 dimensions", numpy_values.rebuild_objects, [1], (1,) * 65, False, True)
refused("of numbers", numpy_values.rebuild_texts, [1], (1,), True)
refused("of an odd dtype", numpy_values.rebuild_texts, ["a"], (1,), True, b"none")
refused("of another length", numpy_values.rebuild_scalar, "<f8", bytes(4))
refused("of a structure", numpy_values.rebuild_scalar, ("struct", (), 0, False), b"")
refused("of 2^30 bytes", numpy_values.rebuild_scalar, "|S999999999", b"x")
refused("of objects", numpy_values.rebuild_scalar, "|O", bytes(8))
refused("of bytes", numpy_values.rebuild_str, b"x")
refused("of a list", numpy_values.rebuild_void, [1])
refused("of commas", numpy_values.rebuild_dtype, "f8," * 1000)
refused("of 2^30 bytes", numpy_values.rebuild_dtype, "|V999999999")
refused("of a list", numpy_values.rebuild_matrix, [[1]])
refused("of numbers", numpy_values.checked_masked, 1, None, None, False)
refused("of no fields", numpy_values.rebuild_fields, ("struct", (("a", "|O", 0, None),), 8, False), (2,), (), True)
refused("of numbers", numpy_values.rebuild_fields, ("struct", (("a", "|O", 0, None),), 8, False), (2,), (5,), True)
refused("of gaps", numpy_values.rebuild_fields, ("struct", (), 2**20, False), (2**30,), (), True)
_wide = ("struct", tuple((f"f{n}", "|u1", n, None) for n in range(400)), 400, False)
again_and_again("of 400 fields, again and again", numpy_values.rebuild_dtype, opcodes_of(_wide))
again_and_again(
    "of a long text, again and again",
    numpy_values.rebuild_texts,
    b"](" + text("t" * 255) + b"\x94" + get(1) * 5_000 + b"e" + opcodes_of((5_001,), True)[:-1] + b"\x87",
    2_000,
    memo=1,
)
attack(
    "object arrays of object arrays 8,000 deep",
    function(numpy_values.rebuild_objects)
    + b"\x940"
    + (get(0) + b"(](") * 8_000
    + b"N"
    + b"eK\x01\x85\x89\x88tR" * 8_000,
)

attack(
    "times of a unit of 0 as keys, which numpy compares by dividing by it",
    b"}(",
    *(call(numpy_values.rebuild_scalar, text, bytes(8)) + b"N" for text in ("<M8[0s]", "<M8[s]")),
    b"u",
)

# Registered classes.
refused("of no tag that is known", rebuild_registered, "os:system", None, "exit 0")
refused("of a number", rebuild_registered, 5, None, None)
refused("of fields that it has not", rebuild_registered, "tests.hostile.corpus:Point", ("x", "__class__"), (1, 2))
refused("of too few values", rebuild_registered, "tests.hostile.corpus:Point", ("x", "y"), (1,))
refused("of a list of names", rebuild_registered, "tests.hostile.corpus:Point", ["x", "y"], (1, 2))
refused("of no member", rebuild_registered, "tests.hostile.corpus:Colour", None, "mro")
refused("of a member in bytes", rebuild_registered, "tests.hostile.corpus:Colour", None, b"RED")
refused("that its constructor refuses", rebuild_registered, "tests.hostile.corpus:Checked", ("low", "high"), (2, 1))
refused("of another number of fields", rebuild_registered, "tests.hostile.corpus:Pair", ("left", "right"), (1, 2, 3))
refused("without names", rebuild_registered, "tests.hostile.corpus:Point", None, (1, 2))
attack(
    "a registered object as a key", b"}", call(rebuild_registered, "tests.hostile.corpus:Colour", None, "RED"), b"Ns"
)
attack(
    "a registered object in a set",
    b"\x8f(",
    call(rebuild_registered, "tests.hostile.corpus:Pair", ("left", "right"), (1, 2)),
    b"\x90",
)

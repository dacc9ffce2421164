"""What runs on weights is what runs on values: the interpreter beside CPython's unpickler, on random streams."""

import pickletools
from collections import deque
from random import Random

import numpy as np
import pytest

from oobpickle.codec.interpreter import weigh
from oobpickle.codec.weights import ALIASED, ATOM, BUFFER, DEEP, DICT, EMPTY, KIND, LIST, SET, SOURCE, VALUE
from oobpickle.errors import DecodeError
from oobpickle.limits import DEFAULT
from tests.hostile.grammar import accepted
from tests.hostile.opcodes import SOURCE_CALL, framed, get, integer, name, text
from tests.hostile.targets import NAMES, TOYS, Array, Case, Leaf, Opaque, scanned


def weighed(*opcodes, limits=DEFAULT):
    return weigh(framed(*opcodes), NAMES, limits)


def values(obj):
    """The number of values in a key; None if it is none. Leaves count their rule's weight."""
    if isinstance(obj, (list, dict, set, bytearray, np.ndarray, deque, Opaque, Array, memoryview)):
        return None
    parts = obj if isinstance(obj, (tuple, frozenset)) else obj.arguments if isinstance(obj, Leaf) else ()
    counts = [values(part) for part in parts]
    if None in counts:
        return None
    extra = 3 if isinstance(obj, Leaf) else 2 if isinstance(obj, frozenset) else 1
    return extra + sum(counts) * (2 if isinstance(obj, frozenset) else 1)


def holds_holders(obj, seen=None):
    """Whether something in obj is freed by recursion."""
    todo, seen = [obj], []
    while todo:
        value = todo.pop()
        if isinstance(value, (np.ndarray, deque)):
            return True
        if isinstance(value, (list, dict, tuple, set, frozenset, Leaf, Opaque)):
            if any(value is other for other in seen):
                continue
            seen.append(value)
            if isinstance(value, dict):
                todo += value.values()
            else:
                todo += value.arguments if isinstance(value, (Leaf, Opaque)) else value
    return False


def stacks(stream):
    """The stream cut off after each opcode, with what stands on the stack there closed into one tuple."""
    opcodes = list(pickletools.genops(stream))
    marks = 1
    for (opcode, _, _), (_, _, end) in zip(opcodes[2:], opcodes[3:], strict=False):
        marks += 1 if opcode.name == "MARK" else -1 if opcode.stack_before[-1:] and _takes_mark(opcode) else 0
        yield framed(b"(", stream[11:end], b"t" * marks, b".")


def _takes_mark(opcode):
    return pickletools.markobject in opcode.stack_before


@pytest.mark.parametrize("seed", range(60))
def test_the_stack_is_as_predicted_after_every_opcode(seed):
    stream = framed(accepted(Random(seed), table=False), b".")
    for cut in stacks(stream):
        try:
            item = weigh(cut, NAMES, DEFAULT).item
        except DecodeError as error:
            assert "a name, or the source" in error.reason  # a name stands on the stack
            continue
        try:
            loaded = scanned(Case(cut))
        except DecodeError:
            continue  # a toy has refused its arguments
        expected = values(loaded)
        if item < VALUE:
            assert expected is not None
            hash(loaded)
            assert expected <= item // 2 + 1
        elif expected is not None:
            assert expected > DEFAULT.key_values // 2
        if not item & DEEP:
            assert not holds_holders(loaded)


@pytest.mark.parametrize("seed", range(300))
def test_what_is_accepted_loads(seed):
    """With tables of arrays, too. Toybox raises Disagreement if the unpickler complains about the stream."""
    try:
        scanned(Case(framed(accepted(Random(f"table {seed}")), b".")))
    except DecodeError as error:
        assert error.offset is None, error  # of a toy, not of the scan


def test_kinds():
    assert weighed(b"N.").item == ATOM
    assert weighed(b").").item == EMPTY
    assert weighed(b"].").item == LIST
    assert weighed(b"]\x940h\0.").item == VALUE | ALIASED | DEEP
    assert weighed(b"]Na\x940h\0.").item == VALUE | ALIASED | DEEP
    assert weighed(b"}.").item == DICT
    assert weighed(b"\x8f.").item == SET
    assert weighed(b"\x97.").item == BUFFER
    assert weighed(b"\x97\x98.").item == BUFFER
    assert weighed(b"N\x85.").item == 5  # two values, and a hash that follows from what is in it
    assert weighed(b"NN\x86.").item == weighed(b"(NNt.").item == 7
    assert weighed(text("x"), b"\x85.").item == weighed(b"N\x85.").item
    assert weighed(b"](", b"]" * 3, b"e.").item & KIND == LIST


def test_counts():
    table = name(TOYS, "table") + b"K\x05\x85R\x940"
    shown = weighed(table, b"(\x97\x97", SOURCE_CALL, b"h\0)R", b"t.")
    assert (shown.buffers, shown.arrays) == (2, 2)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100, 1000])
def test_a_run_of_arrays_is_as_many_as_it_holds(count):
    """Keys of every length, also such as look like the end of an item, and longer than a run takes."""
    table = name(TOYS, "table") + b"K\x05\x85R\x940"
    keys = [("k%d" % n)[: n % 7 + 1] + "x" * (n % 70) for n in range(count)]
    keys[count // 2] = "\x94h\0)R"
    keys[count // 3] = "—h\0)R"  # its last byte of three is 0x94
    run = b"".join(text(key) + b"\x94" + SOURCE_CALL for key in keys)
    for runs in (True, False):
        shown = weigh(framed(table, b"}(", run, b"u."), NAMES, DEFAULT, runs=runs)
        assert shown.arrays == count
        assert shown.item & KIND == DICT
    shown = weighed(table, b"(", SOURCE_CALL * count, b"t.")
    assert shown.arrays == count
    # What the memo holds after a run: 1 + 2 n is the n-th key, 2 + 2 n its array.
    last = 2 * count
    assert weighed(table, b"}(", run, b"u0", get(last - 1), b".").item in (ATOM, -1) or count < 9
    assert weighed(table, b"}(", run, b"u0", get(last), b".").item == VALUE | ALIASED
    with pytest.raises(DecodeError, match="shorter"):
        weighed(table, b"}(", run, b"u0", get(last + 1), b".")


def test_a_name_out_of_a_run():
    """A key in a run of arrays that is used as a name later: the run notes no offsets, so it is gone through again."""
    table = name(TOYS, "table") + b"K\x05\x85R\x940"
    keys = ["k%d" % n for n in range(20)] + ["opaque"]
    run = b"".join(text(key) + b"\x94" + SOURCE_CALL for key in keys)
    place = 1 + 2 * keys.index("opaque")
    shown = weighed(table, b"(}(", run, b"u", text(TOYS), get(place), b"\x93)Rt.")
    assert shown.arrays == 21
    with pytest.raises(DecodeError, match="no name"):
        weighed(table, b"(}(", run, b"u", text(TOYS), get(place - 2), b"\x93)Rt.")


def test_errors_tell_where():
    with pytest.raises(DecodeError) as caught:
        weighed(b"]NbK\x01.")
    assert (caught.value.offset, caught.value.opcode) == (13, "BUILD")
    with pytest.raises(DecodeError) as caught:
        weighed(b"\xf0")
    assert (caught.value.offset, caught.value.opcode) == (11, "0xf0")
    with pytest.raises(DecodeError) as caught:
        weighed(b"K")
    assert (caught.value.reason, caught.value.offset) == ("truncated", 12)


def test_the_source_is_no_value():
    with pytest.raises(DecodeError, match="the end"):
        weighed(name(TOYS, "table"), b"K\x05\x85R.")
    assert SOURCE > DEEP


BOUNDS = {
    "opcodes": (b"(" + b"N" * 98 + b"t.", 101),
    "buffers": (b"(" + b"\x97" * 50 + b"t.", 50),
    "text_bytes": (b"X" + (300).to_bytes(4, "little") + b"x" * 300 + b".", 300),
    "int_bytes": (integer(1 << 2398) + b".", 300),
    "key_values": (b"}(" + b"N" * 98 + b"tNs.", 100),
    "freeing_stack": (name(TOYS, "holder") + b"](" + name(TOYS, "holder") + b"](Ne\x85Re\x85R.", 1024),
}


@pytest.mark.parametrize(
    "use",
    [
        b"}(" + b"h\0N" * 9 + b"u.",
        b"}" + b"h\0Ns" * 9 + b".",
        b"\x8f(" + b"h\0" * 9 + b"\x90.",
        b"(" + b"h\0" * 9 + b"\x91.",
        b"(" + b"h\0\x85" * 9 + b"\x91.",
    ],
)
def test_keys_are_weighed_at_each_use(use):
    """A tuple of 100 values is a key, or in one, nine times: 909 values, and 9 more for the last."""
    opcodes = b"(" + b"N" * 100 + b"t\x940" + use
    length = len(framed(opcodes))
    weight = 9 * (202 if b"\x85" not in use else 204) // 2 + 4
    weighed(opcodes, limits=DEFAULT.replace(keys_base=weight - length, keys_per_byte=1))
    with pytest.raises(DecodeError, match="limits.keys_base"):
        weighed(opcodes, limits=DEFAULT.replace(keys_base=weight - length - 1, keys_per_byte=1))


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_bound_holds_to_the_unit(bound):
    opcodes, most = BOUNDS[bound]
    weighed(opcodes, limits=DEFAULT.replace(**{bound: most}))
    with pytest.raises(DecodeError, match=f"limits.{bound}" if bound != "key_values" else "not hashable"):
        weighed(opcodes, limits=DEFAULT.replace(**{bound: most - 1}))


def test_work_is_bounded_by_the_length():
    opcodes = name(TOYS, "opaque") + b"\x940)\x940(" + (get(0) + get(1) + b"R") * 100 + b"t."
    length = len(framed(opcodes))
    weighed(opcodes, limits=DEFAULT.replace(work_base=2000 - 2 * length))
    with pytest.raises(DecodeError, match="rebuilding"):
        weighed(opcodes, limits=DEFAULT.replace(work_base=1999 - 2 * length))

"""The abstract interpreter of the scan: it runs a stream's opcodes on a stack of weights instead of values.

Rule 1: nothing of the stream is built here. A value is one integer (weights.py), whatever its size.
Rule 2: what is not known to be plain data is refused, with its offset and the opcode's name.
Rule 3: what is accepted, CPython's unpickler runs as predicted: the same bytes as opcodes, the same stack and memo, the
same calls. tests/codec/test_interpreter.py runs both side by side on random streams.

Theory of operation. The unpickler is a machine with a stack, marks on it, and a memo; so is this one. The stack above
each open MARK is a list of its own, as in pickle.py, so that popping past a mark is popping from an empty list. CPython
refuses that too ("unexpected MARK found"), but for POP of the mark itself, which is refused here. MEMOIZE numbers the
memo by its length, and there is no PUT: numbers mean the same in both. The frame is all of the stream, and each argument
ends before the next opcode is read, so an argument that ends outside finds no opcode, here and there.

A group of values (what SETITEMS or TUPLE takes) is looked at by `max` and `sum`, in C; only a group with something
unusual in it by Python code. A text and its MEMOIZE, or a whole call of the source, is one step; the table of arrays and
runs of arrays are found by regular expressions (shortcuts.py).
"""

import pickle
from functools import cache
from itertools import repeat
from typing import NamedTuple, NoReturn

from oobpickle.codec.rules import Names, Rule
from oobpickle.codec.shortcuts import ARRAY, START, run_of_arrays, table_of_arrays
from oobpickle.codec.weights import (
    ALIASED,
    ATOM,
    BUFFER,
    CALL,
    CHOSEN,
    DEEP,
    DICT,
    EMPTY,
    KIND,
    LIST,
    SET,
    SOURCE,
    UNPLACED,
    VALUE,
    Refused,
    deep,
    recalled,
    refuse,
    unhashable,
    weigh_keys,
    weight_of,
)
from oobpickle.errors import DecodeError
from oobpickle.limits import Limits

# The length, opcode and argument, of what pushes an ATOM: NONE, BININT1, BININT2, BININT.
_ATOMS = bytes({0x4E: 1, 0x4B: 2, 0x4D: 3, 0x4A: 5}.get(opcode, 0) for opcode in range(128))
MEMOIZE = 0x94
_NOT_NEEDED = "plain data does not need this opcode"


class Weighed(NamedTuple):
    """What running a stream has shown.

    buffers: how many it takes. arrays: how often it calls the source. item: the integer for its object.
    plain: the table of arrays was found by a shortcut: the types of its arguments are what they must be.
    sure: no name is called that could refuse what an encoder has made (see Rule). nameless: there are no names but that of a
    plain table.
    suspect: there are so many keys with a chosen hash that, if all of them are equal, they take more comparing than is allowed.
    """

    buffers: int
    arrays: int
    item: int
    plain: bool
    sure: bool
    nameless: bool
    suspect: bool


def weigh(stream: bytes, names: Names, limits: Limits, *, runs: bool = True) -> Weighed:
    """Run a stream that begins with PROTO 5 and a FRAME that is all of the rest.

    Raises DecodeError, with offset and opcode, for all that is not plain data as a pickler writes it, or beyond a limit.
    runs: False goes through runs of arrays one by one.
    """
    heaviest = 2 * limits.key_values
    stack: list[int] = []
    outer: list[list[int]] = []
    memo: list[int] = []
    rules: list[Rule] = []
    buffers = arrays = keys = collisions = freeing = work = 0
    plain, sure = False, True
    i = at = START
    try:
        if runs and (shortcut := table_of_arrays(stream, names)) is not None:
            i, buffers = shortcut
            plain = True
            memo.append(SOURCE)
        for _ in repeat(None, limits.opcodes):
            at = i
            op = stream[i]
            if op >= 0x80:
                if op == 0x8C:  # SHORT_BINUNICODE
                    i += 2 + stream[i + 1]
                    stack.append(-at)
                    if stream[i] == MEMOIZE:
                        i += 1
                        memo.append(-at)
                elif op == MEMOIZE:
                    i += 1
                    top = stack[-1]
                    memo.append(top if top < VALUE else recalled(top))
                elif op == 0x86:  # TUPLE2
                    i += 1
                    b = stack.pop()
                    a = stack[-1]
                    weight = (a if a > 0 else 2) + (b if b > 0 else 2) + 2
                    stack[-1] = weight | 1 if weight < heaviest else unhashable((a, b))
                elif op == 0x85:  # TUPLE1
                    i += 1
                    a = stack[-1]
                    weight = (a if a > 0 else 2) + 2
                    stack[-1] = weight | 1 if weight < heaviest else unhashable((a,))
                elif op == 0x87:  # TUPLE3
                    i += 1
                    c = stack.pop()
                    b = stack.pop()
                    a = stack[-1]
                    weight = (a if a > 0 else 2) + (b if b > 0 else 2) + (c if c > 0 else 2) + 2
                    stack[-1] = weight | 1 if weight < heaviest else unhashable((a, b, c))
                elif op == 0x88 or op == 0x89:  # NEWTRUE, NEWFALSE  # noqa: PLR1714 - twice as fast as `in`
                    i += 1
                    stack.append(ATOM)
                elif op == 0x93:  # STACK_GLOBAL
                    i += 1
                    name = -stack.pop()
                    module = -stack[-1]
                    if name < START or module < START:
                        if -UNPLACED in (name, module):
                            return weigh(stream, names, limits, runs=False)
                        refuse("a name that is no text of up to 255 bytes")
                    full = (
                        stream[module + 2 : module + 2 + stream[module + 1]],
                        stream[name + 2 : name + 2 + stream[name + 1]],
                    )
                    rules.append(names[full])
                    stack[-1] = CALL + len(rules) - 1
                elif op == 0x97:  # NEXT_BUFFER
                    i += 1
                    buffers += 1
                    stack.append(BUFFER)
                elif op == 0x98:  # READONLY_BUFFER
                    i += 1
                    if stack[-1] != BUFFER:
                        refuse("nothing here is a buffer just taken")
                elif op == 0x8F:  # EMPTY_SET
                    i += 1
                    stack.append(SET)
                elif op == 0x90:  # ADDITEMS
                    i += 1
                    group = stack
                    stack = outer.pop()
                    if (top := stack[-1]) & KIND != SET:
                        refuse("members for something that is no set in the making")
                    weight, count, chosen = weigh_keys(group, heaviest)
                    keys += weight
                    stack[-1] = top = top + count
                    collisions += top % VALUE * chosen
                elif op == 0x91:  # FROZENSET
                    i += 1
                    group = stack
                    stack = outer.pop()
                    weight, count, chosen = weigh_keys(group, heaviest)
                    keys += weight
                    collisions += count * chosen
                    weight = 2 * weight + CHOSEN
                    stack.append(weight if weight < heaviest else VALUE)
                elif op == 0x8A:  # LONG1
                    size = stream[i + 1]
                    i += 2 + size
                    stack.append(ATOM if size <= 8 else CHOSEN + (size >> 4 << 1))
                elif op == 0x8B:  # LONG4
                    size = _size(stream, at, 4)
                    if size > limits.int_bytes:
                        refuse(f"an integer of {size} bytes; limits.int_bytes is {limits.int_bytes}")
                    i += 5 + size
                    stack.append(CHOSEN + (size >> 4 << 1))
                elif op == 0x8D:  # BINUNICODE8
                    size = _size(stream, at, 8)
                    i += 9 + size
                    stack.append(_weight_of_text(size, limits))
                elif op == 0x8E:  # BINBYTES8
                    size = _size(stream, at, 8)
                    i += 9 + size
                    stack.append(ATOM + (size >> 7 << 1))
                elif op == 0x96:  # BYTEARRAY8
                    i += 9 + _size(stream, at, 8)
                    stack.append(VALUE)
                else:
                    refuse(_NOT_NEEDED)
            elif size := _ATOMS[op]:
                i += size
                stack.append(ATOM)
            elif op == 0x68:  # BINGET
                index = stream[i + 1]
                if not index and memo[0] == SOURCE and stream.startswith(ARRAY, i):
                    i += 5
                    arrays += 1
                    stack.append(VALUE)
                    memo.append(VALUE | ALIASED)
                    if runs and not arrays % 8:
                        pairs, singles, i = run_of_arrays(stream, i)
                        stack += (UNPLACED, VALUE) * pairs + (VALUE,) * singles
                        memo += (UNPLACED, VALUE | ALIASED) * pairs + (VALUE | ALIASED,) * singles
                        arrays += pairs + singles
                else:
                    i += 2
                    stack.append(memo[index])
            elif op == 0x28:  # MARK
                i += 1
                outer.append(stack)
                stack = []
            elif op == 0x47:  # BINFLOAT
                i += 9
                stack.append(CHOSEN)
            elif op == 0x52:  # REDUCE
                i += 1
                arguments = stack.pop()
                called = stack[-1]
                if called < CALL:
                    refuse("a call of something that is no known name")
                if called == SOURCE:
                    if arguments != EMPTY:
                        refuse("the source of the arrays takes no arguments")
                    arrays += 1
                    stack[-1] = VALUE
                else:
                    rule = rules[called - CALL]
                    work += rule.work
                    sure = sure and rule.sure
                    if rule.fresh and arguments & ALIASED:
                        refuse("an argument out of the memo, in a call that copies it")
                    if rule.source:
                        if memo or outer or len(stack) != 1:
                            refuse("a table of arrays that is not the first thing in the stream")
                        stack[-1] = SOURCE
                    elif rule.key is not None and EMPTY <= arguments < VALUE:
                        weight = (arguments | 1) + 2 * rule.key - (not rule.collides)
                        stack[-1] = weight if weight < heaviest else VALUE
                    elif rule.stack:
                        freeing += rule.stack if arguments & DEEP else 0
                        stack[-1] = VALUE | DEEP
                    else:
                        stack[-1] = VALUE | arguments & DEEP
                if stream[i] == MEMOIZE:
                    i += 1
                    top = stack[-1]
                    memo.append(top if top < VALUE else recalled(top))
            elif op == 0x75:  # SETITEMS
                i += 1
                group = stack
                stack = outer.pop()
                if (top := stack[-1]) & KIND != DICT:
                    refuse("items for something that is no dict in the making")
                if not group:  # pickle ends a dict of 1,000 entries with none
                    continue
                if len(group) % 2:
                    refuse("a key without a value")
                if (deepest := max(group)) >= DEEP:
                    stack[-1] = top = top | deep(deepest)
                if deepest <= ATOM or max(group[::2]) <= ATOM:
                    keys += len(group)
                else:
                    weight, count, chosen = weigh_keys(group[::2], heaviest)
                    keys += weight
                    stack[-1] = top = top + count
                    collisions += top % VALUE * chosen
            elif op == 0x74:  # TUPLE
                i += 1
                group = stack
                stack = outer.pop()
                if group:
                    weight = (sum(group) if min(group) > 0 else weight_of(group)) + 2
                    stack.append(weight | 1 if weight < heaviest else unhashable(group))
                else:
                    stack.append(EMPTY)
            elif op == 0x7D:  # EMPTY_DICT
                i += 1
                stack.append(DICT)
                if stream[i] == MEMOIZE:
                    i += 1
                    memo.append(VALUE | ALIASED | DEEP)
            elif op == 0x5D:  # EMPTY_LIST
                i += 1
                stack.append(LIST)
                if stream[i] == MEMOIZE:
                    i += 1
                    memo.append(VALUE | ALIASED | DEEP)
            elif op == 0x65:  # APPENDS
                i += 1
                group = stack
                stack = outer.pop()
                if (top := stack[-1]) & KIND != LIST:
                    refuse("elements for something that is no list in the making")
                if group and (deepest := max(group)) >= DEEP:
                    stack[-1] = top | deep(deepest)
            elif op == 0x58:  # BINUNICODE
                size = _size(stream, at, 4)
                i += 5 + size
                stack.append(_weight_of_text(size, limits))
            elif op == 0x29:  # EMPTY_TUPLE
                i += 1
                stack.append(EMPTY)
            elif op == 0x6A:  # LONG_BINGET
                i += 5
                stack.append(memo[_size(stream, at, 4)])
            elif op == 0x61:  # APPEND
                i += 1
                deepest = stack.pop()
                if (top := stack[-1]) & KIND != LIST:
                    refuse("an element for something that is no list in the making")
                if deepest >= DEEP:
                    stack[-1] = top | deep(deepest)
            elif op == 0x73:  # SETITEM
                i += 1
                deepest = stack.pop()
                key = stack.pop()
                if (top := stack[-1]) & KIND != DICT:
                    refuse("an item for something that is no dict in the making")
                if deepest >= DEEP:
                    top |= deep(deepest)
                weight, count, chosen = weigh_keys((key,), heaviest)
                keys += weight
                stack[-1] = top = top + count
                collisions += top % VALUE * chosen
            elif op == 0x43:  # SHORT_BINBYTES
                i += 2 + stream[i + 1]
                stack.append(ATOM)
            elif op == 0x42:  # BINBYTES
                size = _size(stream, at, 4)
                i += 5 + size
                stack.append(ATOM + (size >> 7 << 1))
            elif op == 0x30:  # POP
                i += 1
                stack.pop()
            elif op == 0x31:  # POP_MARK
                i += 1
                stack = outer.pop()
            elif op == 0x2E:  # STOP
                break
            else:
                refuse(_NOT_NEEDED)
        else:
            refuse(f"more steps than limits.opcodes, {limits.opcodes}")
        if at != len(stream) - 1 or outer or len(stack) != 1 or stack[0] >= CALL:
            refuse("the end, and not that of the stream, or not with one value on the stack")
        if (
            buffers > limits.buffers
            or keys // 2 > limits.keys_base + limits.keys_per_byte * len(stream)
            or freeing > limits.freeing_stack
            or work > limits.work_base + limits.work_per_byte * len(stream)
        ):
            _refuse_sums(len(stream), limits, buffers, keys // 2, freeing, work)
    except Refused as refused:
        reason = str(refused)
    except IndexError:
        reason = "truncated" if i >= len(stream) else "nothing there to take: the stack or the memo is shorter"
    except KeyError as error:  # of names
        reason = f"{b'.'.join(error.args[0])!r} is no name that a stream may use here"
    else:
        return Weighed(buffers, arrays, stack[0], plain, sure, not rules, collisions // 2 > limits.keys_base)
    raise DecodeError(reason, offset=min(at, len(stream)), opcode=_name(stream, at))


def _size(stream: bytes, at: int, width: int) -> int:
    return int.from_bytes(stream[at + 1 : at + 1 + width], "little")


def _weight_of_text(size: int, limits: Limits) -> int:
    if size > limits.text_bytes:
        refuse(f"a text of {size} bytes; limits.text_bytes is {limits.text_bytes}")
    return ATOM + (size >> 7 << 1)


def _refuse_sums(length: int, limits: Limits, buffers: int, keys: int, freeing: int, work: int) -> NoReturn:
    if buffers > limits.buffers:
        refuse(f"{buffers} buffers; limits.buffers is {limits.buffers}")
    if keys > limits.keys_base + limits.keys_per_byte * length:
        refuse(f"{keys} values in keys of a stream of {length} bytes; see limits.keys_base and limits.keys_per_byte")
    if freeing > limits.freeing_stack:
        refuse(f"it takes {freeing} bytes of C stack to free; limits.freeing_stack is {limits.freeing_stack}")
    refuse(f"{work} us of rebuilding for {length} bytes; see limits.work_base and limits.work_per_byte")


@cache
def _opcodes() -> dict[int, str]:
    return {getattr(pickle, name)[0]: name for name in pickle.__all__ if isinstance(getattr(pickle, name), bytes)}


def _name(stream: bytes, at: int) -> str:
    return _opcodes().get(stream[at], f"0x{stream[at]:02x}") if at < len(stream) else ""

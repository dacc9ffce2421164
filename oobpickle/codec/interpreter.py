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
unusual in it by Python code. A text and its MEMOIZE, or a whole call of the source, is one step, and so is a run of keys with
an array each: a regular expression finds it, and another counts it. So a never-seen stream
takes no more than three times as long to scan as to load.
"""

import pickle
import re
from functools import cache
from itertools import repeat
from typing import NamedTuple

from oobpickle.codec.rules import Names, Rule
from oobpickle.codec.weights import (
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
    refuse,
    unhashable,
    weigh_keys,
    weight_of,
)
from oobpickle.errors import DecodeError
from oobpickle.limits import Limits

START = 11
"""Where the first opcode after PROTO and FRAME is."""


class Weighed(NamedTuple):
    """What running a stream has shown.

    buffers: how many it takes. arrays: how often it calls the source. item: the integer for its object.
    suspect: there are so many keys with a chosen hash that, if all of them are equal, they cost more than the bound.
    """

    buffers: int
    arrays: int
    item: int
    suspect: bool


def _table(**lengths: str) -> bytes:
    table = bytearray(256)
    for length, opcodes in lengths.items():
        for opcode in opcodes.encode("latin-1"):
            table[opcode] = int(length[1:])
    return bytes(table)


# The length, opcode and argument, of what pushes an ATOM: None, True, False; BININT1; BININT2; BININT.
_ATOMS = _table(_1="N\x88\x89", _2="K", _3="M", _5="J")
_ARRAY = b"h\0)R\x94"  # BINGET 0, EMPTY_TUPLE, REDUCE, MEMOIZE: the source called for the next array


def weigh(stream: bytes, names: Names, limits: Limits, *, runs: bool = True) -> Weighed:
    """Run a stream that begins with PROTO 5 and a FRAME that is all of the rest.

    Raises DecodeError, with offset and opcode, for all that is not plain data as a pickler writes it, or beyond a limit.
    """
    heaviest = 2 * limits.key_values
    stack: list[int] = []
    outer: list[list[int]] = []
    memo: list[int] = []
    rules: list[Rule] = []
    buffers = arrays = keys = collisions = freeing = work = 0
    i = at = START
    try:
        for _ in repeat(None, limits.opcodes):
            at = i
            op = stream[i]
            if op == 0x8C:  # SHORT_BINUNICODE
                i += 2 + stream[i + 1]
                stack.append(-at)
                if stream[i] == 0x94:  # MEMOIZE
                    memo.append(-at)
                    i += 1
            elif size := _ATOMS[op]:
                i += size
                stack.append(ATOM)
            elif op == 0x68:  # BINGET
                index = stream[i + 1]
                if not index and stream.startswith(_ARRAY, i) and memo[0] == SOURCE:
                    i += 5
                    arrays += 1
                    stack.append(VALUE)
                    memo.append(VALUE)
                    if runs and not arrays % 8:
                        pairs, singles, i = _run_of_arrays(stream, i)
                        stack += (UNPLACED, VALUE) * pairs + (VALUE,) * singles
                        memo += (UNPLACED, VALUE) * pairs + (VALUE,) * singles
                        arrays += pairs + singles
                else:
                    i += 2
                    stack.append(memo[index])
            elif op == 0x94:  # MEMOIZE
                i += 1
                top = stack[-1]
                memo.append(top if top < LIST or top >= CALL or top & KIND == VALUE else VALUE | DEEP)
            elif op == 0x28:  # MARK
                i += 1
                outer.append(stack)
                stack = []
            elif op == 0x47:  # BINFLOAT
                i += 9
                stack.append(CHOSEN)
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
            elif op == 0x74:  # TUPLE
                i += 1
                group = stack
                stack = outer.pop()
                weight = weight_of(group) + 2
                stack.append(EMPTY if not group else weight | 1 if weight < heaviest else unhashable(group))
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
                if stream[i] == 0x94:  # MEMOIZE
                    i += 1
                    memo.append(stack[-1])
            elif op == 0x75:  # SETITEMS
                i += 1
                group = stack
                stack = outer.pop()
                if (top := stack[-1]) & KIND != DICT:
                    refuse("items for something that is no dict in the making")
                if (deepest := max(group[1::2])) >= DEEP:
                    top |= deep(deepest)
                group = group[::2]
                if max(group) <= ATOM:
                    keys += 2 * len(group)
                else:
                    weight, count, chosen = weigh_keys(group, heaviest)
                    keys += weight
                    top += count
                    collisions += top % VALUE * chosen
                stack[-1] = top
            elif op == 0x7D:  # EMPTY_DICT
                i += 1
                stack.append(DICT)
                if stream[i] == 0x94:  # MEMOIZE
                    i += 1
                    memo.append(VALUE | DEEP)
            elif op == 0x5D:  # EMPTY_LIST
                i += 1
                stack.append(LIST)
                if stream[i] == 0x94:  # MEMOIZE
                    i += 1
                    memo.append(VALUE | DEEP)
            elif op == 0x65:  # APPENDS
                i += 1
                group = stack
                stack = outer.pop()
                if (top := stack[-1]) & KIND != LIST:
                    refuse("elements for something that is no list in the making")
                if (deepest := max(group)) >= DEEP:
                    stack[-1] = top | deep(deepest)
            elif op == 0x93:  # STACK_GLOBAL
                i += 1
                name, module = -stack.pop(), -stack[-1]
                if -UNPLACED in (name, module):
                    return weigh(stream, names, limits, runs=False)
                if name < 0 or module < 0:
                    refuse("a name that is no text of up to 255 bytes")
                pair = _text(stream, module), _text(stream, name)
                if pair not in names:
                    refuse(f"{'.'.join(pair)!r} is no name that a stream may use here")
                stack[-1] = CALL + len(rules)
                rules.append(names[pair])
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
                deepest, key = stack.pop(), stack.pop()
                if (top := stack[-1]) & KIND != DICT:
                    refuse("an item for something that is no dict in the making")
                if deepest >= DEEP:
                    top |= deep(deepest)
                weight, count, chosen = weigh_keys((key,), heaviest)
                keys += weight
                stack[-1] = top = top + count
                collisions += top % VALUE * chosen
            elif op in (0x58, 0x8D):  # BINUNICODE, BINUNICODE8
                size = _size(stream, at, 4 if op == 0x58 else 8)
                if size > limits.text_bytes:
                    refuse(f"a text of {size} bytes; limits.text_bytes is {limits.text_bytes}")
                i += (5 if op == 0x58 else 9) + size
                stack.append(2 + (size >> 7 << 1))
            elif op == 0x43:  # SHORT_BINBYTES
                i += 2 + stream[i + 1]
                stack.append(ATOM)
            elif op in (0x42, 0x8E, 0x96):  # BINBYTES, BINBYTES8, BYTEARRAY8
                size = _size(stream, at, 4 if op == 0x42 else 8)
                i += (5 if op == 0x42 else 9) + size
                stack.append(VALUE if op == 0x96 else 2 + (size >> 7 << 1))
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
                stack.append(2 * weight + CHOSEN if 2 * weight + CHOSEN < heaviest else VALUE)
            elif op == 0x30:  # POP
                i += 1
                stack.pop()
            elif op == 0x31:  # POP_MARK
                i += 1
                stack = outer.pop()
            elif op == 0x2E:  # STOP
                break
            else:
                refuse("plain data does not need this opcode")
        else:
            refuse(f"more steps than limits.opcodes, {limits.opcodes}")
        if at != len(stream) - 1 or outer or len(stack) != 1 or stack[0] >= CALL:
            refuse("the end, with bytes after it, or other than one value on the stack")
        _check_sums(stream, limits, buffers=buffers, keys=keys, freeing=freeing, work=work)
    except Refused as refused:
        reason = str(refused)
    except IndexError:
        reason = "truncated" if i >= len(stream) else "nothing there to take: the stack or the memo is shorter"
    except UnicodeDecodeError:
        reason = "a name that is no UTF-8"
    except ValueError:  # of max
        reason = "an empty group"
    else:
        return Weighed(buffers, arrays, stack[0], collisions > 2 * limits.keys_values)
    raise DecodeError(reason, offset=min(at, len(stream)), opcode=_name(stream, at))


@cache
def _items() -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    texts = b"|".join(re.escape(bytes((length,))) + b"." * length for length in range(64))
    item = b"\x8c(?:" + texts + b")\x94" + re.escape(_ARRAY)
    return re.compile(item, re.DOTALL), re.compile(b"(?:" + item + b")*+", re.DOTALL)


def _run_of_arrays(stream: bytes, i: int) -> tuple[int, int, int]:
    """What comes next: pairs of a text, memoised, and an array; or else arrays alone; and where they end."""
    item, items = _items()
    run = items.match(stream, i)
    if run and run[0]:
        return item.subn(b"", run[0])[1], 0, run.end()
    count = 0
    while stream.startswith(_ARRAY, i):
        count += 1
        i += 5
    return 0, count, i


def _size(stream: bytes, at: int, width: int) -> int:
    return int.from_bytes(stream[at + 1 : at + 1 + width], "little")


def _text(stream: bytes, at: int) -> str:
    return stream[at + 2 : at + 2 + stream[at + 1]].decode()


def _check_sums(stream: bytes, limits: Limits, *, buffers: int, keys: int, freeing: int, work: int) -> None:
    if buffers > limits.buffers:
        refuse(f"{buffers} buffers; limits.buffers is {limits.buffers}")
    if keys > 2 * limits.keys_values:
        refuse(f"{keys // 2} values in dict keys and set members; limits.keys_values is {limits.keys_values}")
    if freeing > limits.freeing_stack:
        refuse(
            f"nested objects that take {freeing} bytes of C stack to free; limits.freeing_stack is {limits.freeing_stack}"
        )
    if work > limits.work_base + limits.work_per_byte * len(stream):
        refuse(f"{work} us of rebuilding for {len(stream)} bytes; see limits.work_base and work_per_byte")


@cache
def _opcodes() -> dict[int, str]:
    return {getattr(pickle, name)[0]: name for name in pickle.__all__ if isinstance(getattr(pickle, name), bytes)}


def _name(stream: bytes, at: int) -> str:
    return _opcodes().get(stream[at], f"0x{stream[at]:02x}") if at < len(stream) else ""

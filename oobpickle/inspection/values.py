"""The values of a stream as its outline has them: spans of bytes, and what holds them. `outline` makes them."""

from typing import Any, NamedTuple

from oobpickle.errors import DecodeError
from oobpickle.inspection.opcodes import Opcode, argument

LARGE = 4096
"""Bytes of the stream from which a value counts on its own: less is not worth a line."""

LITERAL = 4096
"""Bytes of the longest value that is read: keys, shapes and names are shorter."""

LITERALS = 1000
"""Values in a tuple that is read, those in tuples in it included; a structured dtype of 250 fields has as many."""

NESTED = 30
"""Tuples in each other that are read: they are read by recursion."""

ITEM, KEY, STATE, ARGUMENTS = "item", "key", "state", "arguments"
"""How a value sits in its parent: at an index; under a key (a Value); as the state of an object; as what a call is given."""


class Unknown:
    """Stands for a value that cannot be told without loading it."""

    def __repr__(self) -> str:
        return "?"


UNKNOWN = Unknown()


class Value:
    """One value of a stream. Has, besides kind, opcode, size, count, parent and step, the attributes of its kind only.

    kind: "atom", "list", "dict", "tuple", "set", "name", "call", "buffer", or "again" (out of the memo). opcode: what made
    it. size: the bytes of the stream that belong to it, without those of large values in it. count: of elements.
    items: of a tuple. of: the value that "again" means; what a "call" calls. given: the arguments of a call, a tuple.
    parent, step: what it sits in, and how. text: a name's, with dots. index: of a buffer. read_only: a buffer that arrives so.
    """

    __slots__ = (
        "count",
        "given",
        "index",
        "items",
        "kind",
        "of",
        "opcode",
        "parent",
        "read_only",
        "size",
        "step",
        "text",
    )

    items: "list[Value]"
    of: "Value"
    given: "Value | None"
    text: str
    index: int
    read_only: bool

    def __init__(self, kind: str, opcode: Opcode) -> None:
        self.kind = kind
        self.opcode = opcode
        self.size = opcode.end - opcode.at
        self.parent: Value | None = None
        self.given = None
        self.step: tuple[str, Any] = (ARGUMENTS, None)
        self.count = 0


class Name(NamedTuple):
    """A global name that the stream asks for. at: the offset of the opcode that does."""

    module: str
    name: str
    at: int


class Outline(NamedTuple):
    """What a stream consists of.

    root: its object, None if it ends before that. names: all that it asks for, in its order, repetitions included.
    buffers: those that it takes, in order. calls: of names and of what calls give. large: values of `LARGE` bytes and
    more. rest: bytes of the stream that are in none of them. end: where it ends, after STOP. problem: why it was not read
    up to there, or None.
    """

    stream: memoryview
    root: Value | None
    names: list[Name]
    buffers: list[Value]
    calls: list[Value]
    large: list[Value]
    rest: int
    end: int
    problem: DecodeError | None

    def literal(self, value: Value) -> Any:
        """The number, text, bytes, None, or tuple of those that a value is; UNKNOWN when it is long or something else."""
        return _literal(self.stream, value, [LITERALS], NESTED)


_CONSTANTS = {ord("N"): None, 0x88: True, 0x89: False}


def _literal(stream: memoryview, value: Value, left: list[int], depth: int) -> Any:
    """left: [how many values may still be read]. A tuple may hold another many times, and that a third."""
    left[0] -= 1
    if left[0] < 0:
        return UNKNOWN
    if value.kind == "again":
        value = value.of
    if value.kind == "atom":
        opcode = value.opcode
        if opcode.code in _CONSTANTS:
            return _CONSTANTS[opcode.code]
        if opcode.end - opcode.at <= LITERAL:
            try:
                return argument(stream, opcode)
            except DecodeError:
                return UNKNOWN
    elif value.kind == "tuple" and value.count == len(value.items) and depth:
        return tuple([_literal(stream, item, left, depth - 1) for item in value.items])
    return UNKNOWN


def text_of(stream: memoryview, value: Value) -> str:
    """The text that a value is, as a name's parts are; "?" for another one."""
    text = _literal(stream, value, [1], 0)
    return text if isinstance(text, str) else "?"


def called(value: Value | None) -> str:
    """The name that a call calls, or ""."""
    return value.of.text if value is not None and value.kind == "call" and value.of.kind == "name" else ""


def arguments_of(value: Value) -> list[Value]:
    """What a call is given, as far as that is a tuple."""
    given = value.given if value.kind == "call" else None
    return given.items if given is not None and given.kind == "tuple" else []

"""The outline of a stream: which values it builds, from which bytes, where its buffers go. Nothing is loaded.

Rule 1: no name of the stream is looked up, nothing is imported, no value is built. A value is a span of bytes, and what
holds it.
Rule 2: every byte of the stream belongs to exactly one value, so sizes add up.
Rule 3: whoever sent it: a stream that makes no sense gives what was read up to there, and why it ended.

Theory of operation. The unpickler is a machine with a stack, marks on it, and a memo; so is this one, with a `Value` for
each item. What takes a value off the stack to put it into another becomes its parent. A value of `LARGE` bytes and more
keeps them for itself, a smaller one adds its bytes to its parent's; so a list of a million numbers is one large value. A
list does not know its elements, they know the list: those that nobody asks about are forgotten at once.
A value that a stream takes out of the memo again is a value of its own, that refers to the first one; so each has one
parent, and they form a tree, whatever the stream does.
"""

from collections.abc import Iterable
from typing import Any

from oobpickle.errors import DecodeError
from oobpickle.inspection.opcodes import Opcode, argument, opcodes
from oobpickle.inspection.values import ARGUMENTS, ITEM, KEY, LARGE, STATE, Name, Outline, Value, text_of


def outline(stream: bytes | memoryview) -> Outline:
    """Read a stream, up to its STOP. Raises nothing because of what is in it; see Outline.problem."""
    view = memoryview(stream)
    machine = _Machine(view)
    problem = None
    opcode = Opcode(0, 0, 0)
    try:
        for opcode in opcodes(view):
            machine.step(opcode)
    except DecodeError as error:
        problem = error
    except (IndexError, KeyError):
        problem = DecodeError(
            "nothing there to take: the stack or the memo is shorter", offset=opcode.at, opcode=opcode.name
        )
    return machine.finish(opcode.end, problem)


_ATOMS = frozenset(b"N\x88\x89IJKML\x8a\x8bFGSTUVX\x8c\x8dBC\x8e\x96P")  # by what they are: None... text, bytes
_EMPTY = {ord("]"): "list", ord("}"): "dict", ord(")"): "tuple", 0x8F: "set"}
_TUPLES = {0x85: 1, 0x86: 2, 0x87: 3}
_FROM_MARK = {ord("t"): "tuple", ord("l"): "list", ord("d"): "dict", 0x91: "set"}
_GET = {ord("h"), ord("j"), ord("g")}
_PUT = {ord("q"), ord("r"), ord("p")}
_OF_THE_STREAM = {0x80, 0x95}  # PROTO, FRAME


class _Machine:
    def __init__(self, stream: memoryview) -> None:
        self._stream = stream
        self._stack: list[Value] = []
        self._marked: list[list[Value]] = []
        self._memo: dict[int, Value] = {}
        self._names: list[Name] = []
        self._buffers: list[Value] = []
        self._calls: list[Value] = []
        self._large: list[Value] = []
        self._root: Value | None = None

    def step(self, opcode: Opcode) -> None:
        """Run one opcode."""
        code = opcode.code
        stack = self._stack
        if code in _ATOMS:
            stack.append(Value("atom", opcode))
        elif code == 0x94:  # MEMOIZE
            self._memo[len(self._memo)] = stack[-1]
            stack[-1].size += 1
        elif code in _GET:
            self._again(opcode, self._memo[argument(self._stream, opcode)])
        elif code == 0x28:  # MARK
            self._marked.append(stack)
            self._stack = []
        elif code in _TUPLES:
            items = [stack.pop() for _ in range(_TUPLES[code])][::-1]
            self._contain("tuple", opcode, items)
        elif code in (0x61, 0x73):  # APPEND, SETITEM
            group = [stack.pop() for _ in range(1 if code == 0x61 else 2)][::-1]
            self._fill(opcode, group, by_key=code == 0x73)
        elif code in (0x65, 0x75, 0x90):  # APPENDS, SETITEMS, ADDITEMS
            group = self._since_mark()
            self._fill(opcode, group, by_key=code == 0x75)
            self._stack[-1].size += 1
        elif code in _EMPTY:
            value = Value(_EMPTY[code], opcode)
            value.items = []
            stack.append(value)
        elif code in _FROM_MARK:
            items = self._since_mark()
            self._contain(_FROM_MARK[code], opcode, items)
            self._stack[-1].size += 1
        elif code in (0x52, 0x81):  # REDUCE, NEWOBJ
            arguments = stack.pop()
            self._call(opcode, stack.pop(), [arguments])
        elif code == 0x97:  # NEXT_BUFFER
            value = Value("buffer", opcode)
            value.index = len(self._buffers)
            value.read_only = False
            self._buffers.append(value)
            stack.append(value)
        elif code == 0x98:  # READONLY_BUFFER
            stack[-1].size += 1
            stack[-1].read_only = True
        elif code == 0x93:  # STACK_GLOBAL
            name, module = stack.pop(), stack.pop()
            self._name(opcode, text_of(self._stream, module), text_of(self._stream, name), (module, name))
        elif code == 0x62:  # BUILD
            state = stack.pop()
            self._into(stack[-1], state, (STATE, None))
            stack[-1].size += 1
        else:
            self._seldom(opcode)

    def _seldom(self, opcode: Opcode) -> None:
        code = opcode.code
        stack = self._stack
        if code in _OF_THE_STREAM:
            pass  # belongs to the rest
        elif code == 0x2E:  # STOP
            self._root = stack.pop()
        elif code == 0x30:  # POP, also of a mark
            if stack:
                self._forget(stack.pop())
            else:
                self._stack = self._marked.pop()
        elif code == 0x31:  # POP_MARK
            for value in self._since_mark():
                self._forget(value)
        elif code == 0x32:  # DUP
            self._again(opcode, stack[-1])
        elif code in _PUT:
            self._memo[argument(self._stream, opcode)] = stack[-1]
            stack[-1].size += opcode.end - opcode.at
        elif code == 0x63:  # GLOBAL
            module, _, name = str(argument(self._stream, opcode)).partition(" ")
            self._name(opcode, module, name, ())
        elif code == 0x92:  # NEWOBJ_EX
            keywords, arguments = stack.pop(), stack.pop()
            self._call(opcode, stack.pop(), [arguments, keywords])
        elif code in (0x69, 0x6F):  # INST, OBJ
            items = self._since_mark()
            if code == 0x69:
                module, _, name = str(argument(self._stream, opcode)).partition(" ")
                self._name(Opcode(code, opcode.at, opcode.at), module, name, ())
                called = self._stack.pop()
            else:
                called = items.pop(0)
            self._call(opcode, called, items)
        elif code == 0x51:  # BINPERSID
            self._contain("tuple", opcode, [stack.pop()])
        elif code in (0x82, 0x83, 0x84):  # EXT1, EXT2, EXT4
            self._name(opcode, "copyreg", f"extension {argument(self._stream, opcode)}", ())
        else:
            raise DecodeError("an opcode that is not known here", offset=opcode.at, opcode=opcode.name)

    def finish(self, end: int, problem: DecodeError | None) -> Outline:
        """What there is. What is left on the stack, of a sound stream nothing, is of the rest."""
        if self._root is not None:
            self._forget(self._root)
        rest = len(self._stream) - sum(value.size for value in self._large)
        return Outline(
            self._stream, self._root, self._names, self._buffers, self._calls, self._large, rest, end, problem
        )

    def _forget(self, value: Value) -> None:
        """A value that goes into no other."""
        if value.size >= LARGE:
            self._large.append(value)

    def _since_mark(self) -> list[Value]:
        group = self._stack
        self._stack = self._marked.pop()
        return group

    def _into(self, parent: Value, value: Value, step: tuple[str, Any]) -> None:
        value.parent = parent
        value.step = step
        if value.size >= LARGE:
            self._large.append(value)
        else:
            parent.size += value.size

    def _contain(self, kind: str, opcode: Opcode, items: list[Value]) -> None:
        """Push a container made of items. A tuple keeps them: it may be what a call is given."""
        value = Value(kind, opcode)
        self._stack.append(value)
        self._put(value, items, by_key=kind == "dict")
        value.items = items if kind == "tuple" else []

    def _fill(self, opcode: Opcode, items: list[Value], *, by_key: bool) -> None:
        top = self._stack[-1]
        top.size += opcode.end - opcode.at
        self._put(top, items, by_key=by_key)
        for item in items[1::2] if by_key else items:
            if item.kind == "tuple":
                item.items = []  # nobody will ask; the memo would keep millions

    def _put(self, parent: Value, items: list[Value], *, by_key: bool) -> None:
        if by_key:
            for key, value in zip(items[::2], items[1::2], strict=False):
                self._into(parent, key, (ARGUMENTS, None))
                self._into(parent, value, (KEY, key))
            parent.count += len(items) // 2
        else:
            for index, item in enumerate(items, parent.count):
                self._into(parent, item, (ITEM, index))
            parent.count += len(items)

    def _again(self, opcode: Opcode, of: Value) -> None:
        value = Value("again", opcode)
        value.of = of.of if of.kind == "again" else of
        self._stack.append(value)

    def _name(self, opcode: Opcode, module: str, name: str, parts: Iterable[Value]) -> None:
        value = Value("name", opcode)
        value.text = f"{module}.{name}"
        for part in parts:
            self._into(value, part, (ARGUMENTS, None))
        self._names.append(Name(module, name, opcode.at))
        self._stack.append(value)

    def _call(self, opcode: Opcode, called: Value, given: list[Value]) -> None:
        value = Value("call", opcode)
        value.of = called.of if called.kind == "again" else called
        value.given = given[0] if given else None
        if value.given is not None and value.given.kind == "again":
            value.given = value.given.of
        self._into(value, called, (ARGUMENTS, None))
        for arguments in given:
            self._into(value, arguments, (ARGUMENTS, None))
        self._calls.append(value)
        self._stack.append(value)

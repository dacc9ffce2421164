"""`inspect_message`: one message taken apart for people: header, frames, opcodes, buffers, names. Nothing is loaded.

Rule: whatever the bytes are, there is a report: what could be read of them, and what is wrong with the rest.

The data codec's verdict is its own scan's. As at a receiver, that may import one of the libraries whose reducers this package
has, by a name of ours; never by a name of the stream's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oobpickle import wire
from oobpickle.codec.registry import DEFAULT
from oobpickle.codec.scan import scan
from oobpickle.codec.vocabulary import Vocabulary
from oobpickle.codec.whereabouts import short
from oobpickle.errors import DecodeError
from oobpickle.inspection.contents import Contents
from oobpickle.inspection.ledger import Item, amount
from oobpickle.inspection.opcodes import Opcode, argument, opcodes

SHOWN = 60
"""Bytes of an argument that are shown; of a longer one, only its length."""


@dataclass(frozen=True, slots=True)
class Header:
    """The fixed part of a head, as it is; docs/wire-format.md says what each field means."""

    version: int
    codec: int
    flags: int
    stream: int
    epoch: int
    sequence: int
    sent_at: int
    buffers: int
    references: int


@dataclass(frozen=True, slots=True)
class Buffer:
    """A buffer of the message. nbytes: None when the stream takes it and it is not there.

    where: "frame 2", "the head", "shared memory", or "not here". read_only: it arrives so. items: the values that are built on
    it, none if nothing takes it.
    """

    nbytes: int | None
    where: str
    read_only: bool
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class NameUse:
    """A global name that the stream asks for. at: where first. times: how often."""

    name: str
    at: int
    times: int


@dataclass(frozen=True, slots=True)
class Line:
    """An opcode for people. depth: of marks. argument: as text, shortened. note: what it is about, or ""."""

    at: int
    name: str
    depth: int
    argument: str
    note: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a message consists of.

    topic: None when there is none. header: None for a plain pickle. frames: the bytes of each. stream: empty when the frames make no
    sense. refusal: why a receiver of the data codec, with the default limits, would not take the stream, or "". problem: what
    is wrong with the message, or "". notes: for opcodes, by their offset.
    """

    topic: str | None
    header: Header | None
    frames: tuple[int, ...]
    stream: memoryview
    names: tuple[NameUse, ...]
    buffers: tuple[Buffer, ...]
    refusal: str
    problem: str
    notes: dict[int, str]

    def lines(self) -> Iterator[Line]:
        """The opcodes of the stream, annotated, as far as they can be read."""
        depth = memo = 0
        try:
            for opcode in opcodes(self.stream):
                depth -= opcode.code in _TO_MARK and depth > 0
                text = f"({memo})" if opcode.code == _MEMOIZE else _argument(self.stream, opcode)
                yield Line(opcode.at, opcode.name, depth, text, self.notes.get(opcode.at, ""))
                depth += opcode.code == _MARK
                memo += opcode.code == _MEMOIZE
        except DecodeError:
            return  # problem tells


_MARK, _MEMOIZE, _PROTO = 0x28, 0x94, 0x80
_TO_MARK = frozenset(b"tldeu\x90\x91io1")  # what takes all since the last mark


def inspect_message(frames: Sequence[memoryview]) -> Inspection:
    """Take a message apart: flat views of its frames, with or without a topic; or [a plain pickle, *its buffers]."""
    topic, views = _split_topic(list(frames))
    head = views[0]
    lengths = tuple(map(len, frames))
    header = _header(head)
    stream, buffers, problem = head, list[memoryview | int](views[1:]), ""
    if header is not None or wire.is_head(head):
        try:
            message = wire.unpack(views, allow_shared=True)
            stream, buffers = message.stream, message.buffers
        except DecodeError as error:
            return Inspection(topic, header, lengths, head[:0], (), (), str(error), str(error), {})
    contents = Contents(stream)
    taken = contents.outline.buffers
    if contents.outline.problem is not None:
        problem = str(contents.outline.problem)
    elif len(taken) > len(buffers) or (header and len(taken) < len(buffers)):
        problem = f"the stream takes {len(taken)} buffers, and there are {len(buffers)}"
    elif contents.outline.end < len(stream):
        problem = f"{len(stream) - contents.outline.end} bytes after the end of the stream"
    numbers = {id(view): f"frame {number}" for number, view in enumerate(views)}
    reports = []
    for index in range(max(len(taken), len(buffers))):
        there = buffers[index] if index < len(buffers) else None
        where = (
            "not here"
            if there is None
            else "shared memory"
            if isinstance(there, int)
            else numbers.get(id(there), "the head")
        )
        nbytes = len(there) if isinstance(there, memoryview) else there
        read_only = index < len(taken) and taken[index].read_only
        reports.append(Buffer(nbytes, where, read_only, contents.items(index)))
    return Inspection(
        topic,
        header,
        lengths,
        stream,
        _names(contents),
        tuple(reports),
        _refusal(stream),
        problem,
        _notes(contents, reports),
    )


def _split_topic(frames: list[memoryview]) -> tuple[str | None, list[memoryview]]:
    """A topic stands before the head in its frame, with a NUL; by hand, people send it as a frame of its own."""
    first = frames[0]
    if _begins(first):
        return None, frames
    end = bytes(first[: _TOPIC_MAX + 5]).find(b"\0" + wire.MAGIC)
    if end >= 0:
        return bytes(first[:end]).decode(errors="backslashreplace"), [first[end + 1 :], *frames[1:]]
    if len(frames) > 1 and _begins(frames[1]):
        return bytes(first[:_TOPIC_MAX]).decode(errors="backslashreplace"), frames[1:]
    return None, frames


_TOPIC_MAX = 255


def _begins(frame: memoryview) -> bool:
    return wire.is_head(frame) or frame[:1] == bytes((_PROTO,))


def _header(head: memoryview) -> Header | None:
    if len(head) < wire.HEADER.size or not wire.is_head(head):
        return None
    return Header(*wire.HEADER.unpack_from(head)[1:])


def _refusal(stream: memoryview) -> str:
    try:
        scan(bytes(stream), Vocabulary(DEFAULT).rules)
    except DecodeError as error:
        return str(error)
    return ""


def _names(contents: Contents) -> tuple[NameUse, ...]:
    first: dict[str, int] = {}
    times: dict[str, int] = {}
    for module, name, at in contents.outline.names:
        text = f"{module}.{name}"
        first.setdefault(text, at)
        times[text] = times.get(text, 0) + 1
    return tuple(NameUse(text, at, times[text]) for text, at in first.items())


def _notes(contents: Contents, buffers: list[Buffer]) -> dict[int, str]:
    notes = {at: f"{module}.{name}" for module, name, at in contents.outline.names}
    for index, value in enumerate(contents.outline.buffers):
        report = buffers[index]
        size = "" if report.nbytes is None else f"{amount(report.nbytes)}, "
        more = f" and {len(report.items) - 1:,} more" if len(report.items) > 1 else ""
        told = "".join(f": {item.path} {item.description}".rstrip() for item in report.items[:1])
        notes[value.opcode.at] = f"buffer {index} ({size}{report.where}){told}{more}"
        for part in contents.parts(index):
            if part.value.kind == "call":
                item = contents.item(part)
                notes[part.value.opcode.at] = " ".join(
                    filter(None, (item.path, item.description, f"on buffer {index}"))
                )
    for part in contents.arrays_in_band():
        item = contents.item(part)
        notes[part.value.opcode.at] = f"{item.path} {item.description} in the stream"
    return notes


def _argument(stream: memoryview, opcode: Opcode) -> str:
    length = opcode.end - opcode.at - 1
    if not length:
        return ""
    if length > SHOWN:
        return f"({length:,} bytes)"
    try:
        return short(argument(stream, opcode))
    except DecodeError as error:
        return f"({error.reason})"

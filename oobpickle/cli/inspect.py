"""``oobpickle inspect``: how a message is shown. What is in it, `oobpickle.inspection` tells."""

from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from itertools import islice
from typing import Annotated, Literal

import typer
import zmq
from rich.console import Console
from rich.text import Text

from oobpickle import wire
from oobpickle.cli.curve import Clients, Key, ServerKey, curve_of
from oobpickle.errors import DecodeError, Timeout
from oobpickle.inspection.contents import codec_name
from oobpickle.inspection.ledger import amount, printable
from oobpickle.inspection.message import Header, Inspection, Line, inspect_message
from oobpickle.inspection.sources import from_address, in_file

_BUFFERS = 50  # lines of buffers that are shown


class Pattern(str, Enum):  # noqa: UP042 - what typer takes for a choice of words in Python 3.11
    """How to listen at an address."""

    sub = "sub"
    pull = "pull"


def inspect(
    source: Annotated[
        str, typer.Argument(metavar="FILE|ADDRESS", help="A file, or an address such as tcp://127.0.0.1:5555.")
    ],
    message: Annotated[
        int, typer.Option("--message", "-m", min=1, max=2**31 - 1, help="Which message of the file.")
    ] = 1,
    opcodes: Annotated[
        int, typer.Option("--opcodes", "-o", min=0, max=2**31 - 1, help="How many opcodes to show.")
    ] = 100,
    pattern: Annotated[
        Pattern, typer.Option(help="At an address: listen (sub), or take a message away from its receiver (pull).")
    ] = Pattern.sub,
    topic: Annotated[str, typer.Option(help="Only what has a topic that begins with this (sub).")] = "",
    bind: Annotated[bool, typer.Option("--bind", help="Bind the address instead of connecting to it.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, max=1e6, help="Seconds to wait for a message; without it, for ever.")
    ] = None,
    key: Key = None,
    server_key: ServerKey = None,
    clients: Clients = None,
) -> None:
    """Take one message apart and show what it consists of; nothing of it is loaded.

    Shows the header, the frames, the buffers with the values that stand on them, the global names that the stream asks for, and its
    opcodes, each buffer's and each array's with where it belongs. Reads files of messages (`oobpickle.dump`), plain pickles, and the next message
    at an address. Paths are told from the stream, as far as it tells them.

    For example:

    - `oobpickle inspect scan.oob`

    - `oobpickle inspect scan.oob --message 3 --opcodes 1000`

    - `oobpickle inspect model.pkl`

    - `oobpickle inspect tcp://127.0.0.1:5555 --topic camera/`

    Exit status: 0 it makes sense, 1 it does not, or could not be read, 2 wrong arguments, 130 interrupted.
    """
    console = Console(highlight=False)
    curve = curve_of(key, server_key=server_key, clients=clients)
    try:
        if "://" in source:
            title = f"the next message at {source}"
            kind: Literal["sub", "pull"] = "sub" if pattern is Pattern.sub else "pull"
            frames = from_address(source, pattern=kind, topics=(topic,), bind=bind, timeout=timeout, curve=curve)
        else:
            title, frames = _in_file(source, message)
    except (DecodeError, Timeout, ValueError, zmq.ZMQError) as error:
        Console(stderr=True, highlight=False).print(Text(f"oobpickle: {printable(str(error))}"), soft_wrap=True)
        raise typer.Exit(1) from error
    found = inspect_message(frames)
    _print(console, Text(printable(title), "bold"))
    for label, fact in _facts(found):
        _print(console, Text.assemble((f"{label:<12}", "bold"), fact))
    if found.names:
        _print(console, Text("names", "bold"))
        for name in found.names:
            times = f", {name.times:,} times" if name.times > 1 else ""
            _print(console, Text(f"  {printable(name.name)}  (at {name.at:,}{times})"))
    if found.buffers:
        _print(console, Text("buffers", "bold"))
        for line in _buffers(found):
            _print(console, line)
    if opcodes and len(found.stream):
        _print(console, Text("opcodes", "bold"))
        lines = found.lines()
        for opcode in islice(lines, opcodes):
            _print(console, _opcode(opcode))
        if more := sum(1 for _ in lines):
            _print(console, Text(f"  {more:,} more: --opcodes {opcodes + more}", "dim"))
    if found.problem:
        _print(console, Text(f"WRONG: {printable(found.problem)}", "bold red"))
        raise typer.Exit(1)


def _print(console: Console, text: Text) -> None:
    """One line: in a terminal cut to its width, else as long as it is."""
    if console.is_terminal:
        text.truncate(console.width, overflow="ellipsis")
    console.print(text, soft_wrap=True)


def _in_file(path: str, number: int) -> tuple[str, list[memoryview]]:
    """A title, and the frames of that message. A file that is damaged behind it is fine."""
    messages = in_file(path)
    frames = next(islice(messages, number - 1, None), None)
    if frames is None:
        raise typer.BadParameter(f"{path} has fewer messages", param_hint="--message")
    try:
        count = f"{number + sum(1 for _ in messages):,}"
    except DecodeError as error:
        count = f"more: {error}"
    return f"{path}: message {number:,} of {count}", frames


def _facts(found: Inspection) -> Iterator[tuple[str, str]]:
    if found.topic is not None:
        yield "topic", printable(found.topic)
    yield "header", "none: a plain pickle" if found.header is None else _header(found.header)
    sizes = ", ".join(amount(length) for length in found.frames[:10])
    yield "frames", f"{len(found.frames):,}: {sizes}{', ...' if len(found.frames) > 10 else ''}"
    if found.header is not None and found.header.references:
        yield "references", f"{found.header.references:,} bytes, into shared memory"
    yield "stream", f"{len(found.stream):,} bytes"
    if found.refusal:
        yield "data codec", f"refuses it: {printable(found.refusal)}"
    elif found.header is not None and found.header.codec == wire.DATA:
        yield "data codec", "takes it"
    else:
        yield "data codec", "would take the stream, but not a message of another codec"


def _header(header: Header) -> str:
    epoch = f"epoch {header.epoch:016x}, " if header.epoch else ""
    numbered = f"{epoch}sequence {header.sequence:,}" if header.sequence else "not numbered"
    try:
        sent = (
            f"sent {datetime.fromtimestamp(header.sent_at / 1e9).astimezone().isoformat()}"
            if header.sent_at
            else "no time"
        )
    except (ValueError, OverflowError, OSError):  # a peer may say anything
        sent = f"sent at {header.sent_at}"
    return f"version {header.version}, {codec_name(header.codec)} codec, flags {header.flags}, {numbered}, {sent}"


def _buffers(found: Inspection) -> Iterator[Text]:
    for number, buffer in enumerate(found.buffers[:_BUFFERS]):
        size = "?" if buffer.nbytes is None else amount(buffer.nbytes)
        text = Text(f"  {number:>3}  {size:>8}  {buffer.where:<13}  ")
        if buffer.items:
            item = buffer.items[0]
            more = f" and {len(buffer.items) - 1:,} more" if len(buffer.items) > 1 else ""
            what = (
                item.description
                if item.type == "numpy.ndarray" and item.description
                else f"{item.type} {item.description}"
            )
            text.append(printable(f"{item.path}{more}  {what}".rstrip()))
        if buffer.read_only:
            text.append("  (read-only)")
        yield text
    if len(found.buffers) > _BUFFERS:
        yield Text(f"  {len(found.buffers) - _BUFFERS:,} more", "dim")


def _opcode(line: Line) -> Text:
    text = Text(f"  {line.at:>7,}  ", "dim")
    text.append("  " * min(line.depth, 10) + line.name, "bold" if line.note else "not dim")
    if line.argument:
        text.append(f" {printable(line.argument)}", "not dim")
    if line.note:
        text.append(f"  {printable(line.note)}", "cyan not dim")
    return text

"""``oobpickle tail``: how a stream is shown. What passes on it, `oobpickle.tail` tells."""

import json
import time
from collections.abc import Iterator
from typing import Annotated

import typer
import zmq
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from oobpickle.cli.curve import Clients, Key, ServerKey, curve_of
from oobpickle.endpoints.arrivals import Message
from oobpickle.errors import Timeout
from oobpickle.inspection.contents import codec_name
from oobpickle.inspection.ledger import amount, printable
from oobpickle.tail.content import content_of
from oobpickle.tail.flow import Flow, Row
from oobpickle.tail.listener import Listener
from oobpickle.tail.saving import make_directory, save

_TICK = 1.0  # seconds between two looks: slow enough to read
_WIDE = 100  # columns from which there is room for the totals


def tail(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Where a Publisher is, such as tcp://127.0.0.1:5555.")
    ],
    topics: Annotated[
        list[str] | None, typer.Argument(metavar="TOPIC", help="Only topics that begin with one of these.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Show one message in full, and exit.")] = False,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="Exit after so many messages.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each message.")] = False,
    directory: Annotated[
        str | None, typer.Option("--save", metavar="DIR", help="Append each message to a file of its topic there.")
    ] = None,
    bind: Annotated[bool, typer.Option("--bind", help="Bind the address instead of connecting to it.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Give up when nothing has come for so many seconds.")
    ] = None,
    key: Key = None,
    server_key: ServerKey = None,
    clients: Clients = None,
) -> None:
    """Show what passes on a pub/sub stream, live: topic, shape, dtype, rate, GB/s, latency, missed.

    It listens as one more subscriber. Nothing is decoded, so it may listen to anybody. Ctrl-C ends it.

    For example:

    - `oobpickle tail tcp://127.0.0.1:5555`

    - `oobpickle tail tcp://127.0.0.1:5555 camera/ lidar/`

    - `oobpickle tail tcp://127.0.0.1:5555 --once`

    - `oobpickle tail tcp://127.0.0.1:5555 --json | jq .latency`

    - `oobpickle tail tcp://127.0.0.1:5555 --save recording --count 100`

    - `oobpickle tail tcp://127.0.0.1:5555 --key me.key_secret --server-key server.key`

    What the columns say:

    - **what**: the largest array of the newest message, or the DataFrame that it is of, and how many arrays there are beside.

    - **msg/s**, **GB/s**: the mean of the last 5 seconds; GB/s are 10^9 bytes, of whole messages.

    - **latency**: from the sender's clock to ours, median of the last 512 messages (in wide terminals **longest**, the largest of them). Clocks of two hosts may disagree.

    - **missed**: messages that were lost between two that came, by their numbers.

    Exit status: 0 the messages asked for have come, 1 none came in time, or the address cannot be used, 2 wrong arguments, 130 interrupted.
    """
    if directory is not None:
        try:
            make_directory(directory)
        except OSError as error:
            raise typer.BadParameter(f"{directory}: {error.strerror}", param_hint="--save") from error
    wanted = 1 if once and count is None else count
    curve = curve_of(key, server_key=server_key, clients=clients)
    where = {"bind" if bind else "connect": address}
    try:
        with Listener(**where, topics=topics or [""], curve=curve) as listener:
            messages = _messages(listener, wanted, timeout, directory)
            if as_json or once:
                _each(messages, as_json)
            else:
                _table(listener, messages)
    except (zmq.ZMQError, ValueError, Timeout) as error:
        Console(stderr=True, highlight=False).print(Text(f"oobpickle: {printable(str(error))}"), soft_wrap=True)
        raise typer.Exit(1) from error


def _messages(
    listener: Listener, count: int | None, timeout: float | None, directory: str | None
) -> Iterator[Message | None]:
    """Messages as they come; None when a tick has passed. Raises Timeout."""
    patience = None if timeout is None else time.monotonic() + timeout
    tick = time.monotonic() + _TICK
    left = count
    while left is None or left > 0:
        try:
            message = listener.recv_message(timeout=max(0.0, tick - time.monotonic()))
        except Timeout:
            if patience is not None and time.monotonic() > patience:
                raise Timeout(f"a message at {listener.addresses[0]}", timeout or 0.0) from None
        else:
            if directory is not None:
                save(message, directory)
            yield message
            left = None if left is None else left - 1
            patience = None if timeout is None else time.monotonic() + timeout
        if time.monotonic() >= tick:
            tick = time.monotonic() + _TICK
            yield None


def _each(messages: Iterator[Message | None], as_json: bool) -> None:
    console = Console(highlight=False)
    for message in messages:
        if message is None:
            continue
        if as_json:
            print(json.dumps(_as_data(message)), flush=True)  # noqa: T201 - for a program to read
        else:
            for line in _in_full(message):
                console.print(Text(line), soft_wrap=True)


def _latency(message: Message) -> float | None:
    return time.time() - message.sent_at if message.sent_at else None


def _as_data(message: Message) -> dict[str, object]:
    content = content_of(message.obj.stream)
    return {
        "topic": message.topic,
        "sequence": message.sequence,
        "sent_at": message.sent_at or None,
        "latency": _latency(message),
        "missed": message.missed,
        "nbytes": message.nbytes,
        "codec": codec_name(message.obj.codec),
        "what": content.what,
        "items": [
            {"path": item.path, "type": item.type, "description": item.description, "nbytes": item.nbytes}
            for item in content.items
        ],
    }


def _in_full(message: Message) -> Iterator[str]:
    latency = _latency(message)
    late = "no time" if latency is None else f"{_seconds(latency)} on its way"
    codec = codec_name(message.obj.codec)
    yield f"{printable(message.topic)}  number {message.sequence:,}, {amount(message.nbytes)}, {codec} codec, {late}"
    content = content_of(message.obj.stream)
    if not content.items:
        yield f"  {content.what}"
    for item in content.items:
        size = "" if item.nbytes is None else amount(item.nbytes)
        yield f"  {size:>9}  {printable(item.path)}  {printable(item.description or item.type)}"


def _table(listener: Listener, messages: Iterator[Message | None]) -> None:
    console = Console(highlight=False)
    flow = Flow(time.monotonic())
    if not console.is_terminal:
        print(_HEADINGS, flush=True)  # noqa: T201 - lines for other programs, whatever their length
        for message in messages:
            if message is not None:
                flow.add(message, time.time())
                continue
            _print_news(flow)
        _print_news(flow)
        return
    with Live(_shown([], listener, console), console=console, auto_refresh=False, vertical_overflow="crop") as live:
        try:
            for message in messages:
                if message is not None:
                    flow.add(message, time.time())
                else:
                    live.update(_shown(flow.tick(time.monotonic()), listener, console), refresh=True)
        finally:
            live.update(_shown(flow.tick(time.monotonic()), listener, console), refresh=True)


_HEADINGS = f"{'topic':<24} {'what':<28} {'msg/s':>9} {'GB/s':>7} {'latency':>9} {'missed':>9}"


def _print_news(flow: Flow) -> None:
    for row in flow.tick(time.monotonic()):
        if row.news:
            cells = _cells(row)
            print(f"{cells[0]:<24} {cells[1]:<28} {cells[2]:>9} {cells[3]:>7} {cells[4]:>9} {cells[5]:>9}", flush=True)  # noqa: T201


def _shown(rows: list[Row], listener: Listener, console: Console) -> Table:
    """The table: as many of the busiest topics as the terminal has lines."""
    wide = console.width >= _WIDE
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    # rich narrows the columns that may wrap before the others; that their text does not wrap, the cells say.
    table.add_column("topic", overflow="ellipsis")
    table.add_column("what", overflow="ellipsis")
    for heading in ("msg/s", "GB/s", "latency", "missed", *(("longest", "messages") if wide else ())):
        table.add_column(heading, justify="right", no_wrap=True)
    room = max(3, console.height - 5)
    shown = rows if len(rows) <= room else sorted(rows, key=lambda row: -row.speed)[:room]
    for row in shown:
        cells = [Text(cell, no_wrap=True) for cell in _cells(row)]
        table.add_row(*(cells if wide else cells[:6]), style="" if row.news else "dim")
    stats = listener.stats
    notes = [f"{len(rows) - len(shown)} more topics"] if len(rows) > len(shown) else []
    notes += ["waiting for messages"] if not rows else []
    notes += [f"{stats.malformed:,} messages could not be read"] if stats.malformed else []
    notes += ["not connected"] if not stats.connected else []
    notes += [f"{stats.handshakes_failed:,} handshakes failed"] if stats.handshakes_failed else []
    table.caption = ", ".join(notes) or None
    table.caption_justify = "left"
    return table


def _cells(row: Row) -> list[str]:
    return [
        printable(row.topic),
        row.what,
        f"{row.rate:,.1f}" if row.rate < 100 else f"{row.rate:,.0f}",
        f"{row.speed / 1e9:.3f}",
        "-" if row.latency is None else _seconds(row.latency),
        f"{row.missed:,}",
        "-" if row.latency_max is None else _seconds(row.latency_max),
        f"{row.messages:,}",
    ]


def _seconds(seconds: float) -> str:
    for factor, unit in ((1e6, "us"), (1e3, "ms")):
        if abs(seconds) * factor < 999.5:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:,.1f} s"

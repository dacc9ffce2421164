"""``oobpickle pub``: send files to the subscribers of a topic."""

import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
import zmq
from rich.console import Console
from rich.text import Text

from oobpickle.cli.curve import Clients, Key, ServerKey, curve_of
from oobpickle.codec import AnyCodec
from oobpickle.codec.data_codec import DataCodec
from oobpickle.demo import files
from oobpickle.endpoints.pubsub import Publisher
from oobpickle.errors import InsecureEndpoint, OobpickleError, Timeout
from oobpickle.files import iter_file
from oobpickle.inspection.ledger import amount, printable
from oobpickle.message import dumps
from oobpickle.patterns.topics import encode_topic


class CodecName(str, Enum):  # noqa: UP042 - what typer takes for a choice of words in Python 3.11
    """By which codec the files are sent, and files of messages are read."""

    data = "data"
    pickle = "pickle"


def pub(
    address: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help="Where to bind, such as tcp://127.0.0.1:5555, or tcp://127.0.0.1:*."),
    ],
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="The topic of the messages.")],
    paths: Annotated[list[str], typer.Argument(metavar="FILE", help="What to send.")],
    repeat: Annotated[int, typer.Option(min=1, help="Send all of them so many times.")] = 1,
    interval: Annotated[float, typer.Option(min=0, max=1e6, help="Seconds between two messages.")] = 0,
    connect: Annotated[bool, typer.Option("--connect", help="Connect to the address instead of binding it.")] = False,
    codec: Annotated[CodecName, typer.Option(help="How to encode.")] = CodecName.data,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Allow the pickle codec where others can reach the address.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds to wait for a subscriber; without it, for ever.")
    ] = None,
    key: Key = None,
    server_key: ServerKey = None,
    clients: Clients = None,
) -> None:
    """Send files to the subscribers of a topic, as soon as there is one.

    What a file is sent as, its name tells: .npy an array, .npz a dict of arrays, .csv a table (a DataFrame with pandas, else a dict of columns), .oob
    the objects of its messages one by one; any other file as bytes.
    All files are checked before the first is sent. It waits for slow subscribers, and ends when all has left.

    For example:

    - `oobpickle pub tcp://127.0.0.1:5555 camera/left frame.npy`

    - `oobpickle pub tcp://127.0.0.1:5555 camera/left frame.npy --repeat 1000 --interval 0.1`

    - `oobpickle pub tcp://127.0.0.1:5555 replay recording/*.oob`

    - `oobpickle pub tcp://*:5555 camera/left frame.npy --key server.key_secret --clients keys`

    Exit status: 0 all was sent, 1 it was not, 2 wrong arguments, 130 interrupted.
    """
    chosen: AnyCodec = DataCodec() if codec is CodecName.data else "pickle"
    curve = curve_of(key, server_key=server_key, clients=clients)
    sent = nbytes = 0
    errors = Console(stderr=True, highlight=False)
    try:
        encode_topic(topic)  # what is no topic is refused before anybody waits for subscribers
        for path in paths:
            _check(path, chosen)
        with Publisher(
            bind=None if connect else address,
            connect=address if connect else None,
            codec=chosen,
            curve=curve,
            insecure=insecure,
            lossless=True,
        ) as publisher:
            _say(errors, f"waiting for a subscriber of {topic} at {publisher.addresses[0]}")
            publisher.wait_for_subscribers(1, topic, timeout)
            for _ in range(repeat):
                for path in paths:
                    for obj in _objects(path, chosen):
                        if sent and interval:
                            time.sleep(interval)
                        publisher.send(topic, obj)
                        sent += 1
        stats = publisher.stats
        nbytes = stats.bytes_in_band + stats.bytes_out_of_band
    except Timeout as error:
        _say(errors, f"oobpickle: no subscriber within {error.seconds:g} s")
        raise typer.Exit(1) from error
    except InsecureEndpoint as error:
        _say(
            errors,
            f"oobpickle: {error.address}: the pickle codec runs code of whoever reaches this address; use "
            "--codec data, or --key with --clients or --server-key, or say --insecure",
        )
        raise typer.Exit(1) from error
    except (OobpickleError, files.BadFile, ValueError, zmq.ZMQError) as error:
        _say(errors, f"oobpickle: {error}")
        raise typer.Exit(1) from error
    Console(highlight=False).print(f"{sent:,} message{'' if sent == 1 else 's'}, {amount(nbytes)}")
    if stats.dropped:
        _say(errors, f"oobpickle: {stats.dropped:,} of them did not leave in time")
    if stats.unwanted:
        _say(errors, f"oobpickle: {stats.unwanted:,} of them had no subscriber any more")
    if stats.dropped or stats.unwanted:
        raise typer.Exit(1)


def _say(console: Console, text: str) -> None:
    console.print(Text(printable(text)), soft_wrap=True)


def _check(path: str, codec: AnyCodec) -> None:
    """Try to read a file and to encode what is in it. Raises BadFile or OSError, which name it."""
    Path(path).open("rb").close()
    if Path(path).suffix.lower() not in (".oob", *files.SUFFIXES):
        return  # it is sent as it is; and what comes through a pipe can be read only once
    try:
        for obj in _objects(path, codec):
            dumps(obj, codec=codec)
    except OobpickleError as error:
        raise files.BadFile(path, str(error).removeprefix(f"{path}: ")) from error


def _objects(path: str, codec: AnyCodec) -> Iterator[Any]:
    suffix = Path(path).suffix.lower()
    if suffix == ".oob":
        yield from iter_file(path, codec=codec)
    elif suffix in files.SUFFIXES:
        yield files.load(path)
    else:
        yield Path(path).read_bytes()

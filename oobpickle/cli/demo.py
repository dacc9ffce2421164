"""``oobpickle demo``: what it shows and how it looks. What it does is in `oobpickle.demo`."""

import os
import platform
import time
from collections.abc import Iterator
from typing import Annotated

import numpy as np
import typer
import zmq
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

import oobpickle
from oobpickle.demo import files
from oobpickle.demo.end import Prepared
from oobpickle.demo.pair import DemoFailed, Outcome, Pair, failed
from oobpickle.demo.things import THINGS
from oobpickle.demo.transports import TRANSPORTS

_ENOUGH = 25.0  # seconds after which no further run is begun: all is to be over in 30
_WIDE = 90  # columns from which the table has room for wider gaps
_FEW = 20  # messages a second, below which the rate gets a decimal


def demo(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="FILE", help="Send these too: .npy, .npz or .csv.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=15, help="How long to send, all things and transports together.")
    ] = 8,
) -> None:
    """Send real things from one process to another, and show what that took.

    Starts a producer and a consumer, two processes, and sends from one to the other: a stack of camera images, a structured table, a nested
    dict of arrays, a pandas DataFrame if pandas is installed, and the files that you name; each over tcp, over ipc, and by reference into shared memory (Linux).

    For example:

    - `oobpickle demo`

    - `oobpickle demo scan.npy recordings.npz table.csv`

    - `oobpickle demo --seconds 1`

    What the columns say:

    - **size**: the object's values in memory. KB, MB, GB are 2^10, 2^20, 2^30 bytes.

    - **in-band**: the pickle stream. **out-of-band**: the buffers beside it.

    - **msg/s**: messages sent over the time from before the first was sent until the last was received and one byte of each of its pages
      was read; **GB/s**: 10^9 bytes of size a second.

    - **copies**: how often the object was copied in user space, both sides together. Measured, on one message: each process gives all its free
      memory back and resets the peak of its resident memory (Linux: malloc_trim, clear_refs, VmHWM), so that a copy, whoever makes it, has to go to
      new memory and raises the peak. Counted is by how many sizes of the object the peak rises; less one at the consumer, into which
      the kernel writes what arrives. Small arrays are gathered, which shows as a part of a copy. A dash: not measured (an object under 1 MB, or not Linux).

    - **arrived**: right, if a CRC-32 of every value, dtype, shape and byte is the same at the far end, in three messages (two before the timed ones, and
      the last), and all messages came, in order.

    Exit status: 0 all is right, 1 something is wrong, 2 wrong arguments, 130 interrupted. It takes less than 30 seconds.
    """
    began = time.monotonic()
    try:
        files.check(paths or [])
        wrong = _run([*THINGS, *(paths or [])], seconds, began + _ENOUGH)
    except files.BadFile as error:
        raise typer.BadParameter(str(error), param_hint="FILE") from error
    except DemoFailed as error:
        wrong = {str(error): ["all"]}
    console = Console(highlight=False)
    if not wrong:
        took = time.monotonic() - began
        console.print(f"All arrived right, in {took:.0f} s. What the columns say: oobpickle demo --help")
        return
    for reason, where in wrong.items():
        console.print(Text(f"WRONG: {', '.join(where)}: {reason}", "bold red"))
    raise typer.Exit(1)


def _run(sources: list[str], seconds: float, latest: float) -> dict[str, list[str]]:
    """Send all that is in sources, and show how it went; what was wrong, and where. Raises BadFile and DemoFailed."""
    console = Console()
    # 76 columns: a ^C that the terminal writes behind it must not begin a new line.
    doing = TextColumn(
        "{task.description}", markup=False, table_column=Column(width=36, no_wrap=True, overflow="ellipsis")
    )
    bar = Progress(doing, BarColumn(30), TimeElapsedColumn(), console=console)
    runs = len(sources) * len(TRANSPORTS)
    task = bar.add_task("starting two processes", total=len(sources) + runs)
    wrong: dict[str, list[str]] = {}
    with Pair() as pair:
        things = []
        with Live(bar, console=console, transient=True):
            for source in sources:
                bar.update(task, description=f"preparing {source}")
                things.append(pair.prepare(source))
                bar.advance(task)
        console.print(_machine())
        table = _table(console.width)
        try:
            with Live(Group(table, bar), console=console, refresh_per_second=4, transient=True) as live:
                for index, thing in enumerate(things):
                    outcomes = []
                    for transport in TRANSPORTS:
                        bar.update(task, description=f"{thing.title} over {transport.name}")
                        live.refresh()  # a run may be shorter than the time between two
                        if time.monotonic() < latest:
                            outcome = pair.run(index, thing, transport, seconds / runs)
                        else:
                            outcome = failed(transport, "no time was left")
                        bar.advance(task)
                        outcomes.append(outcome)
                        if outcome.wrong:
                            wrong.setdefault(outcome.wrong, []).append(f"{thing.title} over {transport.name}")
                    for row in _rows(thing, outcomes):
                        table.add_row(*row)
        finally:  # also what there is of it after Ctrl-C
            if table.row_count:
                console.print(table)
                console.print()
    return wrong


def _machine() -> Text:
    cpus = f"{os.cpu_count()} CPUs, {platform.system()} {platform.release()} {platform.machine()}"
    packages = f"numpy {np.__version__}, pyzmq {zmq.__version__} with libzmq {zmq.zmq_version()}"
    return Text(f"oobpickle {oobpickle.__version__}, Python {platform.python_version()}, {packages}\n{cpus}\n", "dim")


def _table(width: int) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0) if width >= _WIDE else 0)
    table.add_column("what", min_width=21)  # the only one that may become narrower than what it has to show
    for heading, least in (("size", 7), ("in-band", 7), ("out-of-\nband", 7)):
        table.add_column(heading, justify="right", no_wrap=True, min_width=least)
    table.add_column("over", no_wrap=True)
    for heading, least in (("msg/s", 5), ("GB/s", 5), ("copies", 6)):
        table.add_column(heading, justify="right", no_wrap=True, min_width=least)
    table.add_column("arrived", no_wrap=True)
    return table


def _rows(thing: Prepared, outcomes: list[Outcome]) -> Iterator[list[RenderableType]]:
    """A line for each transport; the first two also say what was sent."""
    titles = [Text(thing.title, "bold"), Text(f"  {thing.about}", "dim")]
    amounts = [_amount(thing.size), _amount(thing.in_band), _amount(thing.out_of_band)]
    for number, (transport, rate, copies, wrong) in enumerate(outcomes):
        title = titles[number] if number < len(titles) else Text()
        title.no_wrap, title.overflow = True, "ellipsis"
        yield [
            title,
            *(amounts if number == 0 else [""] * len(amounts)),
            transport,
            "-" if not rate else f"{rate:.1f}" if rate < _FEW else f"{rate:,.0f}",
            "-" if not rate else f"{rate * thing.size / 1e9:.2f}",
            "-" if copies is None else f"{copies:.2f}",
            Text("WRONG", "bold red") if wrong else Text("right", "green"),
        ]


def _amount(nbytes: int) -> str:
    amount = float(nbytes)
    for unit in ("B", "KB", "MB"):
        if amount < 999.5:  # which would be written with four digits
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GB"

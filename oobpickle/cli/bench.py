"""``oobpickle bench``: what it asks and how it looks. What it measures is in `oobpickle.bench`."""

import json
import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from oobpickle.bench import plan, report
from oobpickle.bench.codecs import comparison
from oobpickle.bench.figures import Case, Figures
from oobpickle.bench.machine import command, machine
from oobpickle.bench.memory import free_memory
from oobpickle.bench.peer import own_peers, peer_named
from oobpickle.bench.plot import is_drawn, plot
from oobpickle.bench.rounds import Step, measure
from oobpickle.bench.things import Thing, of_file, of_object, size_of
from oobpickle.cli.bench_codecs import compare_codecs

_DROPPED = ("says", "faults", "CPU us", "p90 us", "of send_pyobj", "of stream socket", "copies", "p99 us")
"""The columns that a narrow terminal goes without, the least important first."""

_GAP = 2
_PICTURES = (".png", ".svg")


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Less, and in under 20 seconds.")] = False,
    size: Annotated[
        list[str] | None, typer.Option(metavar="SIZE", help="Size of the array, as 64KB or 1GB; may be repeated.")
    ] = None,
    pattern: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="one way, round trip or fan-out; may be repeated.")
    ] = None,
    transport: Annotated[
        list[str] | None, typer.Option(metavar="TRANSPORT", help="ipc, tcp or inproc; may be repeated.")
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Only these (see --list), or one of your own as module:name; may be repeated."
        ),
    ] = None,
    peers: Annotated[
        bool,
        typer.Option(
            "--peers", help="Also those that need something installed, where it is: iceoryx2, MPI, Ray, Dask."
        ),
    ] = False,
    object_: Annotated[
        list[str] | None,
        typer.Option("--object", metavar="MODULE:CALLABLE", help="Send what this returns; may be repeated."),
    ] = None,
    file: Annotated[
        list[str] | None, typer.Option(metavar="FILE.npy", help="Send the array of this file; may be repeated.")
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(
            min=0,
            help="Turns that each peer takes; 0: ten, and more until all ± are small (rates 15 %, or 24 % with the ratios), for up to two minutes; five if --quick.",
        ),
    ] = 0,
    seconds: Annotated[float, typer.Option(min=0, max=1e6, help="Of one turn, about; 0: 0.2, or 0.04 if --quick.")] = 0,
    memory: Annotated[
        str, typer.Option(metavar="SIZE", help="Use no more; default and most: half of what is free.")
    ] = "",
    json_to: Annotated[
        str, typer.Option("--json", metavar="FILE", help="Write all figures to FILE; - is the standard output.")
    ] = "",
    markdown_to: Annotated[
        str, typer.Option("--markdown", metavar="FILE", help="Write the tables as Markdown; - is the standard output.")
    ] = "",
    plot_to: Annotated[str, typer.Option("--plot", metavar="FILE", help="Draw a picture: .png or .svg.")] = "",
    codecs: Annotated[
        bool, typer.Option("--codecs", help="Compare codecs instead, without a transport: bytes, speed, copies.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the peers, and exit.")] = False,
) -> None:
    """Measure how fast objects travel between processes, beside what else could carry them.

    Each peer has two processes of its own. They take turns, round after round, and what arrives is checked. Of several rounds the middle is
    shown; ratios are taken within a round, so that what else the machine does disturbs them little.

    For example:

    - `oobpickle bench --quick`

    - `oobpickle bench --size 16MB --transport ipc --plot speed.png`

    - `oobpickle bench --object mymodule:make_frame --file scan.npy`

    - `oobpickle bench --size 1MB --peer oobpickle --peer recipe --json -`

    - `oobpickle bench --codecs`

    What the columns say: **of X**: rate over X's. **±**: how far two measurements lie apart, nine times of ten. **CPU us**, **faults** (pages): a
    message, near end + far end. **copies**: the user CPU of a message, in times of one memcpy of its size, what checking takes apart; from 8 MB on.
    **says**: how many copies in user space the peer says it makes.

    Exit status: 0 all is well, 1 something arrived wrong or failed, 2 wrong arguments, 130 interrupted.
    """
    if list_:
        _list()
        return
    if plot_to and not plot_to.endswith(_PICTURES):
        raise typer.BadParameter(f"{plot_to!r} ends in neither .png nor .svg", param_hint="--plot")
    for path, hint in ((json_to, "--json"), (markdown_to, "--markdown"), (plot_to, "--plot")):
        _check_writable(path, hint)
    effort = plan.QUICK if quick else plan.FULL
    effort = effort._replace(seconds=seconds or effort.seconds)
    if rounds:
        effort = effort._replace(rounds=rounds, longer=0)
    cases = _cases(quick, size, pattern, transport, peer, peers, object_, file)
    if plot_to and (codecs or not any(map(is_drawn, cases))):
        raise typer.BadParameter("there is no array one way and no round trip to draw", param_hint="--plot")
    half = free_memory() // 2
    allowed = min(half, _parsed(memory, "--memory")) if memory else half
    console = Console(stderr="-" in (json_to, markdown_to))
    described = machine()
    console.print(Text("\n".join(described.values()), "dim"))
    written: dict[str, Any] = {"command": command(), "machine": described}
    heading = report.heading(described, command())
    if codecs:
        comparisons = compare_codecs(console, effort)
        _do_all(
            (json_to, lambda: _write(json_to, written | {"codecs": [asdict(one) for one in comparisons]})),
            (markdown_to, lambda: _write(markdown_to, heading + comparison.markdown(comparisons))),
        )
        return
    console.print(Text(f"\n{report.LEGEND}\n", "dim"))
    results = _run(
        console,
        measure(cases, effort.rounds, effort.seconds, allowed, effort.within, effort.longer, effort.renew),
    )

    def draw() -> None:
        if plot_to:
            plot(results, plot_to, f"{described['processor']}; {described['versions']}\n{command()}")
            console.print(f"drawn: {plot_to}")

    _do_all(
        (json_to, lambda: _write(json_to, written | {"cases": list(map(report.as_data, results))})),
        (markdown_to, lambda: _write(markdown_to, heading + report.markdown(results))),
        (plot_to, draw),
    )
    if any(figures.failed for figures in results):
        raise typer.Exit(1)


def _cases(
    quick: bool,
    sizes: list[str] | None,
    patterns: list[str] | None,
    transports: list[str] | None,
    chosen: list[str] | None,
    optional: bool,
    objects: list[str] | None,
    files: list[str] | None,
) -> list[Case]:
    """The cases that the arguments ask for. Raises BadParameter."""
    if (objects or chosen) and os.getcwd() not in sys.path:  # a console script does not have it there, unlike python -m
        sys.path.insert(0, os.getcwd())
    peers = chosen or [*plan.ours(), *plan.others(optional=optional)]
    for name in peers:
        try:
            peer_named(name)
        except KeyError as error:
            raise typer.BadParameter(f"there is no peer {name!r}; see --list", param_hint="--peer") from error
        except Exception as error:  # whatever the module raises
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise typer.BadParameter(f"there is no peer {name!r}: {reason}", param_hint="--peer") from error
    for given, known, hint in ((patterns, plan.PATTERNS, "--pattern"), (transports, plan.TRANSPORTS, "--transport")):
        for one in given or ():
            if one not in known:
                raise typer.BadParameter(f"{one!r} is none of {', '.join(known)}", param_hint=hint)
    if sizes and (objects or files):
        raise typer.BadParameter("sizes are of our own arrays, not of an --object or a --file", param_hint="--size")
    own = _things(objects, files)
    if own:
        return plan.cases(
            own, patterns or plan.PATTERNS[:1], transports or plan.TRANSPORTS[:2], peers, chosen=bool(chosen)
        )
    if quick and not (sizes or patterns or transports):
        return plan.quick(peers)
    return plan.full(
        peers,
        [_parsed(size, "--size", least=8) for size in sizes or ()],
        patterns or (plan.PATTERNS[:1] if sizes else plan.PATTERNS),
        transports or plan.TRANSPORTS,
        chosen=bool(chosen),
    )


def _things(objects: list[str] | None, files: list[str] | None) -> list[Thing]:
    things = []
    for source in objects or ():
        try:
            things.append(of_object(source))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--object") from error
    for path in files or ():
        try:
            things.append(of_file(path))
        except (OSError, ValueError, EOFError) as error:
            raise typer.BadParameter(str(error), param_hint="--file") from error
    return things


def _parsed(text: str, hint: str, least: int = 1) -> int:
    try:
        nbytes = size_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from error
    if nbytes < least:
        raise typer.BadParameter(f"{text!r}: the least is {least} bytes, one float64", param_hint=hint)
    return nbytes


def _run(console: Console, measuring: Generator[Step]) -> list[Figures]:
    """Measure, and show each case as it comes."""
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(30),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    task = bar.add_task("starting", total=None)
    results: list[Figures] = []
    with Live(bar, console=console, transient=True, refresh_per_second=4) as live, closing(measuring):
        for step in measuring:
            bar.update(task, description=step.figures.case.name, completed=step.turn, total=step.turns)
            if step.finished:
                results.append(step.figures)
                live.update(bar)
                console.print(_shown(step.figures, console.width))
            else:
                live.update(Group(_shown(step.figures, console.width), bar))
    return results


def _shown(figures: Figures, width: int) -> Group:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    columns = list(zip(report.headings(figures), *report.rows(figures), strict=True))
    kept = _fitting(columns, width)
    for column in kept:
        table.add_column(_headed(column[0]), justify="left" if column is columns[0] else "right", no_wrap=True)
    for cells in list(zip(*kept, strict=True))[1:]:
        table.add_row(*map(Text, cells), style="bold" if cells[0].startswith("oobpickle") else "")
    notes = [Text(line, "bold red" if line.startswith("FAILED") else "dim") for line in report.missing(figures)]
    return Group(Text(figures.case.name, "bold"), table, *notes, Text())


def _headed(heading: str) -> str:
    """A heading in the fewest columns: one word a line."""
    return heading.replace(" ", "\n")


def _fitting(columns: Sequence[tuple[str, ...]], width: int) -> list[tuple[str, ...]]:
    """The columns that fit into so many, the less important ones left out."""
    kept = [column for column in columns if any(column[1:]) or len(column) == 1]

    def taken(column: tuple[str, ...]) -> int:
        return max(len(cell) for cell in (*_headed(column[0]).split("\n"), *column[1:])) + _GAP

    for heading in _DROPPED:
        if sum(map(taken, kept)) - _GAP <= width:
            break
        kept = [column for column in kept if column[0] != heading]
    return kept


def _list() -> None:
    found = [own_peers()[name] for name in (*plan.ours(), *plan.others(optional=True))]
    for module, peers in groupby(found, lambda peer: peer.module):
        typer.echo((sys.modules[module].__doc__ or "").partition("\n")[0])
        for peer in peers:
            needs = f"; needs {peer.optional}" if peer.optional else ""
            typer.echo(f"    {peer.name}: {', '.join(peer.patterns)}; {', '.join(peer.transports)}{needs}")


def _check_writable(path: str, hint: str) -> None:
    """Raises BadParameter if a file cannot be written: better now than after minutes of measuring."""
    if path in ("", "-"):
        return
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        reason = "is a directory"
    elif not os.path.isdir(folder):
        reason = "there is no such folder"
    elif os.access(path if os.path.exists(path) else folder, os.W_OK):
        return
    else:
        reason = "may not be written"
    raise typer.BadParameter(f"{path}: {reason}", param_hint=hint)


def _do_all(*writes: tuple[str, Callable[[], None]]) -> None:
    """Write each file, whatever becomes of the others. Raises the first OSError, at the end, with the file's name."""
    errors = []
    for path, write in writes:
        try:
            write()
        except OSError as error:
            error.filename = path
            errors.append(error)
    if errors:
        raise errors[0]


def _write(path: str, content: str | dict[str, Any]) -> None:
    """Text as it is, all else as JSON."""
    text = content if isinstance(content, str) else json.dumps(content, indent=1) + "\n"
    if path == "-":
        typer.echo(text, nl=False)
    elif path:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

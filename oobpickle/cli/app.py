"""The commands, put together. A command is a plain function in a module of its own, and is registered at the end of this one."""

from typing import Annotated

import typer

import oobpickle
from oobpickle.cli.bench import bench
from oobpickle.cli.demo import demo
from oobpickle.cli.inspect import inspect
from oobpickle.cli.keygen import keygen
from oobpickle.cli.proxy import proxy
from oobpickle.cli.pub import pub
from oobpickle.cli.tail import tail

app = typer.Typer(
    name="oobpickle",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"oobpickle {oobpickle.__version__}")
        raise typer.Exit


@app.callback()
def _oobpickle(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version, and exit.")
    ] = False,
) -> None:
    """Any Python object from one process to another without copying its arrays.

    For example:

    - `oobpickle demo`

    - `oobpickle demo scan.npy table.csv`

    - `oobpickle bench --quick`

    - `oobpickle inspect scan.oob`

    - `oobpickle tail tcp://127.0.0.1:5555`

    Exit status: 0 all is well, 1 something was wrong, 2 wrong arguments, 130 interrupted.
    """


app.command()(demo)
app.command()(bench)
app.command()(inspect)
app.command()(tail)
app.command()(pub)
app.command()(proxy)
app.command()(keygen)

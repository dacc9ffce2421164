"""``oobpickle keygen``: what it asks. What it does is in `oobpickle.endpoints.security`."""

from typing import Annotated

import typer

from oobpickle.endpoints.security import create_keys


def keygen(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the one whose keys they are.")],
    folder: Annotated[str, typer.Option(metavar="FOLDER", help="Where the files go; made if need be.")] = ".",
) -> None:
    """Make a pair of CURVE keys: NAME.key, for everyone, and NAME.key_secret, for its owner alone.

    A server is given its own secret key and a folder with the public keys of its clients; a client its own secret key
    and the server's public one. Keys are never overwritten.

    For example:

    - `oobpickle keygen server --folder server`

    - `oobpickle keygen laptop --folder clients`

    and then, in Python, `Curve("server/server.key_secret", clients="clients")` at the server and
    `Curve("clients/laptop.key_secret", server="server/server.key")` at the client.

    Exit status: 0 all is well, 1 the files cannot be written, 2 wrong arguments.
    """
    if not name or "/" in name or name.startswith("."):
        raise typer.BadParameter(f"{name!r} cannot be the name of a file", param_hint="NAME")
    try:
        public, secret = create_keys(folder, name)
    except OSError as error:
        typer.echo(f"oobpickle: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"public: {public}")
    typer.echo(f"secret: {secret}")

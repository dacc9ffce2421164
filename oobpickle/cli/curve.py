"""CURVE on the command line: the options that every command has that joins endpoints, and the `Curve` they stand for."""

from typing import Annotated, TypeAlias

import typer

from oobpickle.endpoints.security import Curve

Key: TypeAlias = Annotated[
    str | None, typer.Option("--key", metavar="FILE", help="CURVE: our own secret key, NAME.key_secret.")
]
ServerKey: TypeAlias = Annotated[
    str | None,
    typer.Option("--server-key", metavar="FILE", help="CURVE: the public key, *.key, of the server we join."),
]
Clients: TypeAlias = Annotated[
    str | None,
    typer.Option("--clients", metavar="FOLDER", help="CURVE: the public keys, *.key, of those who may join us."),
]


def curve_of(key: str | None, *, server_key: str | None = None, clients: str | None = None) -> Curve | None:
    """The keys of an endpoint; None when no option was given. Raises BadParameter for files that are not keys."""
    if key is None and server_key is None and clients is None:
        return None
    if key is None or (server_key is None) == (clients is None):
        raise typer.BadParameter("--key goes together with --clients, where others join us, or else with --server-key")
    try:
        return Curve(key, server=server_key, clients=clients)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="CURVE") from error

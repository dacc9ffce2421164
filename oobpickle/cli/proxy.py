"""``oobpickle proxy``: what it asks. What it does is in `oobpickle.endpoints.forwarding`."""

from typing import Annotated, cast

import typer
import zmq

from oobpickle.cli.curve import Clients, Key, curve_of
from oobpickle.endpoints.forwarding import Forwarder, Pattern
from oobpickle.endpoints.options import HIGH_WATER_MARK

_SIDES = {"pubsub": ("publishers", "subscribers"), "pipeline": ("pushers", "pullers")}


def proxy(
    senders: Annotated[str, typer.Argument(metavar="SENDERS", help="Bound for publishers (or pushers).")],
    receivers: Annotated[str, typer.Argument(metavar="RECEIVERS", help="Bound for subscribers (or pullers).")],
    pattern: Annotated[str, typer.Option(metavar="PATTERN", help="pubsub or pipeline.")] = "pubsub",
    key: Key = None,
    clients: Clients = None,
    high_water_mark: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Messages in a queue; 0: no bound.")
    ] = HIGH_WATER_MARK,
) -> None:
    """Forward messages between two addresses, without looking into them.

    Publishers connect to the first and subscribers to the second, so that neither has to know the other. Both addresses
    are printed when they are bound; tcp://...:* takes a free port. Runs until Ctrl-C.

    For example:

    - `oobpickle proxy tcp://*:5555 tcp://*:5556`

    - `oobpickle proxy --pattern pipeline ipc:///run/me/in ipc:///run/me/out`

    - `oobpickle proxy --key proxy.key_secret --clients keys tcp://*:5555 tcp://*:5556`

    Exit status: 0 all is well, 1 an address cannot be bound, 2 wrong arguments, 130 interrupted.
    """
    if pattern not in _SIDES:
        raise typer.BadParameter(f"{pattern!r} is none of {', '.join(_SIDES)}", param_hint="--pattern")
    if (key is None) != (clients is None):
        raise typer.BadParameter("--key and --clients go together")
    curve = curve_of(key, clients=clients)
    try:
        forwarder = Forwarder(
            senders, receivers, pattern=cast("Pattern", pattern), curve=curve, high_water_mark=high_water_mark
        )
    except (zmq.ZMQError, ValueError) as error:
        typer.echo(f"oobpickle: {error}", err=True)
        raise typer.Exit(1) from error
    try:
        for side, address in zip(_SIDES[pattern], (forwarder.senders, forwarder.receivers), strict=True):
            typer.echo(f"{side}: {address}")
        forwarder.run()
    finally:
        forwarder.close()

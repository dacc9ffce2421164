"""What a peer is: two functions that join a near and a far end, and a word on what it can carry."""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from oobpickle.bench import peers
from oobpickle.bench.things import Thing

ONE_WAY, ROUND_TRIP = "one way", "round trip"
TCP, IPC, LOCAL = "tcp", "ipc", "local"


class Route(NamedTuple):
    """How two ends are joined. directory: an empty one of this pair's own, for sockets in the file system."""

    pattern: str
    transport: str
    directory: str


class End(NamedTuple):
    """One end. send may keep the object until it was received, recv waits, close frees everything."""

    send: Callable[[Any], object]
    recv: Callable[[], Any]
    close: Callable[[], object]


class Peer(NamedTuple):
    """One way to move objects. near and far are called each in its own process, which ends when the run does.

    near: gives the near end and an address, anything that pickles to a child process. far: joins it, from that address.
    transports: the ones that it has; a way of its own is "local". alone: it has no far end, near sends to itself.
    """

    name: str
    near: Callable[[Route], tuple[End, Any]]
    far: Callable[[Route, Any], End]
    transports: tuple[str, ...] = (TCP, IPC)
    patterns: tuple[str, ...] = (ONE_WAY, ROUND_TRIP)
    carries: Callable[[Thing], bool] = lambda _: True
    alone: bool = False
    optional: str = ""
    """The module that must be installed for it."""


@cache
def all_peers() -> dict[str, Peer]:
    """Every peer by name. A file of `oobpickle.bench.peers` lists its own in PEERS."""
    found: dict[str, Peer] = {}
    for module in pkgutil.iter_modules(peers.__path__):
        for peer in importlib.import_module(f"{peers.__name__}.{module.name}").PEERS:
            found[peer.name] = peer
    return found

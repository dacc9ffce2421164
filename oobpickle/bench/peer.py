"""What a peer is: two functions that join a near and a far end, and a word on what it can carry."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from typing import Any, NamedTuple

from oobpickle.bench import peers
from oobpickle.bench.things import Thing
from oobpickle.errors import EncodeError

ONE_WAY, ROUND_TRIP, FAN_OUT = "one way", "round trip", "fan-out"
TCP, IPC, INPROC, LOCAL = "tcp", "ipc", "inproc", "local"
"""Transports. inproc: both ends in one process. local: a way of the peer's own, whatever was asked for."""

RECIPE, PYOBJ, STREAM, MEMCPY, BARE = "recipe", "send_pyobj", "stream socket", "memcpy", "bare frames"
REFERENCES = (RECIPE, BARE, MEMCPY, STREAM, PYOBJ)
"""Peers that ours are divided by, where they take part."""


class Route(NamedTuple):
    """How ends are joined. directory: an empty one of this pair's own, for sockets in the file system."""

    pattern: str
    transport: str
    directory: str
    fars: int = 1


class End(NamedTuple):
    """One end. send may keep the object until it was received, recv waits, close frees everything."""

    send: Callable[[Any], object]
    recv: Callable[[], Any]
    close: Callable[[], object]


class Peer(NamedTuple):
    """One way to move objects. near and far are called each in its own process, which ends when the run does.

    near: gives the near end and an address, anything that pickles to a child process. far: joins it, from that address.
    carries: whether it can carry such a thing; an EncodeError says why not. alone: it has no far end, near sends to itself; over inproc none has.
    copies: what it says of itself: the copies of a large array that it makes in user space, at the near and the far end.
    holds: how many messages' worth of memory it takes besides the object that is sent, while two are in flight.
    optional: the module that must be installed for it; such a peer is measured only when it is asked for.
    prepare: makes of each object what is sent, before the clock runs.
    start: starts a far process by this command line, where multiprocessing is not to; the future fails if that does.
    module: where it is listed in PEERS; filled in when it is looked up.
    """

    name: str
    near: Callable[[Route], tuple[End, Any]]
    far: Callable[[Route, Any], End]
    transports: tuple[str, ...] = (LOCAL,)
    patterns: tuple[str, ...] = (ONE_WAY, ROUND_TRIP)
    carries: Callable[[Thing], bool] = lambda _: True
    alone: bool = False
    copies: tuple[float, float] | None = None
    holds: int = 6
    optional: str = ""
    prepare: Callable[[Any], Any] = lambda obj: obj
    start: Callable[[list[str]], Future[Any]] | None = None
    module: str = ""

    @property
    def address(self) -> str:
        """The name by which another process finds it without looking at all the others."""
        return f"{self.module}:{self.name.rpartition(':')[2]}"

    def transport(self, wanted: str) -> str | None:
        """The transport that it uses where this one is wanted; None if it has none."""
        return wanted if wanted in self.transports else LOCAL if LOCAL in self.transports else None

    def obstacle(self, thing: Thing, pattern: str, transport: str) -> str | None:
        """Why it cannot do this; None if it can."""
        if self.optional and importlib.util.find_spec(self.optional) is None:
            return f"{self.optional} is not installed"
        if pattern not in self.patterns:
            return f"has no {pattern}"
        if self.transport(transport) is None:
            return f"not over {transport}"
        try:
            return None if self.carries(thing) else f"does not carry {thing.name}"
        except EncodeError as error:
            return str(error)


def peer_named(name: str) -> Peer:
    """The peer of that name, or, of ``module:name``, the one in that module's PEERS. Raises KeyError."""
    module, colon, own = name.rpartition(":")
    if not colon:
        return own_peers()[name]
    for peer in importlib.import_module(module).PEERS:
        if peer.name == own:
            return peer._replace(name=name, module=module)  # type: ignore[no-any-return]
    raise KeyError(name)


@cache
def own_peers() -> dict[str, Peer]:
    """Every peer of this package by name. A file of `oobpickle.bench.peers` lists its own in PEERS."""
    return {
        peer.name: peer._replace(module=module)
        for module in (f"{peers.__name__}.{found.name}" for found in pkgutil.iter_modules(peers.__path__))
        for peer in importlib.import_module(module).PEERS
    }

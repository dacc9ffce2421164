"""oobpickle's inline lane: `oobpickle.send` and `recv` on the user's own socket, with either codec, and after `reuse_memory`."""

from functools import partial
from typing import TYPE_CHECKING, Any

import oobpickle
from oobpickle.bench.over_zmq import zmq_peer
from oobpickle.bench.peer import IPC, ONE_WAY, TCP
from oobpickle.bench.things import OBJECT, Thing, from_callable

if TYPE_CHECKING:
    import zmq


def send(socket: "zmq.Socket[Any]", obj: Any) -> None:
    oobpickle.send(socket, obj, codec="pickle")


def recv(socket: "zmq.Socket[Any]") -> Any:
    return oobpickle.recv(socket, codec="pickle")


def is_plain(thing: Thing) -> bool:
    """Whether the data codec carries it: of a user's own object it is tried. Raises EncodeError, which says why not."""
    if thing.kind == OBJECT:
        oobpickle.dumps(from_callable(thing.source))
    return True


_lane = partial(zmq_peer, copies=(0, 0), holds=3)
PEERS = [
    _lane("oobpickle", oobpickle.send, oobpickle.recv, carries=is_plain),
    _lane("oobpickle, pickle codec", send, recv),
    _lane(
        "oobpickle, memory reuse",
        oobpickle.send,
        oobpickle.recv,
        before_far=oobpickle.reuse_memory,
        carries=is_plain,
        holds=4,
        transports=(TCP, IPC),
        patterns=(ONE_WAY,),
    ),
]

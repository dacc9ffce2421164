"""oobpickle's inline lane: `oobpickle.send` and `recv` on the user's own socket."""

from typing import TYPE_CHECKING, Any

import oobpickle
from oobpickle.bench.over_zmq import zmq_peer
from oobpickle.bench.peer import IPC, ONE_WAY, TCP

if TYPE_CHECKING:
    import zmq


def send(socket: "zmq.Socket[Any]", obj: Any) -> None:
    oobpickle.send(socket, obj, codec="pickle")


def recv(socket: "zmq.Socket[Any]") -> Any:
    return oobpickle.recv(socket, codec="pickle")


PEERS = [
    zmq_peer("oobpickle", send, recv, copies=(0, 0), holds=3),
    zmq_peer(
        "oobpickle, memory reuse",
        send,
        recv,
        before_far=oobpickle.reuse_memory,
        copies=(0, 0),
        holds=4,
        transports=(TCP, IPC),
        patterns=(ONE_WAY,),
    ),
]

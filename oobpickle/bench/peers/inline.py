"""oobpickle's inline lane: `oobpickle.send` and `recv` on the user's own socket."""

from typing import Any

import zmq

import oobpickle
from oobpickle.bench.over_zmq import zmq_peer


def send(socket: "zmq.Socket[Any]", obj: Any) -> None:
    oobpickle.send(socket, obj, codec="pickle")


def recv(socket: "zmq.Socket[Any]") -> Any:
    return oobpickle.recv(socket, codec="pickle")


PEERS = [
    zmq_peer("oobpickle", send, recv),
    zmq_peer("oobpickle, memory reuse", send, recv, before_far=oobpickle.reuse_memory),
]

"""Bytes in one ZeroMQ frame, without any encoding: the least that a message can cost on this socket."""

from typing import TYPE_CHECKING, Any

from oobpickle.bench.over_zmq import zmq_peer
from oobpickle.bench.things import BYTES

if TYPE_CHECKING:
    import zmq


def send(socket: "zmq.Socket[Any]", obj: bytes) -> None:
    socket.send(obj)


def recv(socket: "zmq.Socket[Any]") -> bytes:
    return socket.recv()


PEERS = [zmq_peer("bare frames", send, recv, carries=lambda thing: thing.kind == BYTES)]

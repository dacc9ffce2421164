"""Bytes in one ZeroMQ frame, without any encoding: the least that a message can cost on this socket."""

from typing import Any

import zmq

from oobpickle.bench.over_zmq import zmq_peer


def send(socket: "zmq.Socket[Any]", obj: bytes) -> None:
    socket.send(obj)


def recv(socket: "zmq.Socket[Any]") -> bytes:
    return socket.recv()


PEERS = [zmq_peer("bare frames", send, recv, carries=lambda thing: thing.kind == "bytes")]

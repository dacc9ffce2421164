"""A bare stream socket, sendall and recv_into a buffer that is kept warm: what the kernel gives without any library.

It carries the bytes of one array, the receiver knowing beforehand what comes; no other peer has it that easy.
"""

import socket
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from oobpickle.bench.peer import IPC, TCP, End, Peer, Route
from oobpickle.bench.things import ARRAY, in_dict

_LENGTH = struct.Struct("<Q")
_FAMILY = {IPC: socket.AF_UNIX, TCP: socket.AF_INET}


def near(route: Route) -> tuple[End, Any]:
    listener = socket.socket(_FAMILY[route.transport], socket.SOCK_STREAM)
    listener.bind(f"{route.directory}/stream" if route.transport == IPC else ("127.0.0.1", 0))
    listener.listen(1)
    joined: list[socket.socket] = []

    def stream() -> socket.socket:
        if not joined:
            joined.append(_prompt(listener.accept()[0]))
        return joined[0]

    def close() -> None:
        for one in (listener, *joined):
            one.close()

    return _end(stream, close), listener.getsockname()


def far(route: Route, address: Any) -> End:
    stream = socket.socket(_FAMILY[route.transport], socket.SOCK_STREAM)
    stream.connect(address)
    _prompt(stream)
    return _end(lambda: stream, stream.close)


def _prompt(stream: socket.socket) -> socket.socket:
    if stream.family == socket.AF_INET:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def _end(stream: Callable[[], socket.socket], close: Callable[[], object]) -> End:
    kept = {"memory": bytearray()}

    def send(obj: Any) -> None:
        view = memoryview(obj["frame"]).cast("B")
        stream().sendall(_LENGTH.pack(view.nbytes))
        stream().sendall(view)

    def recv() -> Any:
        length = _LENGTH.unpack(stream().recv(8, socket.MSG_WAITALL))[0]
        if len(kept["memory"]) != length:
            kept["memory"] = bytearray(length)
        view = memoryview(kept["memory"])
        while view.nbytes:
            view = view[stream().recv_into(view) :]
        return in_dict(np.frombuffer(kept["memory"], np.float64))

    return End(send, recv, close)


PEERS = [
    Peer(
        "stream socket",
        near,
        far,
        transports=(TCP, IPC),
        carries=lambda thing: thing.kind == ARRAY,
        copies=(0, 0),
        holds=2,
    )
]

"""The plain pickle-5 recipe: what a pyzmq user writes by hand to send arrays without copying them."""

import pickle
from typing import TYPE_CHECKING, Any

from oobpickle.bench.over_zmq import zmq_peer

if TYPE_CHECKING:
    import zmq


def send(socket: "zmq.Socket[Any]", obj: Any) -> None:
    buffers: list[pickle.PickleBuffer] = []
    stream = pickle.dumps(obj, 5, buffer_callback=buffers.append)
    socket.send_multipart([stream, *buffers], copy=False)


def recv(socket: "zmq.Socket[Any]") -> Any:
    stream, *buffers = socket.recv_multipart(copy=False)
    return pickle.loads(stream, buffers=buffers)  # type: ignore[arg-type]


PEERS = [zmq_peer("recipe", send, recv, copies=(0, 0), holds=3)]

"""pyzmq's own `Socket.send_pyobj` and `recv_pyobj`, as they are called: pickle of its default protocol, in-band, one frame."""

from typing import TYPE_CHECKING, Any

from oobpickle.bench.over_zmq import zmq_peer

if TYPE_CHECKING:
    import zmq


def send(socket: "zmq.Socket[Any]", obj: Any) -> None:
    socket.send_pyobj(obj)


def recv(socket: "zmq.Socket[Any]") -> Any:
    return socket.recv_pyobj()


PEERS = [zmq_peer("send_pyobj", send, recv, copies=(2, 2))]

"""A peer on a ZeroMQ socket: the sockets are the same for all, so that a peer is only how it sends and receives."""

from collections.abc import Callable
from functools import partial
from typing import Any

import zmq

from oobpickle.bench.peer import ONE_WAY, ROUND_TRIP, TCP, End, Peer, Route

_NEAR = {ONE_WAY: zmq.PUSH, ROUND_TRIP: zmq.PAIR}
_FAR = {ONE_WAY: zmq.PULL, ROUND_TRIP: zmq.PAIR}

Send = Callable[["zmq.Socket[Any]", Any], object]
Recv = Callable[["zmq.Socket[Any]"], Any]


def zmq_peer(name: str, send: Send, recv: Recv, before_far: Callable[[], object] = lambda: None, **more: Any) -> Peer:
    """A peer that sends and receives with these two functions. before_far: called first in the far process."""

    def near(route: Route) -> tuple[End, Any]:
        socket = zmq.Context().socket(_NEAR[route.pattern])
        socket.bind("tcp://127.0.0.1:*" if route.transport == TCP else f"ipc://{route.directory}/socket")
        return _end(socket, send, recv), socket.last_endpoint

    def far(route: Route, address: Any) -> End:
        before_far()
        socket = zmq.Context().socket(_FAR[route.pattern])
        socket.connect(address)
        return _end(socket, send, recv)

    return Peer(name, near, far, **more)


def _end(socket: "zmq.Socket[Any]", send: Send, recv: Recv) -> End:
    def close() -> None:
        socket.close(linger=0)
        socket.context.term()

    return End(partial(send, socket), partial(recv, socket), close)

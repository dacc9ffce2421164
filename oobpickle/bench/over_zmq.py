"""A peer on a ZeroMQ socket: the sockets are the same for all, so that a peer is only how it sends and receives."""

from collections.abc import Callable
from functools import partial
from typing import Any

import zmq

from oobpickle.bench.peer import FAN_OUT, INPROC, IPC, ONE_WAY, ROUND_TRIP, TCP, End, Peer, Route

_NEAR = {ONE_WAY: zmq.PUSH, ROUND_TRIP: zmq.PAIR, FAN_OUT: zmq.XPUB}
_FAR = {ONE_WAY: zmq.PULL, ROUND_TRIP: zmq.PAIR, FAN_OUT: zmq.SUB}
_WHERE = {TCP: "tcp://127.0.0.1:*", IPC: "ipc://{}/socket", INPROC: "inproc://bench"}

Send = Callable[["zmq.Socket[Any]", Any], object]
Recv = Callable[["zmq.Socket[Any]"], Any]


def zmq_peer(name: str, send: Send, recv: Recv, before_far: Callable[[], object] = lambda: None, **more: Any) -> Peer:
    """A peer that sends and receives with these two functions. before_far: called first in the far process."""

    def near(route: Route) -> tuple[End, Any]:
        socket = zmq.Context().socket(_NEAR[route.pattern])
        if route.pattern == FAN_OUT:
            socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # or it tells of the first subscriber only
            # It looks once a millisecond what was taken, and would drop a thousand sent meanwhile; the window is the bound.
            socket.setsockopt(zmq.SNDHWM, 0)
        socket.bind(_WHERE[route.transport].format(route.directory))
        end = _end(socket, send, recv)
        if route.transport == INPROC:
            other = _end(_joined(socket.context.socket(_FAR[route.pattern]), socket.last_endpoint), send, recv)
            return End(end.send, other.recv, lambda: (other.close(), end.close())), None
        if route.pattern == FAN_OUT:
            end = end._replace(send=_after_subscribers(socket, route.fars, end.send))
        return end, socket.last_endpoint

    def far(route: Route, address: Any) -> End:
        before_far()
        return _end(_joined(zmq.Context().socket(_FAR[route.pattern]), address), send, recv)

    more = {"transports": (TCP, IPC, INPROC), "patterns": (ONE_WAY, ROUND_TRIP, FAN_OUT)} | more
    return Peer(name, near, far, **more)


def _joined(socket: "zmq.Socket[Any]", address: Any) -> "zmq.Socket[Any]":
    socket.connect(address)
    if socket.socket_type == zmq.SUB:
        socket.setsockopt(zmq.SUBSCRIBE, b"")
    return socket


def _end(socket: "zmq.Socket[Any]", send: Send, recv: Recv) -> End:
    return End(partial(send, socket), partial(recv, socket), partial(socket.close, linger=0))


def _after_subscribers(socket: "zmq.Socket[Any]", count: int, send: Callable[[Any], object]) -> Callable[[Any], object]:
    """send, once that many have subscribed: what is published before is lost to them."""
    missing = count

    def sending(obj: Any) -> None:
        nonlocal missing
        while missing:
            socket.recv()
            missing -= 1
        send(obj)

    return sending

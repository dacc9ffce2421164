"""oobpickle's endpoints: each buffer a frame, or copied into shared memory ("shared"), or made there beforehand ("loaned").

Pusher and Puller, Client and Server, Publisher and Subscriber, with their numbering and counting. On ipc they share memory, unless
they are told not to, as those of "oobpickle endpoints" are.
"""

from functools import partial
from typing import Any

import oobpickle
from oobpickle import shared
from oobpickle.bench.peer import FAN_OUT, IPC, ONE_WAY, ROUND_TRIP, TCP, End, Peer, Route
from oobpickle.bench.peers.inline import is_plain


def near(lane: Any, route: Route) -> tuple[End, Any]:
    bind = f"ipc://{route.directory}/socket" if route.transport == IPC else "tcp://127.0.0.1:*"
    endpoint: Any
    if route.pattern == ONE_WAY:
        endpoint = oobpickle.Pusher(bind=bind, lane=lane)
        end = End(endpoint.send, _nothing, endpoint.close)
    elif route.pattern == FAN_OUT:
        endpoint = oobpickle.Publisher(bind=bind, lane=lane)
        end = End(_to_all(endpoint, route.fars), _nothing, endpoint.close)
    else:
        endpoint = oobpickle.Client(bind=bind, lane=lane)
        reply: list[Any] = []
        end = End(lambda obj: reply.append(endpoint.request(obj)), reply.pop, endpoint.close)
    return end, endpoint.socket.last_endpoint.decode()


def far(lane: Any, route: Route, address: Any) -> End:
    endpoint: Any
    if route.pattern == ONE_WAY:
        endpoint = oobpickle.Puller(connect=address, lane=lane)
        return End(_nothing, endpoint.recv, endpoint.close)
    if route.pattern == FAN_OUT:
        endpoint = oobpickle.Subscriber(connect=address, lane=lane)
        return End(_nothing, lambda: endpoint.recv()[1], endpoint.close)
    endpoint = oobpickle.Server(connect=address, lane=lane)
    asked: list[Any] = []

    def recv() -> Any:
        asked.append(endpoint.recv())
        return asked[0].obj

    return End(lambda obj: asked.pop().reply(obj), recv, endpoint.close)


def _to_all(publisher: "oobpickle.Publisher", count: int) -> Any:
    waited: list[int] = []

    def send(obj: Any) -> None:
        if not waited:
            waited.append(publisher.wait_for_subscribers(count))
        publisher.send("camera", obj)

    return send


def _nothing(*_: Any) -> None:
    raise NotImplementedError("this end does not")


_peer = partial(Peer, patterns=(ONE_WAY, ROUND_TRIP, FAN_OUT), carries=is_plain, holds=6)
_shared = partial(_peer, near=partial(near, "shared"), far=partial(far, "shared"), transports=(IPC,))
PEERS = [
    _peer("oobpickle endpoints", partial(near, "inline"), partial(far, "inline"), (TCP, IPC), copies=(0, 0)),
    _shared("oobpickle, shared", copies=(1, 0)),
    _shared("oobpickle, loaned", copies=(0, 0), prepare=shared.copy),
]

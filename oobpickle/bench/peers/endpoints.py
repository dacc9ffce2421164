"""oobpickle's endpoints: Pusher and Puller, Client and Server, Publisher and Subscriber, with their numbering and counting."""

from typing import Any

import oobpickle
from oobpickle.bench.peer import FAN_OUT, IPC, ONE_WAY, ROUND_TRIP, TCP, End, Peer, Route
from oobpickle.bench.peers.inline import is_plain


def near(route: Route) -> tuple[End, Any]:
    bind = f"ipc://{route.directory}/socket" if route.transport == IPC else "tcp://127.0.0.1:*"
    endpoint: Any
    if route.pattern == ONE_WAY:
        endpoint = oobpickle.Pusher(bind=bind)
        end = End(endpoint.send, _nothing, endpoint.close)
    elif route.pattern == FAN_OUT:
        endpoint = oobpickle.Publisher(bind=bind)
        end = End(_to_all(endpoint, route.fars), _nothing, endpoint.close)
    else:
        endpoint = oobpickle.Client(bind=bind)
        reply: list[Any] = []
        end = End(lambda obj: reply.append(endpoint.request(obj)), reply.pop, endpoint.close)
    return end, endpoint.socket.last_endpoint.decode()


def far(route: Route, address: Any) -> End:
    endpoint: Any
    if route.pattern == ONE_WAY:
        endpoint = oobpickle.Puller(connect=address)
        return End(_nothing, endpoint.recv, endpoint.close)
    if route.pattern == FAN_OUT:
        endpoint = oobpickle.Subscriber(connect=address)
        return End(_nothing, lambda: endpoint.recv()[1], endpoint.close)
    endpoint = oobpickle.Server(connect=address)
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


PEERS = [
    Peer(
        "oobpickle endpoints",
        near,
        far,
        transports=(TCP, IPC),
        patterns=(ONE_WAY, ROUND_TRIP, FAN_OUT),
        carries=is_plain,
        copies=(0, 0),
        holds=3,
    )
]

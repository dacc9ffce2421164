"""Ray's object store: put by one driver, its reference sent through a pipe, and got by another driver on the same node.

Two drivers are not how Ray is used, but they are what it does between two processes without a task in between.
"""

import multiprocessing
from collections import deque
from typing import Any

from oobpickle.bench.flow import MOST
from oobpickle.bench.peer import ONE_WAY, End, Peer, Route

_STORE = 2 << 30  # bytes of its object store; it asks for a third of all memory otherwise


def near(route: Route) -> tuple[End, Any]:
    import ray

    context = ray.init(
        num_cpus=1,
        include_dashboard=False,
        object_store_memory=_STORE,
        log_to_driver=False,
        configure_logging=False,
        _temp_dir=route.directory,
    )
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    owned: deque[Any] = deque(maxlen=MOST)  # an object lives as long as the reference of the driver that put it

    def send(obj: Any) -> None:
        while ours.poll():
            ours.recv_bytes()
            owned.popleft()
        owned.append(ray.put(obj))
        ours.send_bytes(ray.cloudpickle.dumps(owned[-1]))

    return End(send, lambda: None, ray.shutdown), (context.address_info["address"], theirs)


def far(_route: Route, address: Any) -> End:
    import ray

    node, ours = address
    ray.init(address=node, log_to_driver=False, configure_logging=False)
    taken: list[None] = []

    def recv() -> Any:
        for _ in taken:
            ours.send_bytes(b"")
        taken[:] = [None]
        return ray.get(ray.cloudpickle.loads(ours.recv_bytes()))

    return End(lambda _: None, recv, ray.shutdown)


PEERS = [Peer("ray", near, far, patterns=(ONE_WAY,), copies=(1, 0), holds=6, optional="ray")]

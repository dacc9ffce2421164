"""The standard library's multiprocessing.Queue."""

import multiprocessing
from typing import Any

from oobpickle.bench.peer import ONE_WAY, End, Peer, Route


def near(_route: Route) -> tuple[End, Any]:
    queue = multiprocessing.get_context("spawn").Queue()
    return End(queue.put, queue.get, queue.cancel_join_thread), queue


def far(_route: Route, queue: Any) -> End:
    return End(queue.put, queue.get, queue.cancel_join_thread)


PEERS = [Peer("multiprocessing.Queue", near, far, patterns=(ONE_WAY,), copies=(2, 2))]

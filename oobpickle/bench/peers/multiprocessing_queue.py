"""The standard library's multiprocessing.Queue."""

import multiprocessing
import pickle
from typing import Any

from oobpickle.bench.peer import ONE_WAY, End, Peer, Route
from oobpickle.bench.things import OBJECT, Thing, from_callable


def near(_route: Route) -> tuple[End, Any]:
    queue = multiprocessing.get_context("spawn").Queue()
    return End(queue.put, queue.get, queue.cancel_join_thread), queue


def far(_route: Route, queue: Any) -> End:
    return End(queue.put, queue.get, queue.cancel_join_thread)


def can_be_pickled(thing: Thing) -> bool:
    """Else a thread of the queue's prints so, and nobody who waits is told."""
    if thing.kind == OBJECT:
        try:
            pickle.dumps(from_callable(thing.source))
        except Exception:  # noqa: BLE001 - whatever a user's object raises
            return False
    return True


PEERS = [Peer("multiprocessing.Queue", near, far, patterns=(ONE_WAY,), carries=can_be_pickled, copies=(2, 2))]

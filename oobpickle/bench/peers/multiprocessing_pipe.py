"""The standard library's multiprocessing.Pipe."""

import multiprocessing
from typing import Any

from oobpickle.bench.peer import End, Peer, Route


def near(_route: Route) -> tuple[End, Any]:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    return End(ours.send, ours.recv, ours.close), theirs


def far(_route: Route, ours: Any) -> End:
    return End(ours.send, ours.recv, ours.close)


PEERS = [Peer("multiprocessing.Pipe", near, far, copies=(2, 2))]

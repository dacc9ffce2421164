"""A far process of a pair: joins the near end and does what it orders, until the near end is gone."""

import os
import threading
from multiprocessing import connection, parent_process
from typing import Any

from oobpickle.bench.peer import ROUND_TRIP, Route, peer_named
from oobpickle.bench.runs import far_returns, far_takes


def serve(name: str, route: Route, address: Any, near: "connection.Connection") -> None:
    """Do each order that comes from near; the answer is a report."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    end = peer_named(name).far(route, address)
    run = far_returns if route.pattern == ROUND_TRIP else far_takes
    near.send("joined")
    try:
        while True:
            near.send(run(end, near, near.recv()))
    except EOFError:
        end.close()


def _end_with_parent() -> None:
    # A far end that waits in a receive would outlive a near end that was killed.
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)

"""The far process of a pair: joins the near end and does what it orders, until the near end is gone."""

import os
import threading
from multiprocessing import connection, parent_process
from typing import Any

from oobpickle.bench.peer import ONE_WAY, Route, all_peers
from oobpickle.bench.runs import far_one_way, far_round_trip


def serve(name: str, route: Route, address: Any, near: "connection.Connection") -> None:
    """Run orders that come from near; the answer to each is its report."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    end = all_peers()[name].far(route, address)
    run = far_one_way if route.pattern == ONE_WAY else far_round_trip
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

"""A far process of a pair: joins the near end and does what it orders, until the near end is gone."""

import os
import sys
import threading
from functools import partial
from multiprocessing import connection, parent_process
from typing import Any

from oobpickle.bench.peer import ROUND_TRIP, Route, peer_named
from oobpickle.bench.runs import far_returns, far_takes


def serve(name: str, route: Route, address: Any, near: "connection.Connection") -> None:
    """Do each order that comes from near; the answer is a report."""
    parent = parent_process()
    if parent is not None:
        _end_with(parent.sentinel)
    end = peer_named(name).far(route, address)
    run = far_returns if route.pattern == ROUND_TRIP else partial(far_takes, fars=route.fars)
    near.send("joined")
    try:
        while True:
            near.send(run(end, near, near.recv()))
    except EOFError:
        end.close()


def _end_with(waitable: Any) -> None:
    """End this process when that is readable: a far end that waits in a receive would outlive a near end that was killed."""

    def watch() -> None:
        connection.wait([waitable])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Join the near end that listens at argv[1]: once for orders, once to notice when it is gone."""
    near, life = connection.Client(sys.argv[1], "AF_UNIX"), connection.Client(sys.argv[1], "AF_UNIX")
    _end_with(life)
    name, route, address = near.recv()
    serve(name, route, address, near)


if __name__ == "__main__":
    main()

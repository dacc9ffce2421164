"""A far process of a pair: joins the near end and does what it orders, until the near end is gone."""

import contextlib
import os
import sys
import threading
from functools import partial
from multiprocessing import connection
from typing import Any

from oobpickle.bench.peer import ROUND_TRIP, Route, peer_named
from oobpickle.bench.runs import far_returns, far_takes


def serve(name: str, route: Route, address: Any, near: "connection.Connection", life: "connection.Connection") -> None:
    """Do each order that comes from near; the answer is a report. On life goes the text of what was raised."""
    _end_with(life)
    try:
        end = peer_named(name).far(route, address)
        run = far_returns if route.pattern == ROUND_TRIP else partial(far_takes, fars=route.fars)
        near.send("joined")
        while True:
            try:
                order = near.recv()
            except EOFError:
                break
            order.thing.load()
            near.send(run(end, near, order))
        end.close()
    except Exception as error:  # noqa: BLE001 - all that a peer's own code can raise; it is told, not hidden
        with contextlib.suppress(OSError):  # near is gone
            life.send(f"{type(error).__name__}: {error}")
        threading.Event().wait()  # until near, which ends when it has read that, ends us


def _end_with(waitable: Any) -> None:
    """End this process when that is readable: a far end that waits in a receive would outlive a near end that was killed."""

    def watch() -> None:
        connection.wait([waitable])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Join the near end that listens at argv[1]: once for orders, once to notice when it is gone."""
    near, life = connection.Client(sys.argv[1], "AF_UNIX"), connection.Client(sys.argv[1], "AF_UNIX")
    with contextlib.suppress(EOFError):  # near has given up
        name, route, address = near.recv()
        serve(name, route, address, near, life)


if __name__ == "__main__":
    main()

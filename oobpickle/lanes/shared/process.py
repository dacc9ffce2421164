"""The lane of this process, made on first use."""

import threading

from oobpickle.lanes.shared import fork
from oobpickle.lanes.shared.capacity import default_limit
from oobpickle.lanes.shared.lane import Lane

_making = threading.Lock()
_lanes: list[Lane] = []  # none or one


def current() -> Lane:
    """This process's lane."""
    if not _lanes:
        with _making:
            if not _lanes:
                lane = Lane(default_limit())
                fork.prepare(lane)
                _lanes.append(lane)
    return _lanes[0]

"""Wait for what another process does, when there is nothing to wait on."""

import time


def until(condition, seconds=30):
    """Return when condition() is true; fail if it is not so in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)

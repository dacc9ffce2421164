"""oobpickle.endpoints.sparing."""

import logging

from oobpickle.endpoints import sparing as module
from oobpickle.endpoints.sparing import Sparing


def test_one_a_second_and_the_rest_in_numbers(caplog, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    warn = Sparing(logging.getLogger("test"))
    for n in range(50):
        warn("number %d", n)
    now[0] += 1.5
    warn("number %d", 50)
    now[0] += 1.5
    warn("number %d", 51)
    assert [record.getMessage() for record in caplog.records] == [
        "number 0",
        "number 50 (and 49 more since the last warning)",
        "number 51",
    ]

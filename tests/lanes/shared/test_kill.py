"""A short run of kill_cycles.py; its docstring says what it shows, and how to run it for long."""

import kill_cycles


def test_kill_cycles():
    totals = kill_cycles.run(40, seed=1)
    assert totals["cycles"] == 40
    assert totals["killed"] >= 40
    assert totals["verified"] > 100
    assert totals["point to point"]
    assert totals["publish"]
    assert totals["relay"]

"""A short run of kill_cycles.py; its docstring says what it shows, and how to run it for long."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_kill_cycles():
    command = [sys.executable, "-m", "tests.lanes.shared.kill_cycles", "--cycles", "15"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
    totals = ast.literal_eval(run.stdout.splitlines()[-1].partition("}")[0] + "}")
    assert totals["cycles"] == 15
    assert totals["killed"] >= 15
    assert totals["verified"] > 100
    assert totals["point to point"]
    assert totals["publish"]
    assert totals["relay"]

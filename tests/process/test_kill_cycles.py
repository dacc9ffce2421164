"""A short run of kill_cycles.py; its docstring says what it shows, and how to run it for long."""

import ast
import subprocess
import sys

import pytest

from tests.documents import ROOT


@pytest.mark.skipif(sys.platform != "linux", reason="no shared lane here")
@pytest.mark.parametrize("cycles", [8, pytest.param(2000, marks=pytest.mark.slow)])
def test_kill_cycles(cycles):
    command = [sys.executable, "-m", "tests.process.kill_cycles", "--cycles", str(cycles), "--seed", "1"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60 + 2 * cycles, cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
    totals = ast.literal_eval(run.stdout.splitlines()[-1].partition("}")[0] + "}")
    assert totals["cycles"] == cycles
    assert totals["killed"] >= cycles
    assert totals["verified"] > cycles
    assert totals["shared_mb"] > 0
    assert totals["point to point"]
    assert totals["publish"]

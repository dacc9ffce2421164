"""Lint, format and types are part of the suite."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command):
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert child.returncode == 0, child.stdout + child.stderr


def tool(name):
    """The tool of this environment, else the first on the path."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


@pytest.mark.skipif(tool("ruff") is None, reason="ruff is not installed")
@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff(command):
    run(tool("ruff"), *command)


def test_mypy():
    pytest.importorskip("mypy", reason="mypy is not installed")
    run(sys.executable, "-m", "mypy")

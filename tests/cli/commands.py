"""Run the command line as a user does: a process of its own."""

import contextlib
import io
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.documents import ROOT

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
OOBPICKLE = [sys.executable, "-m", "oobpickle"]


def run(*arguments, **options):
    """Run ``oobpickle ...`` to its end; gives status, output and errors."""
    defaults = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ENVIRONMENT, "timeout": 60, "check": False}
    return subprocess.run([*OOBPICKLE, *map(str, arguments)], text=True, **{**defaults, **options})


def run_here(*arguments):
    """The same in this process, in a tenth of the time: for what ends before anything is begun, as wrong arguments do."""
    from oobpickle.cli.main import run as start

    out, errors = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
    ):
        patch.setattr(sys, "argv", ["oobpickle", *map(str, arguments)])
        patch.setenv("COLUMNS", "80")
        try:
            start()
        except SystemExit as ended:
            status = ended.code or 0
    return SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=errors.getvalue())


def run_code(code, **options):
    """Run Python code, for what has to be set up before."""
    defaults = {"capture_output": True, "env": ENVIRONMENT, "timeout": 60, "check": False}
    return subprocess.run([sys.executable, "-c", code], text=True, **{**defaults, **options})


def words(output):
    """What an output says, wherever its lines are wrapped and boxed."""
    return " ".join(output.replace("│", "").split())

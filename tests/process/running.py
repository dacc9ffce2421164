"""Processes of ends.py, and how a test waits for what they say. None outlives its test."""

import json
import os
import signal
import subprocess
import sys

from tests.documents import ROOT


class End:
    """One process."""

    def __init__(self, name, **arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "tests.process.ends", name, json.dumps(arguments)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            text=True,
        )

    def said(self):
        """What it says next."""
        line = self.process.stdout.readline()
        assert line, f"it ended with {self.process.wait(20)}"
        return json.loads(line)

    def ends_well(self):
        assert self.process.wait(60) == 0

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

"""A pair as the measuring process holds it: the near process, and the turns it takes."""

import os
import subprocess
import sys
import tempfile
from multiprocessing import Pipe
from typing import Any

from oobpickle.bench.near import Turn
from oobpickle.bench.peer import Peer, Route
from oobpickle.bench.runs import Run


class Failed(Exception):  # noqa: N818 - it says what it is
    """A peer could not do its turn; the text says why."""


class Pair:
    """Two processes of one peer on one route. A context manager: they end with it, and with this process."""

    def __init__(self, peer: Peer, pattern: str, transport: str) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="oobpickle-")
        self._control, theirs = Pipe()
        self.peer = peer
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "oobpickle.bench.near", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=os.environ | {"PYTHONPATH": path},
        )
        theirs.close()
        self._control.send((peer.name, Route(pattern, transport, self._directory.name)))
        self._joined = False

    def take(self, turn: Turn) -> Run:
        """One turn. Raises Failed; the pair is of no more use then."""
        try:
            if not self._joined:
                self._answer()
                self._joined = True
            self._control.send(turn)
            run: Run = self._answer()
        except (EOFError, OSError) as error:
            raise Failed(f"{self.peer.name}: its process ended") from error
        return run

    def _answer(self) -> Any:
        answer = self._control.recv()
        if isinstance(answer, str) and answer != "joined":
            raise Failed(f"{self.peer.name}: {answer}")
        return answer

    def close(self) -> None:
        """End both processes."""
        self._control.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._directory.cleanup()

    def __enter__(self) -> "Pair":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

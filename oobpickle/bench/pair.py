"""A pair as the measuring process holds it: the near process, and the turns it takes."""

import contextlib
import os
import subprocess
import sys
import tempfile
from multiprocessing import Pipe
from typing import Any, Self

from oobpickle.bench.near import Turn
from oobpickle.bench.peer import Peer, Route
from oobpickle.bench.runs import Run

_ENDING = 10  # seconds that the processes of a pair are given to end by themselves


class Failed(Exception):  # noqa: N818 - it says what it is
    """A peer could not do its turn; the text says why."""


class Pair:
    """The processes of one peer on one route. A context manager: they end with it, and with this process."""

    def __init__(self, peer: Peer, pattern: str, transport: str, fars: int = 1) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="oobpickle-")
        self._control, theirs = Pipe()
        life, self._life = os.pipe()
        self._busy = False
        self._joined = False
        # One BLAS thread: numpy starts one a core when it is imported, and nothing here multiplies matrices.
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path),
            "OPENBLAS_NUM_THREADS": "1",
        }
        # A session of its own: Ctrl-C in the terminal reaches this process alone, which then ends the pair.
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-m", "oobpickle.bench.near", str(theirs.fileno()), str(life)],
            pass_fds=[theirs.fileno(), life],
            env=environment,
            start_new_session=True,
        )
        theirs.close()
        os.close(life)
        self._control.send((peer.address, Route(pattern, transport, self._directory.name, fars)))

    def settle(self) -> None:
        """Wait until its processes have joined, or failed to: `take` tells which. Starting takes as much of a core as a turn."""
        if not self._joined:
            self._control.poll(None)

    def take(self, turn: Turn) -> Run:
        """One turn. Raises Failed; the pair is of no more use then."""
        self._busy = True
        try:
            if not self._joined:
                self._answer()
                self._joined = True
            self._control.send(turn)
            run: Run = self._answer()
        except (EOFError, OSError) as error:
            raise Failed("its process ended") from error
        self._busy = False
        return run

    def _answer(self) -> Any:
        answer = self._control.recv()
        if isinstance(answer, str) and answer != "joined":
            raise Failed(answer)
        return answer

    def close(self) -> None:
        """End the processes: in peace if they are idle, at once if not."""
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0 if self._busy or not self._joined else _ENDING)
        os.close(self._life)  # ends it now, and far ends with it
        self._process.wait()
        self._directory.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

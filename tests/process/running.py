"""Processes of ends.py, and how a test waits for what they say. None outlives its test."""

import multiprocessing

from tests.process import ends

SECONDS = 120

# Python's fork server: a process that has imported everything and holds no socket, from which each end is forked. An end
# starts in 20 ms that way, and in half a second of computing as a Python of its own.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.process.ends"])


class End:
    """One process."""

    def __init__(self, name, **arguments):
        self._pipe, theirs = _context.Pipe(duplex=False)
        self._process = _context.Process(target=ends.run, args=(name, theirs, arguments))
        self._process.start()
        theirs.close()

    def said(self, seconds=SECONDS):
        """What it says next."""
        assert self._pipe.poll(seconds), f"nothing said within {seconds} s"
        try:
            return self._pipe.recv()
        except EOFError:
            self._process.join(20)
            raise AssertionError(f"it ended with {self._process.exitcode}") from None

    def ends_well(self):
        self._process.join(60)
        assert self._process.exitcode == 0

    def kill(self):
        """kill -9, and the end of it here. Fine if it has ended."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()
        self.kill = lambda: None


def begin():
    """Start the fork server, which stays until the tests are over, and the tracker that it brings along."""
    End("idle").kill()

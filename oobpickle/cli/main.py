"""Where the ``oobpickle`` command starts. Imports nothing that the ``cli`` extra brings before it can say that it is missing."""

import os
import signal
import sys
from typing import NoReturn

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def _leave(number: int, _: object) -> NoReturn:
    """End as after Ctrl-C: with a second for what was sent to be delivered, and no socket's file or folder left."""
    sys.exit(128 + number)


def run() -> NoReturn:
    """Run the command line of this process, and exit with its status."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        try:
            from oobpickle.cli.app import app  # noqa: PLC0415 - needs the extra
        except ModuleNotFoundError as error:
            if not error.name or error.name.partition(".")[0] == "oobpickle":
                raise
            sys.exit(
                f"oobpickle: the command line needs {error.name}, which is not installed; install it with\n"
                "    pip install 'oobpickle[cli]'      (in a clone of the repository: pip install -e '.[cli]')"
            )
        try:
            app()
        finally:
            if sys.stdout is not None:  # it is None if the process was started without
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except OSError as error:  # of what we write to: a full disk, a closed pipe
        # What is still in the buffer cannot be written; Python would try it again at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        where = "" if error.filename is None else f"{error.filename or repr('')}: "
        sys.exit(1 if isinstance(error, BrokenPipeError) else f"oobpickle: {where}{error.strerror or error}")
    raise AssertionError("app() exits by itself")

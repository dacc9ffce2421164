"""How pyzmq lets go of memory that was sent without a copy, made ready by one thread.

pyzmq keeps what it hands to libzmq, and has a thread of its own drop it when libzmq says that it is done, through a socket and
under a mutex. All three it makes at the first such send, and it takes no lock for that: when several threads send for the first
time at the same moment, some use the socket while another still connects it, or under another mutex. Then nothing of theirs
is ever let go, or of anybody's (pyzmq 27.3; `tests/test_releasing.py` fails without what is here). So one thread makes them,
before anyone sends.
"""

import threading
from os import getpid
from typing import Any

import zmq

_locks: dict[int, Any] = {}
_ready_in = 0  # the process


def be_ready() -> None:
    """Return when pyzmq is. To be called before a frame is sent without a copy; costs 0.1 us from the second time on."""
    global _ready_in  # noqa: PLW0603 - a process has one such thread
    pid = getpid()
    if _ready_in == pid:
        return
    # A lock of this process: that of its parent, before a fork, may be held by a thread that is not here. One that a signal
    # handler that sends does not wait for.
    with _locks.setdefault(pid, threading.RLock()):
        if _ready_in != pid:
            zmq.Frame(memoryview(b"\0"), copy=False)
            _ready_in = pid

"""What every test is held to: it leaves no descriptor, thread, mapping, socket or context behind.

And what many of them start from: a pair of connected sockets of each transport and façade, and a Python of its own.
"""

import asyncio
import gc
import os
import signal
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import zmq
import zmq.asyncio
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
SECONDS = 60  # the longest that a child process, or a wait for a message, may take


# Deadlines measure the machine; the leak fixture runs once a test, not once an example, which is what it is for.
settings.register_profile(
    "tests",
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("tests")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run what takes minutes or gigabytes")


def pytest_collection_modifyitems(config, items):
    slow = pytest.mark.timeout(3600) if config.getoption("--slow") else pytest.mark.skip(reason="slow: run with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(slow)


# Leaks


def descriptors():
    """This process's open descriptors, each with what it refers to."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add((int(name), os.readlink(f"/proc/self/fd/{name}")))
        except FileNotFoundError:  # the listing's own
            continue
    return found


# A shell starts what it runs in the background with SIGINT ignored, and children inherit that: what is to be interrupted would not be.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def threads():
    """Python's threads, and those of ZeroMQ's contexts."""
    native = set()
    for task in os.listdir("/proc/self/task"):
        try:
            name = Path(f"/proc/self/task/{task}/comm").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if name.startswith("ZMQ"):
            native.add((int(task), name))
    return {(thread.ident, thread.name) for thread in threading.enumerate()} | native


def mappings():
    """Mapped memfds, deleted files and files of arrays. (Plain memory merges with what the interpreter itself takes.)"""
    found = set()
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, _, _, _, _, *path = line.split(maxsplit=5)
        if path and ("memfd:" in path[0] or "(deleted)" in path[0] or path[0].endswith((".oob", ".npy", ".bin"))):
            found.add((addresses, path[0]))
    return found


def open_sockets():
    context = zmq.Context._instance
    return [] if context is None or context.closed else [s for s in context._sockets if not s.closed]


@pytest.fixture(autouse=True, scope="session")
def pyzmq_collects():
    """Start what pyzmq keeps for the rest of the process from the first frame that it does not copy."""
    zmq.Frame(bytes(1 << 20), copy=False)
    names = {"ZMQbg/IO/0", "ZMQbg/Reaper"}
    until(lambda: names <= {name for _, name in threads()})  # a thread takes its name when it runs


def until(condition, seconds=SECONDS):
    """Wait for a condition that another thread or process makes true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        os.sched_yield()


@pytest.fixture(autouse=sys.platform == "linux")
def no_leaks():
    """Fail a test that leaves something behind. Only what is still there after a garbage collection counts."""
    before = {check: check() for check in (descriptors, threads)}
    yield
    sockets = open_sockets()
    if (context := zmq.Context._instance) is not None and not context.closed:
        context.destroy(linger=0)  # the process's own context is not a leak, its sockets are
    assert not sockets, f"open sockets: {sockets}"
    for check, known in before.items():
        assert not new(check, known), f"{check.__name__} left behind"


@pytest.fixture(autouse=sys.platform == "linux", scope="module")
def no_mappings_left():
    """As `no_leaks`, once a module: to read the mappings takes milliseconds. (Python's own maps hold a descriptor as well.)"""
    before = mappings()
    yield
    assert not new(mappings, before)


def new(check, known):
    """What the check finds and did not know before, if need be after a garbage collection, and a second later at the most. (Once,
    while two suites ran side by side, a descriptor was there a moment longer; whose it was is not known.)
    """
    found = check() - known
    if found:
        gc.collect()
        end = time.monotonic() + 1
        while (found := check() - known) and time.monotonic() < end:
            os.sched_yield()
    return found


# Sockets


class Pair:
    """Two connected sockets, and a way to wait for what they do that is the same for both façades."""

    def __init__(self, facade, transport, directory, context, types):
        self.facade = facade
        self.transport = transport
        self.context = context
        self.runner = asyncio.Runner() if facade == "asyncio" else None
        self.left, self.right = (context.socket(type_) for type_ in types)
        for socket in (self.left, self.right):
            socket.linger = 0
            socket.sndtimeo = socket.rcvtimeo = SECONDS * 1000
        self.left.bind(
            {"tcp": "tcp://127.0.0.1:*", "ipc": f"ipc://{directory}/s", "inproc": "inproc://pair"}[transport]
        )
        self.right.connect(self.left.last_endpoint)

    def call(self, function, *arguments, **keywords):
        """Call a function of the façade; on asyncio, wait for what it gives."""
        if self.runner is None:
            return function(*arguments, **keywords)

        async def called():
            return await function(*arguments, **keywords)

        return self.runner.run(called())

    def close(self):
        self.left.close()
        self.right.close()
        if self.runner is not None:
            self.runner.close()


@pytest.fixture(params=["blocking", "asyncio"])
def facade(request):
    return request.param


@pytest.fixture(params=["tcp", "ipc", "inproc"])
def transport(request):
    return request.param


@pytest.fixture
def make_sockets(tmp_path_factory):
    """Make a `Pair` of (façade, transport, types); PAIR sockets unless told."""
    made = []

    def make(facade="blocking", transport="tcp", types=(zmq.PAIR, zmq.PAIR)):
        context = (zmq.asyncio.Context if facade == "asyncio" else zmq.Context)()
        # A path of pytest's own is too long for a Unix socket on some machines.
        directory = tmp_path_factory.mktemp("s")
        made.append((context, Pair(facade, transport, directory, context, types)))
        return made[-1][1]

    yield make
    for context, pair in made:
        pair.close()
        context.term()


@pytest.fixture
def sockets(make_sockets, facade, transport):
    """A connected pair, for each façade and each transport."""
    return make_sockets(facade, transport)


@pytest.fixture
def inproc(request):
    """An inproc address of the test's own."""
    return f"inproc://{request.node.name}"


@pytest.fixture
def ipc(tmp_path_factory):
    """An ipc address in a directory that only we may enter."""
    return f"ipc://{tmp_path_factory.mktemp('s')}/s"


# Processes


class Failed(AssertionError):
    """A child process ended with an error; its words are the message."""


@pytest.fixture
def python():
    """Run code in a Python of its own, and give what it wrote; a crash or an error there fails the test."""

    def run(code, *arguments, seconds=SECONDS, environment=None, status=0):
        child = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=seconds,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
            check=False,
        )
        if child.returncode != status:
            raise Failed(f"exit status {child.returncode}\n{child.stdout}\n{child.stderr}")
        return child.stdout

    return run


@pytest.fixture
def rng():
    return np.random.default_rng(5)

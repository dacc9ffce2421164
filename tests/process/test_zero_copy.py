"""256 MB over tcp from process to process: no copy in user space on either side.

A copy would show as memory: it needs 256 MB more, of Python's (tracemalloc), or of the system's (page faults of fresh pages,
and the most that was resident). The kernel's own copies into and out of its socket buffers are not ours to save.
"""

import contextlib
import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT, SECONDS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self")

MB = 1 << 20
SIZE = 256 * MB
PAGE = 4096

COMMON = """
import json, resource, sys, tracemalloc
import numpy as np, zmq, oobpickle

KIND, REUSE, SIZE = sys.argv[1], sys.argv[2], int(sys.argv[3])
ORIGINAL = {"array": lambda: np.arange(SIZE // 8, dtype="f8"), "datetime": lambda: np.arange(SIZE // 8).view("M8[s]"),
            "fortran": lambda: np.asfortranarray(np.arange(SIZE // 8).reshape(-1, 4096)),
            "buried": lambda: {"meta": "data", "list": [1, {"image": np.arange(SIZE // 8, dtype="f8").reshape(64, -1)}]},
            "bytearray": lambda: bytearray(SIZE)}[KIND]

def resident(name):
    for line in open("/proc/self/status"):
        if line.startswith(name):
            return int(line.split()[1]) << 10

def measured(work):
    open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew; ru_maxrss would begin with the parent's
    start = resident("VmRSS")
    tracemalloc.start()
    before = resource.getrusage(resource.RUSAGE_SELF)
    result = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, {"faults": after.ru_minflt - before.ru_minflt, "traced": peak, "resident": resident("VmHWM") - start}

context = zmq.Context()
"""

SENDER = (
    COMMON
    + """
socket = context.socket(zmq.PAIR)
socket.connect(sys.argv[5])
oobpickle.send(socket, "warm", codec="pickle")
obj = ORIGINAL()
figures = []
for _ in range(int(sys.argv[4])):
    def work():
        tracker = oobpickle.send(socket, obj, codec="pickle")
        tracker.wait(60)
        return tracker
    tracker, figure = measured(work)
    figures.append(figure)
    assert socket.recv() == b"next"
print(json.dumps(figures))
socket.close()
context.term()
"""
)

RECEIVER = (
    COMMON
    + """
if REUSE == "reuse":
    assert oobpickle.reuse_memory()
socket = context.socket(zmq.PAIR)
socket.bind("tcp://127.0.0.1:*")
print(socket.last_endpoint.decode(), flush=True)
assert oobpickle.recv(socket, codec="pickle") == "warm"
figures = []
for _ in range(int(sys.argv[4])):
    obj, figure = measured(lambda: oobpickle.recv(socket, codec="pickle"))
    figures.append(figure)
    if len(figures) == int(sys.argv[4]):
        got, expected = (o["list"][1]["image"] if KIND == "buried" else o for o in (obj, ORIGINAL()))
        assert got == expected if KIND == "bytearray" else np.array_equal(got, expected) and got.flags.writeable
        del got, expected
    del obj
    socket.send(b"next")
print(json.dumps(figures))
socket.close()
context.term()
"""
)


def transfer(kind, size=SIZE, *, reuse=False, times=1):
    """The figures of sender and receiver, one for each time that the object was sent."""

    def start(code, *arguments):
        command = [
            sys.executable,
            "-c",
            code,
            kind,
            "reuse" if reuse else "plain",
            *map(str, (size, times, *arguments)),
        ]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(start(RECEIVER))
        stack.callback(receiver.kill)
        endpoint = receiver.stdout.readline().strip()
        sender = stack.enter_context(start(SENDER, endpoint))
        stack.callback(sender.kill)
        sent, _ = sender.communicate(timeout=SECONDS)
        assert sender.returncode == 0
        received, _ = receiver.communicate(timeout=SECONDS)
        assert receiver.returncode == 0
    return json.loads(sent), json.loads(received)


@pytest.mark.parametrize(
    ("kind", "size"), [("array", SIZE), ("buried", 64 * MB), ("datetime", 64 * MB), ("fortran", 64 * MB)]
)
def test_no_copy_on_either_side(kind, size):
    [sent], [received] = transfer(kind, size)
    assert sent["traced"] < MB
    assert sent["faults"] < size / PAGE / 50
    assert sent["resident"] < size / 10
    # The frame itself is received into fresh memory: once.
    assert received["traced"] < MB
    assert received["faults"] < 1.1 * size / PAGE
    assert received["resident"] < 1.2 * size


def test_a_copy_would_show():
    """The same figures of what is known to copy once on arrival: a bytearray owns its memory."""
    [sent], [received] = transfer("bytearray", 64 * MB)
    assert sent["traced"] < MB
    assert received["traced"] > 64 * MB
    assert received["resident"] > 1.5 * 64 * MB


def test_with_reuse_memory_not_even_fresh_pages():
    sent, received = transfer("array", reuse=True, times=3)
    for figure in (*sent, *received[1:]):
        assert figure["faults"] < SIZE / PAGE / 50
        assert figure["traced"] < MB

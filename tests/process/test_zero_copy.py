"""256 MB over tcp from process to process: no copy in user space on either side.

A copy would show as memory: it needs 256 MB more, of Python's (tracemalloc), or of the system's (page faults of fresh pages,
and the most that was resident). The kernel's own copies into and out of its socket buffers are not ours to save.
"""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT, SECONDS

MB = 1 << 20
SIZE = 256 * MB
PAGES = SIZE // 4096

COMMON = """
import json, resource, sys, tracemalloc
import numpy as np, zmq, oobpickle

SIZE = 256 << 20
KIND, REUSE = sys.argv[1:3]
ORIGINAL = {"array": lambda: np.arange(SIZE // 8, dtype="f8"), "datetime": lambda: np.arange(SIZE // 8).view("M8[s]"),
            "fortran": lambda: np.asfortranarray(np.arange(SIZE // 8).reshape(8192, 4096)),
            "buried": lambda: {"meta": "data", "list": [1, {"image": np.arange(SIZE // 8, dtype="f8").reshape(64, -1)}]},
            "bytearray": lambda: bytearray(SIZE)}[KIND]

def measured(work):
    tracemalloc.start()
    before = resource.getrusage(resource.RUSAGE_SELF)
    result = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, {"faults": after.ru_minflt - before.ru_minflt, "traced": peak, "resident": (after.ru_maxrss - before.ru_maxrss) << 10}

context = zmq.Context()
"""

SENDER = (
    COMMON
    + """
socket = context.socket(zmq.PAIR)
socket.connect(sys.argv[3])
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
for _ in range(int(sys.argv[3])):
    obj, figure = measured(lambda: oobpickle.recv(socket, codec="pickle"))
    figures.append(figure)
    if len(figures) == int(sys.argv[3]):
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


def transfer(kind, *, reuse=False, times=1):
    def start(code, *arguments):
        return subprocess.Popen(
            [sys.executable, "-c", code, kind, "reuse" if reuse else "plain", *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    receiver = start(RECEIVER, times)
    with receiver:
        endpoint = receiver.stdout.readline().strip()
        with start(SENDER, endpoint, times) as sender:
            sent, _ = sender.communicate(timeout=SECONDS)
        received, _ = receiver.communicate(timeout=SECONDS)
    assert sender.returncode == receiver.returncode == 0
    return json.loads(sent), json.loads(received)


@pytest.mark.parametrize("kind", ["array", "datetime", "fortran", "buried"])
def test_no_copy_on_either_side(kind):
    [sent], [received] = transfer(kind)
    assert sent["traced"] < MB
    assert sent["faults"] < PAGES / 50
    assert sent["resident"] < 16 * MB
    # The frame itself is received into fresh memory: once.
    assert received["traced"] < MB
    assert received["faults"] < 1.1 * PAGES
    assert received["resident"] < 1.1 * SIZE


def test_a_copy_would_show():
    """The same figures of what is known to copy once on arrival: a bytearray owns its memory."""
    [sent], [received] = transfer("bytearray")
    assert sent["traced"] < MB
    assert sent["faults"] < PAGES / 50
    assert received["traced"] > SIZE
    assert received["resident"] > 1.8 * SIZE


def test_with_reuse_memory_not_even_fresh_pages():
    sent, received = transfer("array", reuse=True, times=3)
    for figure in (*sent, *received[1:]):
        assert figure["faults"] < PAGES / 50
        assert figure["traced"] < MB

"""`reuse_memory`: received memory is used again, warm; where there is no glibc nothing happens."""

import ctypes
import json
import sys

import pytest

import oobpickle

MEASURE = """
import json, resource, sys, zmq, oobpickle
SIZE, PAGES = 64 << 20, (64 << 20) // 4096
said = oobpickle.reuse_memory() if sys.argv[1] == "reuse" else None
context = zmq.Context()
left, right = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
left.bind("tcp://127.0.0.1:*")
right.connect(left.last_endpoint)
content = b"x" * SIZE
faults = []
for _ in range(4):
    left.send(content, copy=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    frame = right.recv(copy=False)
    assert len(memoryview(frame)) == SIZE
    faults.append((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / PAGES)
    del frame
print(json.dumps([said, faults]))
left.close(); right.close(); context.term()
"""


def has_glibc():
    return sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


@pytest.mark.skipif(not has_glibc(), reason="no glibc here")
def test_received_memory_is_used_again(python):
    said, faults = json.loads(python(MEASURE, "reuse"))
    assert said is True
    assert max(faults[2:]) < 0.05
    _, without = json.loads(python(MEASURE, "plain"))
    assert min(without[2:]) > 0.5


@pytest.mark.skipif(not has_glibc(), reason="no glibc here")
def test_twice_is_as_once(python):
    assert python("import oobpickle; print(oobpickle.reuse_memory(), oobpickle.reuse_memory())").split() == [
        "True",
        "True",
    ]


@pytest.mark.parametrize("make", ["no library", "no mallopt", "another system"])
def test_elsewhere_it_does_nothing(monkeypatch, make):
    class Musl:
        mallopt = None

        def __getattr__(self, name):
            raise AttributeError(name)

    def cdll(name):
        if make == "no library":
            raise OSError(name)
        return Musl()

    monkeypatch.setattr(ctypes, "CDLL", cdll)
    if make == "another system":
        monkeypatch.setattr(sys, "platform", "darwin")
    assert oobpickle.reuse_memory() is False


def test_nothing_happens_at_import(python):
    """It is the user's to ask for."""
    code = """
import ctypes
def refuse(*_): raise AssertionError("a library was loaded at import")
import zmq, numpy
ctypes.CDLL = refuse
import oobpickle
"""
    python(code)

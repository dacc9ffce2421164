"""`reuse_memory` and `teach`: received memory is used again, warm; where there is no glibc nothing happens."""

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


TAUGHT = """
import asyncio, ctypes, sys, numpy as np, zmq, zmq.asyncio, oobpickle

class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

def is_mapped_alone():
    before = info().hblks
    kept.append(np.empty(20 << 20, "u1"))  # freed it would teach malloc itself
    return info().hblks > before

kept = []
info = ctypes.CDLL(None).mallinfo2
info.restype = Mallinfo
array = np.zeros(int(sys.argv[2]))
one, other = "inproc://a", "inproc://b"
with oobpickle.Pusher(bind=one) as push, oobpickle.Puller(connect=one) as pull:
    left, right = (context.socket(zmq.PAIR) for context in (zmq.Context.instance(), zmq.asyncio.Context(zmq.Context.instance())))
    left.bind(other)
    right.connect(other)
    before = is_mapped_alone()
    if sys.argv[1] == "endpoint":
        push.send(array)
        got = pull.recv(timeout=5)
    elif sys.argv[1] == "socket":
        oobpickle.send(left, array)
        right = zmq.Socket.shadow(right)
        got = oobpickle.recv(right)
    else:
        async def receive():
            return await oobpickle.recv(right)
        oobpickle.send(left, array)
        got = asyncio.run(receive())
    print(before, is_mapped_alone())
    left.close(0), right.close(0)
"""


@pytest.mark.skipif(not has_glibc(), reason="no glibc here")
@pytest.mark.parametrize("way", ["endpoint", "socket", "asyncio"])
@pytest.mark.parametrize(("length", "told"), [(10_000, "True False"), (1_000, "True True")])
def test_the_first_large_message_teaches_malloc_to_keep_memory(python, way, length, told):
    assert python(TAUGHT, way, length).strip() == told


@pytest.mark.skipif(not has_glibc(), reason="no glibc here")
def test_what_the_user_has_set_stays(python, monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert python(TAUGHT, "endpoint", 10_000).strip() == "True True"


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

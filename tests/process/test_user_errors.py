"""A mistake of the user's raises; it does not end the process. Each in a process of its own, which has to live."""

import sys

import pytest

PREAMBLE = """
import gc, socket as plain_sockets, sys, threading
import numpy as np, zmq
import oobpickle

def refused(function, *arguments):
    try:
        function(*arguments)
    except BufferError:
        return True
    return False
"""


@pytest.mark.parametrize("transport", ["tcp", "ipc", "nobody there"])
def test_resized_while_its_send_is_under_way(python, transport, tmp_path):
    """pyzmq itself would crash here: it does not hold the export of a bytearray that it sends without a copy."""
    code = (
        PREAMBLE
        + """
context = zmq.Context()
sender, receiver = context.socket(zmq.PUSH), None
blob, small = bytearray(b"x" * (8 << 20)), bytearray(b"y" * 100_000)
numbers = __import__("array").array("d", bytes(1 << 20))
if sys.argv[1] == "nobody there":
    # A peer that accepts and says nothing: the message stays with us.
    listener = plain_sockets.create_server(("127.0.0.1", 0))
    sender.connect(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
else:
    receiver = context.socket(zmq.PULL)
    receiver.bind("tcp://127.0.0.1:*" if sys.argv[1] == "tcp" else f"ipc://{sys.argv[2]}/s")
    sender.connect(receiver.last_endpoint)
trackers = [oobpickle.send(sender, {"b": blob, "s": small, "n": numbers}, codec="pickle") for _ in range(5)]
resizes = blob.clear, lambda: blob.extend(b"z"), small.clear, lambda: numbers.append(1.0)
assert refused(resizes[0]), "nothing was under way"
under_way = True
for _ in trackers if receiver is not None else ():
    # Once a resize is let through, all that were sent are with the kernel: what arrives is still what it was.
    under_way = under_way and all(refused(resize) for resize in resizes)
    got = oobpickle.recv(receiver, codec="pickle")
    assert got["b"] == b"x" * (8 << 20) and got["s"] == b"y" * 100_000 and got["n"].tobytes() == bytes(1 << 20)
    del got
assert receiver is not None or all(refused(resize) for resize in resizes)
sender.close(linger=0)
if receiver is not None:
    receiver.close()
else:
    listener.close()
for tracker in trackers:
    tracker.wait(30)
blob.clear()
numbers.append(1.0)
context.term()
print("alive")
"""
    )
    assert python(code, transport, tmp_path).split() == ["alive"]


def test_resized_while_frames_are_held(python):
    code = (
        PREAMBLE
        + """
blob = bytearray(b"x" * 200_000)
frames = oobpickle.dumps([blob, np.frombuffer(blob, "u1")[5:]], codec="pickle")
assert refused(blob.clear) and refused(blob.append, 1)
copies = [bytearray(frame) for frame in frames]
got = oobpickle.loads(copies, codec="pickle")
assert all(refused(copy.clear) for copy in copies[1:2])
del frames, got
gc.collect()
blob.clear()
print("alive")
"""
    )
    assert python(code).split() == ["alive"]


def test_an_array_changed_while_it_is_sent(python):
    """What arrives may be torn, as documented; nothing else breaks. Under resize, free and reuse of other memory."""
    code = (
        PREAMBLE
        + """
context = zmq.Context()
sender, receiver = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
sender.bind("tcp://127.0.0.1:*")
receiver.connect(sender.last_endpoint)
for number in range(30):
    a = np.full(500_000, number, "f8")
    tracker = oobpickle.send(sender, {"a": a, "v": a[::2], "s": a[:9].copy(), "n": number}, codec="pickle")
    a[:] = -1
    del a  # the message keeps it
    junk = [np.full(500_000, 7.0) for _ in range(3)]
    got = oobpickle.recv(receiver, codec="pickle")
    assert got["n"] == number and set(np.unique(got["a"])) <= {-1.0, float(number)}
    assert np.shares_memory(got["v"], got["a"])
    assert (got["s"] == number).all()  # gathered when it was sent
    tracker.wait(30)
sender.close(), receiver.close(), context.term()
print("alive")
"""
    )
    assert python(code).split() == ["alive"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a thread")
def test_an_interrupt_in_a_wait(python):
    """Ctrl-C leaves the sockets usable, or closable."""
    code = (
        PREAMBLE
        + """
import signal
context = zmq.Context()
sender, receiver = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
sender.bind("inproc://x")
receiver.connect("inproc://x")
left = threading.Event()
def once(*_):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt
signal.signal(signal.SIGINT, once)
def interrupt():  # again and again: a signal that comes before the system call does not end it
    while not left.wait(0.02):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
thread = threading.Thread(target=interrupt)
thread.start()
receiver.rcvtimeo = 30_000
try:
    oobpickle.recv(receiver, codec="pickle")
except KeyboardInterrupt:
    left.set()
else:
    raise SystemExit("not interrupted")
thread.join()
oobpickle.send(sender, "next", codec="pickle")
assert oobpickle.recv(receiver, codec="pickle") == "next"
sender.close(), receiver.close(), context.term()
print("alive")
"""
    )
    assert python(code).split() == ["alive"]

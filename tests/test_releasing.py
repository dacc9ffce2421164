"""oobpickle.releasing: threads that all send without a copy for the first time get their memory back."""

import os

import pytest

FIRST_SENDS = """
import os, signal, sys, threading
import zmq
from oobpickle import Pusher, Puller, releasing, send, recv

if "child" in sys.argv:  # of a process that has sent before
    releasing.be_ready()
    if pid := os.fork():
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    signal.alarm(50)  # nobody else would end it
sys.setswitchinterval(1e-6)
together = threading.Barrier(8)
context = zmq.Context()
kept = []

def work(way, number):
    address = f"inproc://{number}"
    if way == "endpoints":
        ends = pull, push = Puller(bind=address, context=context), Pusher(connect=address, context=context)
        put, take = push.send, pull.recv
    else:
        ends = left, right = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        left.bind(address)
        right.connect(address)
        put, take = (lambda obj: send(left, obj)), (lambda: recv(right))
    together.wait()
    tracker = put(bytearray(100_000))
    take()
    try:
        tracker.wait(10)
    except TimeoutError as error:
        kept.append(error)
    for end in ends:
        end.close()

threads = [threading.Thread(target=work, args=(sys.argv[1], number)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(kept), threading.active_count(), flush=True)
if "child" in sys.argv:
    os._exit(0)
"""


@pytest.mark.parametrize("way", ["sockets", "endpoints"])
def test_the_first_sends_of_many_threads(python, way):
    for _ in range(5):
        assert python(FIRST_SENDS, way).split() == ["0", "2"]  # this thread, and pyzmq's one


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_of_a_child_after_a_fork(python):
    for _ in range(3):
        assert python(FIRST_SENDS, "sockets", "child").split() == ["0", "2"]

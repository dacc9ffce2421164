"""oobpickle.endpoints.forwarding, within a process; tests/cli/test_proxy.py has the command."""

import threading

import pytest
import zmq

from oobpickle import Puller, Pusher
from oobpickle.endpoints.forwarding import Forwarder


@pytest.fixture
def forwarder(inproc):
    forwarder = Forwarder(f"{inproc}/in", f"{inproc}/out", pattern="pipeline")
    running = threading.Thread(target=forwarder.run)
    running.start()
    yield forwarder
    forwarder.close()
    running.join(10)
    assert not running.is_alive()


def test_over_inproc_in_the_context_of_all(forwarder):
    with Pusher(connect=forwarder.senders) as push, Puller(connect=forwarder.receivers) as pull:
        push.send(1)
        assert pull.recv(timeout=10) == 1


def test_closed_by_another_thread_while_it_forwards(forwarder):
    with Pusher(connect=forwarder.senders, linger=0) as push, Puller(connect=forwarder.receivers) as pull:
        for number in range(1000):
            push.send(number)
        assert pull.recv(timeout=10) == 0
        forwarder.close()
        forwarder.close()


@pytest.mark.parametrize(
    "addresses", [("localhost:5671", "tcp://127.0.0.1:*"), ("tcp://127.0.0.1:*", "localhost:5671")]
)
def test_a_wrong_address(addresses):
    with pytest.raises(zmq.ZMQError, match="'localhost:5671' is no address: write tcp://localhost:5671"):
        Forwarder(*addresses)

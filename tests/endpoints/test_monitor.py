"""oobpickle.endpoints.monitor."""

import socket

import pytest
import zmq

from oobpickle import limits
from oobpickle.endpoints import monitor as module
from oobpickle.endpoints.monitor import Monitor, NoMonitor
from tests.endpoints.conftest import until


@pytest.fixture
def monitored():
    pull = zmq.Context.instance().socket(zmq.PULL)
    monitor = Monitor(pull)
    pull.bind("tcp://127.0.0.1:*")
    yield pull, monitor
    pull.close(0)
    until(lambda: monitor.read() or monitor.stopped)
    monitor.close()


def come_and_go(pull, times=1):
    for _ in range(times):
        with zmq.Context.instance().socket(zmq.PUSH) as peer:
            peer.connect(pull.last_endpoint)
            peer.send(b"x")
            pull.recv()


def test_events_and_the_number_of_connections(monitored):
    pull, monitor = monitored
    come_and_go(pull)
    until(lambda: monitor.read() or len(monitor.events) == 3)
    assert [event.kind for event in monitor.events] == ["accepted", "ready", "disconnected"]
    assert {event.address for event in monitor.events} == {pull.last_endpoint.decode()}
    assert monitor.connected == 0


def test_a_peer_that_hangs_up_in_the_handshake_is_no_warning(monitored, caplog):
    pull, monitor = monitored
    with socket.create_connection(("127.0.0.1", int(pull.last_endpoint.rpartition(b":")[2]))):
        pass
    until(lambda: monitor.read() or len(monitor.events) == 3)
    assert [event.kind for event in monitor.events] == ["accepted", "refused", "disconnected"]
    assert (monitor.refusals, monitor.last_refusal) == (1, "")
    assert not caplog.records


def test_one_that_we_come_to_is_a_warning(caplog):
    with socket.create_server(("127.0.0.1", 0)) as server, zmq.Context.instance().socket(zmq.PULL) as pull:
        monitor = Monitor(pull)
        pull.connect("tcp://127.0.0.1:%d" % server.getsockname()[1])
        server.accept()[0].close()
        until(lambda: monitor.read() or monitor.refusals)
        assert monitor.last_refusal in caplog.text
        pull.close(0)
        until(lambda: monitor.read() or monitor.stopped)
        monitor.close()


def test_peers_cannot_fill_the_memory(monitored, monkeypatch):
    pull, monitor = monitored
    come_and_go(pull, limits.EVENTS_MAX)
    until(lambda: monitor.read() or monitor.connected == 0)
    assert len(monitor.events) == limits.EVENTS_MAX


def test_libzmq_is_never_made_to_wait(monitored):
    """More events than a queue of the default length holds, and nobody reads them."""
    pull, monitor = monitored
    assert monitor._pair.get(zmq.RCVHWM) == 0
    come_and_go(pull, 1100)
    until(lambda: monitor.read() or monitor.connected == 0)


def test_closed_too_early_it_waits_for_the_end_of_its_socket():
    context = zmq.Context.instance()
    with context.socket(zmq.PUSH) as push:
        monitor = Monitor(push)
        push.connect("tcp://127.0.0.1:1")
        push.send(b"x")
        push.close(300)
        monitor.close()
        assert monitor in module._parting
        # libzmq can still close sockets: its thread does not hang on this one's last event.
        other = context.socket(zmq.PUSH)
        second = Monitor(other)
        other.close(0)
        until(lambda: second.read() or second.stopped)
        until(lambda: monitor.read() or monitor.stopped)
        second.close()
        assert not module._parting


def test_a_terminated_context_stops_it():
    context = zmq.Context()
    push = context.socket(zmq.PUSH)
    monitor = Monitor(push)
    context.destroy()
    monitor.read()
    assert monitor.stopped
    monitor.close()


def test_over_inproc_there_is_nothing_to_tell():
    monitor = NoMonitor()
    monitor.read()
    monitor.close()
    assert (monitor.stopped, monitor.connected, list(monitor.events), monitor.descriptors) == (True, 0, [], ())

"""oobpickle.endpoints.incoming."""

import contextlib
from functools import partial

import pytest
import zmq

from oobpickle import allocator, limits, wire
from oobpickle.codec.pickle_codec import PickleCodec
from oobpickle.endpoints.lane import References
from oobpickle.endpoints.incoming import Incoming
from oobpickle.endpoints.pubsub import Publisher, Subscriber
from oobpickle.endpoints.pushpull import Puller, Pusher
from oobpickle.endpoints.waiting import RECEIVE
from oobpickle.errors import DecodeError
from oobpickle.patterns.stats import Counters
from tests.until import until


@pytest.fixture
def incoming(inproc):
    context = zmq.Context.instance()
    with context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        pull.bind(inproc)
        push.connect(inproc)
        incoming = Incoming(pull, PickleCodec(), Counters(), references=References("auto", [], readonly=False))
        incoming.push = push
        yield incoming


def test_a_message_whole_or_nothing(incoming):
    assert incoming.take() is None
    incoming.push.send_multipart([b"a", b"b", b"c"])
    incoming.push.send(b"d")
    assert incoming.take() == [b"a", b"b", b"c"]
    assert incoming.take() == [b"d"]
    assert incoming.take() is None


def test_an_interrupt_between_two_frames_throws_the_rest_away(incoming):
    incoming.push.send_multipart([b"a", b"b", b"c", b"d"])
    incoming.push.send(b"next")
    real, calls = incoming._recv, []

    def interrupted(*arguments):
        calls.append(arguments)
        frame = real(*arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return frame

    incoming._recv = interrupted
    with pytest.raises(KeyboardInterrupt):
        incoming.take()
    assert incoming.take() == [b"next"]


def test_an_interrupt_while_malloc_is_taught_does_so_too(incoming, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    incoming.push.send_multipart([b"a", b"b", b"c"])
    incoming.push.send(b"next")
    with monkeypatch.context() as patch:
        patch.setattr(allocator, "teach", interrupted)
        with pytest.raises(KeyboardInterrupt):
            incoming.take()
    assert incoming.take() == [b"next"]


class Recorder:
    """One who waits for a message, and counts how often he is woken."""

    wants = RECEIVE

    def __init__(self):
        self.wakes = 0

    def wake(self):
        self.wakes += 1


@pytest.mark.parametrize("kind", ["puller", "subscriber", "latest"])
def test_who_takes_a_message_wakes_others_for_the_next(kind, inproc):
    """The socket signals once that something has come; who takes the first of two has swallowed that."""
    with contextlib.ExitStack() as stack:
        if kind == "puller":
            sender = stack.enter_context(Pusher(bind=inproc))
            receiver = stack.enter_context(Puller(connect=inproc))
            send = sender.send
        else:
            sender = stack.enter_context(Publisher(bind=inproc, lossless=True))
            receiver = stack.enter_context(Subscriber(connect=inproc, latest=kind == "latest"))
            sender.wait_for_subscribers(timeout=5)
            send = partial(sender.send, "a")
        other = Recorder()
        send(0)
        receiver.recv(timeout=5)
        receiver._slept = False
        receiver._waiters.add(other)
        send(1)
        if kind == "latest":
            sender.send("b", 2)
        else:
            send(2)
        until(lambda: receiver.socket.get(zmq.EVENTS) & zmq.POLLIN or kind == "latest")
        before = other.wakes
        receiver.recv(timeout=5)
        assert other.wakes > before
        receiver._waiters.discard(other)


def test_no_more_frames_are_kept_than_are_allowed(incoming, monkeypatch):
    monkeypatch.setattr(limits, "FRAMES_MAX", 5)
    incoming.push.send_multipart([b"x"] * 5)
    incoming.push.send_multipart([b"x"] * 900)
    assert len(incoming.take()) == 5
    views = incoming.take()
    assert len(views) == 6
    with pytest.raises(DecodeError, match="more than 5 frames"):
        incoming.open(views)
    assert incoming.take() is None


def test_latency_is_counted_for_messages_that_know_when_they_were_sent(incoming):
    stream, _ = PickleCodec().encode(1)
    for sent_at in (0, 1):
        views = [memoryview(wire.pack(wire.PICKLE, stream, [], sent_at=sent_at)[0])]
        opened = incoming.open(views)
        assert incoming.decode(opened, views, opened.sent_at) == 1
    assert len(incoming._counters.latencies) == 1
    assert incoming._counters.messages == 2


def test_what_is_rejected_is_counted_and_told_of_once_a_second(incoming, caplog):
    for n in range(1000):
        incoming.reject(DecodeError(f"number {n}"))
    assert incoming._counters.malformed == 1000
    (record,) = caplog.records
    where, _, text = record.getMessage().partition(": ")
    assert where == incoming._references.where
    assert text == "a malformed message was passed over: DecodeError: number 0"
    assert incoming._counters.problem.endswith(
        "1,000 of the messages that came could not be taken, at the last DecodeError: number 999"
    )

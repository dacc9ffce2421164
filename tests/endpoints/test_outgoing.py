"""oobpickle.endpoints.outgoing."""

import gc
import weakref

import numpy as np
import pytest
import zmq

from oobpickle import Pusher, wire
from oobpickle.endpoints import outgoing as module
from oobpickle.endpoints.outgoing import FOLLOWED, Outgoing
from oobpickle.endpoints.parcel import snapshot
from oobpickle.endpoints.waiting import ROOM
from oobpickle.patterns.stats import Counters
from oobpickle.codec.pickle_codec import PickleCodec
from tests.endpoints.conftest import until


@pytest.fixture
def out(tmp_path):
    context = zmq.Context.instance()
    with context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        for socket in (push, pull):
            socket.linger = 0
        push.bind(f"ipc://{tmp_path}/s")
        pull.connect(f"ipc://{tmp_path}/s")
        push.poll(5000, zmq.POLLOUT)
        out = Outgoing(push, PickleCodec(small=0), Counters(), set(), 10 * 2**20)
        out.pull = pull
        yield out
        # libzmq 4.3.5 aborts (session_base.cpp:233) when a socket that drops half of a message and its peer close at once.
        pull.close()
        until(lambda: not out.has(zmq.POLLOUT))


def packed(out, obj, *options):
    return out.pack(*PickleCodec(small=0).encode(obj), *options)


def put(out, obj):
    return out.put(packed(out, obj))


def test_frames_of_the_threshold_and_more_are_the_users_memory(out):
    array = np.zeros(FOLLOWED, "u1")
    small = np.zeros(FOLLOWED - 1, "u1")
    tracker = put(out, [array, small])
    assert len(tracker._parts) <= 1  # none, if it has left already
    assert out._counters.bytes_out_of_band == 2 * FOLLOWED - 1
    out.pull.recv_multipart()
    tracker.wait(5)
    until(lambda: out.budget.settle() or out.budget.held == 0)


def test_when_none_is_large_the_last_is_followed_for_all():
    with zmq.Context.instance().socket(zmq.PUSH) as push:
        push.linger = 0
        push.connect("tcp://127.0.0.1:1")  # nobody: the queue keeps it
        out = Outgoing(push, PickleCodec(small=0), Counters(), set(), None)
        tracker = put(out, [np.zeros(40_000, "u1") for _ in range(3)])
        assert out.budget.held == 120_000
        assert len(tracker._parts) == 1


def test_only_who_was_refused_is_woken_by_a_release():
    class Waiter:
        wants = ROOM
        woken = 0

        def wake(self):
            self.woken += 1

    waiter = Waiter()
    with zmq.Context.instance().socket(zmq.PUSH) as push:
        push.linger = 0
        push.connect("tcp://127.0.0.1:1")
        out = Outgoing(push, PickleCodec(small=0), Counters(), {waiter}, 3 * FOLLOWED)
        array = np.zeros(2 * FOLLOWED, "u1")
        out._release(0)
        put(out, array)
        assert not waiter.woken
        assert put(out, array) is None
        out._release(0)
        out._release(0)
    assert waiter.woken == 1


def test_a_large_stream_is_charged_as_well(out):
    put(out, ["x" * 100 for _ in range(10_000)])
    assert out.budget.held == 0 or out.budget.held > 60_000


def test_of_small_messages_one_now_and_then_is_followed(monkeypatch):
    now = [10**18]
    monkeypatch.setattr(module, "time_ns", lambda: now[0])
    with zmq.Context.instance().socket(zmq.PUSH) as push:
        push.linger = 0
        push.connect("tcp://127.0.0.1:1")
        out = Outgoing(push, PickleCodec(), Counters(), set(), None)
        for n in range(100):
            assert put(out, n).done
            now[0] += module.MARK // 10
        assert len(out.budget._tickets) == 10
        assert out.unsent() == 100


def test_a_message_that_finds_no_room_leaves_no_trace(out):
    out.pull.close()
    until(lambda: not out.has(zmq.POLLOUT))
    for obj in (1, np.zeros(FOLLOWED), [np.zeros(40_000, "u1")], "x" * FOLLOWED):
        array = packed(out, obj)
        for _ in range(50):
            assert out.put(array) is None
    gc.collect()
    out.budget.settle()
    assert (out.budget.held, out.sent, out.unsent()) == (0, 0, 0)
    assert out._counters.bytes_in_band == out._counters.bytes_out_of_band == 0


def test_an_interrupt_between_two_frames_ends_the_message(out):
    """The next message begins as one; the receiver finds a malformed one before it."""
    real, calls = out._send, []

    def interrupted(frame, flags):
        calls.append(flags)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(frame, flags)

    frames = packed(out, [np.zeros(100_000), np.zeros(100_000)])
    out._send = interrupted
    with pytest.raises(KeyboardInterrupt):
        out.put(frames)
    out._send = real
    put(out, "next")
    out.pull.rcvtimeo = 5000
    assert out.pull.recv_multipart() == [bytes(frames[0]), b""]
    assert len(out.pull.recv_multipart()) == 1
    until(lambda: out.budget.settle() or out.budget.held == 0)


def test_a_peer_that_goes_between_two_frames_leaves_no_trace(out):
    """libzmq takes the first frame back then, and says that there is no room."""
    real, calls = out._send, []

    def gone(frame, flags):
        calls.append(flags)
        if len(calls) == 2:
            raise zmq.Again

    frames = packed(out, [np.zeros(100_000), np.zeros(100_000)])
    out._send = gone
    assert out.put(frames) is None
    assert (out.budget.held, out.sent, out.unsent()) == (0, 0, 0)
    assert calls[2:] == [0x1]  # it has been told where the message ends
    out._send = real
    assert out.put(frames) is not None
    out.pull.rcvtimeo = 5000
    assert out.pull.recv_multipart() == [bytes(frame) for frame in frames]
    assert out.sent == 1
    until(lambda: out.budget.settle() or out.budget.held == 0)


def test_the_object_is_let_go_when_it_has_left(out):
    array = np.zeros(FOLLOWED)
    gone = weakref.ref(array)
    put(out, {"a": array})
    del array
    out.pull.rcvtimeo = 5000
    out.pull.recv_multipart()
    until(lambda: gone() is None)


def test_a_snapshot_has_memory_of_its_own():
    array = np.zeros(FOLLOWED, "u1")
    frames = snapshot([b"head", memoryview(array)])
    array[:] = 1
    assert frames[0] == b"head"
    assert bytes(frames[1]) == bytes(FOLLOWED)


def test_the_route_stands_before_the_message(out):
    frames = packed(out, 5)
    out.put(frames, b"a")
    out.pull.rcvtimeo = 5000
    assert out.pull.recv_multipart() == [b"a", bytes(frames[0])]


def test_numbers_and_time_are_in_the_head(out):
    frames = packed(out, 5, wire.KEPT, 6, 7)
    opened = wire.unpack([memoryview(frames[0])])
    assert (opened.flags, opened.epoch, opened.sequence) == (wire.KEPT, 6, 7)
    assert opened.sent_at == out.now


def test_who_waits_for_a_tracker_learns_that_the_peer_is_gone(tmp_path):
    """libzmq takes note of that only when the socket is used, and the one who would use it is waiting."""
    array = np.zeros(2**20)
    with Pusher(bind=f"ipc://{tmp_path}/s", lane="inline", high_water_mark=10, linger=0) as push:
        peer = zmq.Context.instance().socket(zmq.PULL)
        peer.set(zmq.RCVHWM, 1)
        peer.connect(push.addresses[0])
        trackers = [push.send({"a": array}, timeout=10) for _ in range(8)]
        assert not trackers[-1].done
        peer.close(0)
        trackers[-1].wait(10)

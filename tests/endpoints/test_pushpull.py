"""oobpickle.endpoints.pushpull and oobpickle.aio.pushpull: one suite over both."""

import time
from collections import Counter

import numpy as np
import pytest
import zmq

import oobpickle
from oobpickle.errors import Closed, EncodeError, Timeout

from tests.endpoints.conftest import until


def pair(api, address, push=None, pull=None):
    pusher = api.make("Pusher", bind=address, insecure=True, **(push or {}))
    return pusher, api.make("Puller", connect=pusher.addresses, insecure=True, **(pull or {}))


def test_objects_arrive_in_order(api, address):
    push, pull = pair(api, address)
    objects = [0, None, "", [], {"a": np.arange(10.0)}, np.zeros((300, 300), order="F"), b"x" * 200_000]
    for obj in objects:
        api.call(push.send, obj)
    for obj in objects:
        got = api.call(pull.recv, timeout=5)
        assert type(got) is type(obj)
        if isinstance(obj, np.ndarray):
            np.testing.assert_array_equal(got, obj)
            assert got.flags.f_contiguous
        elif isinstance(obj, dict):
            np.testing.assert_array_equal(got["a"], obj["a"])
        else:
            assert got == obj


@pytest.mark.parametrize(("where", "nbytes"), [("ipc", 1_000_000), ("ipc", 70_000), ("ipc", 30_000), ("tcp", 30_000)])
def test_what_is_copied_when_it_is_sent_may_be_changed_at_once(api, where, nbytes, tmp_path):
    """As the README has it: arrays under 32 KB, and on ipc those over 64 KB, as long as there is shared memory for them."""
    push, pull = pair(api, f"ipc://{tmp_path}/s" if where == "ipc" else "tcp://127.0.0.1:*")
    frame = np.zeros(nbytes, np.uint8)
    for n in range(10):
        frame[:] = n
        api.call(push.send, frame)
    for n in range(10):
        assert set(api.call(pull.recv, timeout=5).tolist()) == {n}


def test_work_is_shared_out(api, address):
    push = api.make("Pusher", bind=address, insecure=True)
    pulls = [api.make("Puller", connect=push.addresses, insecure=True) for _ in range(2)]
    ready = []
    if not address.startswith("inproc"):
        until(lambda: ready.extend(e for e in push.events() if e.kind == "ready") or len(ready) == 2)
    for n in range(100):
        api.call(push.send, n)
    got = [[api.call(p.recv, timeout=5) for _ in range(50)] for p in pulls]
    assert sorted(got[0] + got[1]) == list(range(100))


def test_fan_in(api, ipc):
    pull = api.make("Puller", bind=ipc)
    pushes = [api.make("Pusher", connect=ipc) for _ in range(3)]
    for number, push in enumerate(pushes):
        for n in range(10):
            api.call(push.send, (number, n))
    got = [api.call(pull.recv, timeout=5) for _ in range(30)]
    assert Counter(number for number, _ in got) == {0: 10, 1: 10, 2: 10}


def test_a_pusher_waits_while_all_are_full(api, ipc):
    push, pull = pair(api, ipc, push={"high_water_mark": 2}, pull={"high_water_mark": 2})
    sent = 0
    started = time.monotonic()
    with pytest.raises(Timeout) as caught:
        while sent < 1000:
            api.call(push.send, (sent, bytes(100_000)), timeout=0.1)
            sent += 1
    assert caught.value.seconds == 0.1
    assert time.monotonic() - started > 0.1
    assert push.stats.messages == sent
    waiting = api.start(push.send, ("last", b""), timeout=10)
    assert [api.call(pull.recv, timeout=5)[0] for _ in range(sent)] == list(range(sent))
    waiting()
    assert api.call(pull.recv, timeout=5)[0] == "last"


def test_a_pusher_without_pullers_waits_when_its_queue_is_full(api):
    push = api.make("Pusher", connect="tcp://127.0.0.1:1", high_water_mark=3, insecure=True)
    for n in range(3):
        api.call(push.send, n, timeout=0)
    for _ in range(3):
        with pytest.raises(Timeout):
            api.call(push.send, 3, timeout=0)
    with pytest.raises(Timeout):
        api.call(push.send, np.zeros(100_000), timeout=0.02)
    assert push.stats.messages == 3
    assert push.stats.bytes_in_flight == 0


def test_a_byte_budget_makes_it_wait(api, ipc):
    push, pull = pair(api, ipc, push={"max_bytes": 2**20}, pull={"high_water_mark": 1})
    chunk = np.zeros(400_000, "u1")
    sent = 0
    with pytest.raises(Timeout):
        while sent < 1000:
            api.call(push.send, chunk, timeout=0.2)
            sent += 1
            assert push.stats.bytes_in_flight <= 2**20
    waiting = api.start(push.send, "the last", timeout=10)
    for _ in range(sent):
        api.call(pull.recv, timeout=5)
    waiting()
    assert api.call(pull.recv, timeout=5) == "the last"
    until(lambda: push.stats.bytes_in_flight == 0)


def test_a_message_above_the_budget_goes_alone(api, ipc):
    push, pull = pair(api, ipc, push={"max_bytes": 1000})
    for _ in range(3):
        api.call(push.send, np.ones(100_000), timeout=5)
        assert api.call(pull.recv, timeout=5).all()


def test_messages_of_middling_frames_are_in_the_budget_too(api):
    push = api.make("Pusher", connect="tcp://127.0.0.1:1", max_bytes=2**20, insecure=True)
    obj = [np.zeros(40_000, "u1") for _ in range(5)]  # libzmq copies each
    with pytest.raises(Timeout):
        for _ in range(100):
            api.call(push.send, obj, timeout=0.02)
    assert 2**19 < push.stats.bytes_in_flight <= 2**20


def test_who_waits_after_a_large_message_spins_only_if_it_came_from_near(api, address):
    push, pull = pair(api, address)
    for size in (1, 2**20):
        api.call(push.send, np.zeros(size, "u1"))
        api.call(pull.recv, timeout=5)
        assert pull._spins is (size == 1 or address.startswith("ipc:"))


def test_iteration(api, address):
    push, pull = pair(api, address)
    for n in range(5):
        api.call(push.send, n)
    assert api.iterate(pull, 5) == [0, 1, 2, 3, 4]
    api.call(pull.close)
    assert api.drain(pull) == []


def test_iteration_ends_when_another_closes_it(api, address):
    push, pull = pair(api, address)
    api.call(push.send, 1)
    if api.__class__.__name__ == "BlockingFacade":
        draining = api.start(list, pull)
    else:

        async def drain():
            return [item async for item in pull]

        draining = api.start(drain)
    until(lambda: pull.stats.messages >= 1 or api.call(push.send, 1) is None)
    api.call(pull.close)
    assert draining()[0] == 1


def test_recv_times_out(api, address):
    _, pull = pair(api, address)
    for timeout in (0, 0.02):
        with pytest.raises(Timeout) as caught:
            api.call(pull.recv, timeout=timeout)
        assert caught.value.seconds == timeout
        assert isinstance(caught.value, TimeoutError)


def test_what_cannot_be_encoded_is_not_sent(api, inproc):
    push, pull = pair(api, inproc)
    with pytest.raises(EncodeError):
        api.call(push.send, {"f": lambda: 0})
    api.call(push.send, 1)
    assert api.call(pull.recv, timeout=5) == 1
    assert push.stats.messages == 1


def test_plain_senders_reach_the_pickle_codec_and_no_other(api, ipc):
    import pickle

    pull = api.make("Puller", bind=ipc, codec="pickle")
    with zmq.Context.instance().socket(zmq.PUSH) as raw:
        raw.connect(ipc)
        oobpickle.send(raw, {"a": 1}, codec="pickle")
        buffers = []
        stream = pickle.dumps(np.arange(5000), 5, buffer_callback=buffers.append)
        raw.send_multipart([stream, *buffers])
        assert api.call(pull.recv, timeout=5) == {"a": 1}
        np.testing.assert_array_equal(api.call(pull.recv, timeout=5), np.arange(5000))
    assert pull.stats.latency_max is None


def test_oversized_frames_cut_the_peer_off_and_others_go_on(api, tmp_path):
    pull = api.make("Puller", bind=f"ipc://{tmp_path}/s", max_frame=100_000)
    bad, good = (api.make("Pusher", connect=pull.addresses, linger=0, lane="inline") for _ in range(2))
    api.call(bad.send, np.zeros(1_000_000))
    until(lambda: [e for e in pull.events() if e.kind == "disconnected"])
    for n in range(10):
        api.call(good.send, n)
    assert [api.call(pull.recv, timeout=5) for _ in range(10)] == list(range(10))


def test_too_many_frames_are_one_malformed_message(api, ipc, monkeypatch):
    monkeypatch.setattr("oobpickle.limits.FRAMES_MAX", 10)
    pull = api.make("Puller", bind=ipc)
    with zmq.Context.instance().socket(zmq.PUSH) as raw:
        raw.connect(ipc)
        raw.send_multipart([oobpickle.dumps(1)[0], *[b"x"] * 5000])
        oobpickle.send(raw, 2)
        assert api.call(pull.recv, timeout=5) == 2
    assert pull.stats.malformed == 1


def test_a_stream_of_bad_messages_does_not_outlast_the_timeout(api, ipc):
    pull = api.make("Puller", bind=ipc)
    with zmq.Context.instance().socket(zmq.PUSH) as raw:
        raw.connect(ipc)
        for _ in range(500):
            raw.send(b"bad")
        until(lambda: pull.stats.connected)
        with pytest.raises(Timeout):
            api.call(pull.recv, timeout=0.3)
    assert pull.stats.malformed == 500


def test_stats_of_both_ends(api, ipc):
    push, pull = pair(api, ipc, push={"lane": "inline"})
    for _ in range(20):
        api.call(push.send, [np.zeros(100_000), 1])
    for _ in range(20):
        api.call(pull.recv, timeout=5)
    sent, got = push.stats, pull.stats
    assert sent.messages == got.messages == 20
    assert sent.bytes_out_of_band == got.bytes_out_of_band == 20 * 800_000
    assert sent.bytes_in_band == got.bytes_in_band > 20 * 60
    assert 0 < got.latency_p50 <= got.latency_p90 <= got.latency_p99 <= got.latency_max < 10
    until(lambda: push.stats.connected == pull.stats.connected == 1)
    assert pull.stats.malformed == 0


def test_closed_ones_refuse(api, inproc):
    push, pull = pair(api, inproc)
    for endpoint in (push, pull):
        api.call(endpoint.close)
    with pytest.raises(Closed):
        api.call(push.send, 1)
    with pytest.raises(Closed):
        api.call(pull.recv)


def test_a_data_receiver_refuses_the_pickle_codec(api, ipc):
    class Other:
        """Stands in for the data codec: another number."""

        number = 1

        def decode(self, stream, buffers):
            raise AssertionError("the stream was looked at")

    pull = api.make("Puller", bind=ipc, codec=Other())
    push = api.make("Pusher", connect=ipc, codec="pickle")
    api.call(push.send, 1)
    with pytest.raises(Timeout):
        api.call(pull.recv, timeout=0.3)
    assert pull.stats.malformed == 1

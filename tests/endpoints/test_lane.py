"""oobpickle.endpoints.lane, seen through the endpoints: which way buffers go, and what becomes of them. One suite for both façades."""

import sys

import numpy as np
import pytest
import zmq

import oobpickle
from oobpickle import shared, wire
from oobpickle.endpoints.lane import References, checked, refers
from oobpickle.errors import LaneError, RemoteError, Timeout
from oobpickle.lanes import open_outbox

from tests.endpoints.conftest import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no shared lane here")

MB = 1 << 20


@pytest.fixture
def address(tmp_path):
    return f"ipc://{tmp_path}/s"


def pair(api, address, push=None, pull=None):
    pusher = api.make("Pusher", bind=address, insecure=True, **(push or {}))
    return pusher, api.make("Puller", connect=pusher.addresses, insecure=True, **(pull or {}))


def array(seed=0, size=MB):
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def in_use():
    return shared.stats().in_use


def test_a_choice_is_checked():
    assert refers("auto", ["ipc:///a", "ipc:///b"])
    assert not refers("auto", ["ipc:///a", "tcp://h:1"])
    assert refers("shared", ["tcp://h:1"])
    assert not refers("inline", ["ipc:///a"])
    with pytest.raises(ValueError, match="lane='fast'"):
        checked("fast")


@pytest.mark.parametrize(("sender", "size", "is_shared"), [
    ("auto", MB, True), ("auto", 1000, False), ("auto", 32_000, False), ("auto", 33_000, True), ("auto", 300_000, True), ("inline", MB, False), ("shared", MB, True),
])  # fmt: skip
def test_on_ipc(api, address, sender, size, is_shared):
    push, pull = pair(api, address, push={"lane": sender})
    sent = {"a": array(1, size), "b": [array(2, size)]}
    tracker = api.call(push.send, sent)
    got = api.call(pull.recv, timeout=5)
    np.testing.assert_array_equal(got["a"], sent["a"])
    np.testing.assert_array_equal(got["b"][0], sent["b"][0])
    assert push.stats.bytes_shared == pull.stats.bytes_shared == (2 * size if is_shared else 0)
    assert got["a"].flags.writeable
    got["a"][:] = 0
    tracker.wait(5)


@pytest.mark.parametrize(("lane", "is_shared"), [("auto", False), ("shared", True)])
def test_on_tcp(api, lane, is_shared):
    push, pull = pair(api, "tcp://127.0.0.1:*", push={"lane": lane}, pull={"lane": lane})
    api.call(push.send, array())
    np.testing.assert_array_equal(api.call(pull.recv, timeout=5), array())
    assert pull.stats.bytes_shared == (MB if is_shared else 0)


def test_a_receiver_that_does_not_take_references_goes_on_and_holds_nobody_up(api, address, caplog):
    push, pull = pair(api, address, pull={"lane": "inline"})
    api.call(push.send, array())
    api.call(push.send, "next")
    assert api.call(pull.recv, timeout=5) == "next"
    assert (pull.stats.malformed, push.stats.bytes_in_flight) == (1, 0)
    assert 'lane="inline"' in caplog.text
    assert in_use() == 0


def test_what_is_forged_is_passed_over(api, address, caplog):
    pull = api.make("Puller", bind=address, codec="pickle")
    outbox = open_outbox(shared=True, receivers="one")
    placed = outbox.place([memoryview(array())])
    forged = bytearray(placed.references)
    forged[-40] ^= 0xFF
    with zmq.Context.instance().socket(zmq.PUSH) as push:
        push.connect(address)
        for references in (bytes(forged), placed.references):
            frames = wire.pack(wire.PICKLE, b"\x80\x05\x97.", [memoryview(array())], shared=[0], references=references)
            push.send_multipart(frames)
        np.testing.assert_array_equal(api.call(pull.recv, timeout=5), array())
    assert pull.stats.malformed + pull.stats.missed == 1
    outbox.close()


def test_who_comes_over_tcp_is_not_followed_on_an_ipc_endpoint(api, address):
    pull = api.make("Puller", bind=[address, "tcp://127.0.0.1:*"], insecure=True)
    far = api.make("Pusher", connect=pull.addresses[1], insecure=True, lane="shared", linger=0)
    near = api.make("Pusher", connect=pull.addresses[0])
    api.call(far.send, array())
    until(lambda: far.stats.connected)
    api.call(far.send, 1)  # so the one before is looked at
    assert api.call(pull.recv, timeout=5) == 1
    assert pull.stats.malformed == 1
    api.call(near.send, array())
    assert api.call(pull.recv, timeout=5).nbytes == MB
    assert pull.stats.bytes_shared == MB


def test_a_loaned_array_is_sent_without_a_copy(api, address):
    push, pull = pair(api, address)
    loaned = shared.full(MB, 7, np.uint8)
    tracker = api.call(push.send, {"part": loaned[100:], "own": array(), "text": "t"})
    assert shared.stats().blocks == 2
    got = api.call(pull.recv, timeout=5)
    assert got["part"].nbytes == MB - 100
    assert (got["part"] == 7).all()
    assert not tracker.done
    with pytest.raises(Timeout):
        tracker.wait(0.01)
    del got
    tracker.wait(5)
    assert tracker.done


def test_a_snapshot_of_a_loaned_array_is_a_copy(api, address):
    push, pull = pair(api, address)
    loaned = shared.full(MB, 7, np.uint8)
    assert api.call(push.send, loaned, snapshot=True).done
    loaned[:] = 8
    assert (api.call(pull.recv, timeout=5) == 7).all()


def test_a_relay_copies_nothing(api, tmp_path):
    first, middle_in = pair(api, f"ipc://{tmp_path}/a")
    middle_out, last = pair(api, f"ipc://{tmp_path}/b")
    api.call(first.send, array())
    api.call(middle_out.send, api.call(middle_in.recv, timeout=5))
    np.testing.assert_array_equal(api.call(last.recv, timeout=5), array())
    assert last.stats.bytes_shared == MB
    assert shared.stats().blocks <= 1  # both hops in one block


@pytest.mark.parametrize("lane", ["auto", "inline"])
def test_read_only_on_request(api, address, lane):
    push, pull = pair(api, address, push={"lane": lane}, pull={"readonly": True})
    api.call(push.send, [array(), array(size=5000)])
    large, small = api.call(pull.recv, timeout=5)
    assert not large.flags.writeable
    assert not small.flags.writeable


def test_arrays_outlive_both_endpoints_and_are_free_one_by_one(api, address):
    push, pull = pair(api, address)
    api.call(push.send, [array(1), array(2)])
    one, two = api.call(pull.recv, timeout=5)
    api.call(push.close)
    api.call(pull.close)
    np.testing.assert_array_equal(one, array(1))
    assert in_use() == 2 * MB
    del one
    assert in_use() == MB
    np.testing.assert_array_equal(two, array(2))
    del two
    assert in_use() == 0


def test_close_waits_until_receivers_have_come(api, address):
    push, pull = pair(api, address)
    api.call(push.send, array())
    closing = api.start(push.close)
    np.testing.assert_array_equal(api.call(pull.recv, timeout=5), array())
    closing(5)
    assert push.stats.dropped == 0


def test_close_counts_what_nobody_came_for(api, address, caplog):
    push, pull = pair(api, address)
    api.call(push.send, array())
    until(lambda: pull.stats.connected)
    api.call(push.close, 0.1)
    assert push.stats.dropped == 1
    assert "undelivered" in caplog.text
    assert in_use() == 0


def test_a_byte_budget_waits_for_receivers(api, address):
    push, pull = pair(api, address, push={"max_bytes": 3 * MB})
    for seed in range(3):
        api.call(push.send, array(seed), timeout=5)
    assert push.stats.bytes_in_flight == 3 * MB
    with pytest.raises(Timeout):
        api.call(push.send, array(3), timeout=0.05)
    assert push.stats.bytes_in_flight == 3 * MB
    sending = api.start(push.send, array(3), timeout=5)
    for seed in range(4):
        np.testing.assert_array_equal(api.call(pull.recv, timeout=5), array(seed))
    sending(5)
    assert push.stats.bytes_in_flight == 0


def test_those_who_wait_for_room_do_not_take_it_from_each_other(api, address):
    push, pull = pair(api, address, push={"max_bytes": 3 * MB})
    big = [np.full(2 * MB, seed, "u1") for seed in range(6)]
    sending = [api.start(push.send, one, timeout=20) for one in big]
    got = {int(api.call(pull.recv, timeout=10)[0]) for _ in big}
    assert got == set(range(6))
    for sent in sending:
        sent(5)


def test_a_close_says_what_it_waits_for_in_shared_memory(api, address, caplog, monkeypatch):
    monkeypatch.setattr("oobpickle.endpoints.endpoint.QUIET", 0.05)
    push, pull = pair(api, address)
    api.call(push.send, array())
    until(lambda: pull.stats.connected)
    api.call(push.close, 1)
    assert caplog.text.count("closing waits") == 1


def test_loaned_arrays_do_not_count_in_it(api, address):
    push, pull = pair(api, address, push={"max_bytes": MB})
    loaned = shared.zeros(2 * MB, "u1")
    for _ in range(3):
        api.call(push.send, loaned, timeout=5)
    assert push.stats.bytes_in_flight == 0
    for _ in range(3):
        assert api.call(pull.recv, timeout=5).nbytes == 2 * MB


def test_what_a_peer_had_that_is_gone_is_given_back(api, address):
    push, pull = pair(api, address)
    for seed in range(3):
        api.call(push.send, array(seed))
    api.call(pull.recv, timeout=5)
    assert push.stats.bytes_in_flight == 2 * MB
    api.call(pull.close)
    until(lambda: not push.stats.bytes_in_flight)
    assert in_use() == 0


def test_a_reader_that_holds_everything_is_sent_frames_in_the_end(api, address, monkeypatch):
    limit = shared.stats().limit
    shared.set_limit(4 * MB)
    try:
        push, pull = pair(api, address)
        held = []
        for seed in range(8):
            api.call(push.send, array(seed))
            held.append(api.call(pull.recv, timeout=5))
            stats = shared.stats()
            assert stats.in_use + stats.free <= 4 * MB
        assert pull.stats.bytes_shared == 4 * MB
        for seed, got in enumerate(held):
            np.testing.assert_array_equal(got, array(seed))
        held.clear()
        del got
        until(lambda: in_use() == 0)

        def comes_shared():
            before = pull.stats.bytes_shared
            api.call(push.send, array())
            api.call(pull.recv, timeout=5)
            return pull.stats.bytes_shared > before

        until(comes_shared)
    finally:
        shared.set_limit(limit)


def test_requests_and_replies(api, address):
    server = api.make("Server", bind=[address, "tcp://127.0.0.1:*"], insecure=True)
    near = api.make("Client", connect=server.addresses[0])
    inline = api.make("Client", connect=server.addresses[0], lane="inline")
    far = api.make("Client", connect=server.addresses[1], insecure=True)
    for client, is_shared in ((near, True), (inline, False), (far, False)):
        before = server.stats.bytes_shared
        reply = api.start(client.request, array(1), timeout=5)
        request = api.call(server.recv, timeout=5)
        np.testing.assert_array_equal(request.obj, array(1))
        answering = api.start(request.reply, array(2))
        np.testing.assert_array_equal(reply(5), array(2))
        answering(5)
        assert client.stats.bytes_shared == (2 * MB if is_shared else 0)
        assert server.stats.bytes_shared - before == (2 * MB if is_shared else 0)
        until(lambda: server.stats.bytes_in_flight == 0)  # libzmq lets frames go after they have arrived
        del request


def test_a_server_that_does_not_take_references_says_so(api, address):
    server = api.make("Server", bind=address, lane="inline")
    client = api.make("Client", connect=address)
    asking = api.start(client.request, array(), timeout=5)
    with pytest.raises(Timeout):
        api.call(server.recv, timeout=0.1)
    with pytest.raises(RemoteError, match="LaneError"):
        asking()
    assert server.stats.malformed == 1
    assert client.stats.bytes_in_flight == 0


def test_a_request_that_is_over_holds_nothing(api, address):
    server = api.make("Server", bind=address)
    client = api.make("Client", connect=address)
    before = in_use()
    with pytest.raises(Timeout):
        api.call(client.request, array(), timeout=0.1)
    assert client.stats.bytes_in_flight == 0
    until(lambda: in_use() == before)
    asking = api.start(client.request, array(1), timeout=5)
    request = api.call(server.recv, timeout=5)
    if not server.stats.missed:  # its memory has not been used again: it is whole
        np.testing.assert_array_equal(request.obj, array())
        request = api.call(server.recv, timeout=5)
    np.testing.assert_array_equal(request.obj, array(1))
    api.call(request.reply, None)
    asking()
    del request


def test_what_a_peer_had_that_comes_back_is_given_back(api, address):
    push = api.make("Pusher", connect=address, high_water_mark=100)
    first = api.make("Puller", bind=address)
    push.events()
    api.call(push.send, array())
    api.call(first.recv, timeout=5)
    for _ in range(3):
        api.call(push.send, array())
    until(lambda: first.socket.poll(0))
    api.call(first.close)
    until(lambda: push.stats.connected == 0)
    second = api.make("Puller", bind=address)
    api.call(push.send, array())
    api.call(second.recv, timeout=5)

    def given_back():
        api.call(push.send, array(size=10))
        api.call(second.recv, timeout=5)
        return push.stats.bytes_in_flight == 0

    until(given_back)


def test_a_reply_that_comes_too_late_is_given_back(api, address):
    server = api.make("Server", bind=address)
    client = api.make("Client", connect=address)
    with pytest.raises(Timeout):
        api.call(client.request, 1, timeout=0.01)
    api.call(api.call(server.recv, timeout=5).reply, array())
    assert server.stats.bytes_in_flight == MB
    reply = api.start(client.request, 2, timeout=5)
    api.call(api.call(server.recv, timeout=5).reply, 2)
    assert reply(5) == 2
    assert client.stats.late == 1
    assert server.stats.bytes_in_flight == 0


class CountingCodec(oobpickle.DataCodec):
    encoded = 0

    def encode(self, obj):
        self.encoded += 1
        return super().encode(obj)


def test_a_publisher_serves_each_by_its_lane_and_encodes_once(api, tmp_path):
    codec = CountingCodec()
    pub = api.make("Publisher", bind=["tcp://127.0.0.1:*", f"ipc://{tmp_path}/s"], insecure=True, codec=codec)
    tcp, ipc = pub.addresses
    assert (tcp[:4], ipc[:4]) == ("tcp:", "ipc:")
    far = api.make("Subscriber", connect=tcp, insecure=True)
    near = api.make("Subscriber", connect=ipc)
    assert api.call(pub.wait_for_subscribers, 2, timeout=5) == 2
    loaned = shared.full(MB, 3, np.uint8)
    for obj in (array(), loaned, "small"):
        api.call(pub.send, "a", obj)
        for sub in (far, near):
            message = api.call(sub.recv_message, timeout=5)
            assert np.array_equal(message.obj, obj)
            assert message.nbytes >= (0 if isinstance(obj, str) else MB)
    assert codec.encoded == 3
    assert (far.stats.bytes_shared, near.stats.bytes_shared) == (0, 2 * MB)
    stats = pub.stats
    assert (stats.messages, stats.connected, stats.dropped, stats.bytes_shared) == (3, 2, 0, 2 * MB)
    api.call(far.close)
    until(lambda: pub.stats.connected == 1)
    api.call(pub.send, "a", 1)
    assert api.call(near.recv, timeout=5) == ("a", 1)
    api.call(near.close)
    until(lambda: not pub.subscribed("a"))
    api.call(pub.send, "a", 1)
    assert (pub.stats.messages, pub.stats.unwanted) == (4, 1)


def test_a_publisher_closes_when_its_subscribers_have_come(api, tmp_path):
    pub = api.make("Publisher", bind=f"ipc://{tmp_path}/s")
    subs = [api.make("Subscriber", connect=pub.addresses) for _ in range(2)]
    api.call(pub.wait_for_subscribers, 2, timeout=5)
    for seed in range(3):
        api.call(pub.send, "a", array(seed))
    closing = api.start(pub.close)
    for seed in range(3):
        for sub in subs:
            np.testing.assert_array_equal(api.call(sub.recv, timeout=5)[1], array(seed))
    closing(5)


def test_what_was_used_again_is_missed(api, tmp_path, monkeypatch):
    pub = api.make("Publisher", bind=f"ipc://{tmp_path}/s")
    pub._outbox._sends._budget = 2 * MB
    limit = shared.stats().limit
    shared.set_limit(3 * MB)
    try:
        sub = api.make("Subscriber", connect=pub.addresses)
        api.call(pub.wait_for_subscribers, 1, timeout=5)
        for seed in range(9):
            api.call(pub.send, "a", array(seed))
        api.call(pub.send, "a", None)
        seen = missed = 0
        while True:
            message = api.call(sub.recv_message, timeout=5)
            missed += message.missed
            if message.obj is None:
                break
            seen += 1
            np.testing.assert_array_equal(message.obj, array(message.sequence - 1))
            del message
        assert missed > 0
        assert seen + missed == 9
        assert (sub.stats.missed, sub.stats.malformed) == (missed, 0)
    finally:
        shared.set_limit(limit)


def test_a_lossless_publisher_sends_frames(api, tmp_path):
    with pytest.raises(ValueError, match="lossless"):
        api.make("Publisher", bind=f"ipc://{tmp_path}/s", lossless=True, lane="shared")
    pub = api.make("Publisher", bind=f"ipc://{tmp_path}/s", lossless=True)
    sub = api.make("Subscriber", connect=pub.addresses)
    api.call(pub.wait_for_subscribers, 1, timeout=5)
    api.call(pub.send, "a", array())
    assert api.call(sub.recv, timeout=5)[1].nbytes == MB
    assert sub.stats.bytes_shared == 0


def test_keep_last_is_repeated_by_both(api, tmp_path):
    pub = api.make("Publisher", bind=["tcp://127.0.0.1:*", f"ipc://{tmp_path}/s"], insecure=True, keep_last=True)
    api.call(pub.send, "a", array())
    for count, address in enumerate(pub.addresses, 1):
        sub = api.make("Subscriber", connect=address, insecure=True)
        receiving = api.start(sub.recv, timeout=5)
        api.call(pub.wait_for_subscribers, count, timeout=5)
        np.testing.assert_array_equal(receiving(5)[1], array())


def test_latest(api, tmp_path):
    pub = api.make("Publisher", bind=f"ipc://{tmp_path}/s")
    sub = api.make("Subscriber", connect=pub.addresses, latest=True)
    api.call(pub.wait_for_subscribers, 1, timeout=5)
    for seed in range(5):
        api.call(pub.send, "a", array(seed))
    until(lambda: sub.stats.skipped == 4)
    np.testing.assert_array_equal(api.call(sub.recv, timeout=5)[1], array(4))


def test_references_to_where_there_is_no_lane():
    references = References("auto", ["tcp://h:1"], readonly=False)
    assert not references.takes
    (head,) = wire.pack(wire.PICKLE, b"", [memoryview(b"x" * MB)], shared=[0], references=b"?")
    with pytest.raises(LaneError, match="does not accept"):
        references.check(wire.unpack([memoryview(head)], allow_shared=True), memoryview(head))

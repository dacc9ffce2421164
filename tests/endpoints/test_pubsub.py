"""oobpickle.endpoints.pubsub and oobpickle.aio.pubsub: one suite over both."""

import contextlib
import select
import socket
import threading
import time
from functools import partial

import numpy as np
import pytest
import zmq

import oobpickle
from oobpickle import wire
from oobpickle.endpoints import publishing
from oobpickle.errors import Closed, EncodeError, Timeout

from tests.endpoints.conftest import until


def pair(api, address, *, topics="", pub=None, sub=None):
    publisher = api.make("Publisher", bind=address, insecure=True, **(pub or {}))
    subscriber = api.make("Subscriber", connect=publisher.addresses, topics=topics, insecure=True, **(sub or {}))
    count = 1 if isinstance(topics, str) else len(topics)
    assert api.call(publisher.wait_for_subscribers, count, timeout=5) == count
    return publisher, subscriber


def received(api, subscriber, count):
    return [api.call(subscriber.recv, timeout=5) for _ in range(count)]


def test_objects_arrive_with_their_topics(api, address):
    pub, sub = pair(api, address)
    array = np.arange(100_000.0)
    for topic, obj in [("a", {"x": 1}), ("camera/left", array), ("", None), ("größe", [array, array])]:
        api.call(pub.send, topic, obj)
    (a, first), (b, second), (c, third), (d, fourth) = received(api, sub, 4)
    assert (a, b, c, d) == ("a", "camera/left", "", "größe")
    assert first == {"x": 1}
    assert third is None
    np.testing.assert_array_equal(second, array)
    assert fourth[0] is fourth[1]


def test_only_what_begins_with_a_subscription_arrives(api, address):
    pub, sub = pair(api, address, topics=["camera/", "lidar"])
    for topic in ["camera", "camera/left", "radar", "lidar", "lidar2", "cam"]:
        api.call(pub.send, topic, topic)
    assert received(api, sub, 3) == [(t, t) for t in ["camera/left", "lidar", "lidar2"]]
    assert sub.topics == ["camera/", "lidar"]
    with pytest.raises(Timeout):
        api.call(sub.recv, timeout=0.05)


def test_a_message_tells_of_its_way(api, address):
    pub, sub = pair(api, address)
    before = time.time()
    for n in range(3):
        api.call(pub.send, "a", np.zeros(50_000))
    api.call(pub.send, "b", n)
    messages = [api.call(sub.recv_message, timeout=5) for _ in range(4)]
    assert [m.sequence for m in messages] == [1, 2, 3, 1]
    assert [m.missed for m in messages] == [0] * 4
    assert all(before - 0.001 <= m.sent_at <= time.time() for m in messages)
    assert 400_000 < messages[0].nbytes < 401_000
    assert messages[3].topic == "b"
    assert messages[3].obj == 2


def test_iteration_ends_when_it_is_closed(api, address):
    pub, sub = pair(api, address)
    for n in range(3):
        api.call(pub.send, "t", n)
    assert api.iterate(sub, 3) == [("t", 0), ("t", 1), ("t", 2)]
    api.call(sub.close)
    assert api.drain(sub) == []


class Unencodable:
    def __reduce__(self):
        raise AssertionError("encoded")


def test_what_nobody_wants_is_not_encoded(api, address):
    pub, sub = pair(api, address, topics="a")
    assert pub.subscribed("a")
    assert pub.subscribed("abc")
    assert not pub.subscribed("b")
    assert api.call(pub.send, "b", Unencodable()).done
    with pytest.raises(EncodeError):
        api.call(pub.send, "a", Unencodable())
    assert pub.stats.unwanted == 1
    assert pub.stats.messages == 0


def test_subscriptions_change_while_running(api, address):
    pub, sub = pair(api, address, topics="a")
    sub.subscribe("b")
    sub.subscribe("b")  # fine
    api.call(pub.wait_for_subscribers, 1, "b", timeout=5)
    sub.unsubscribe("a")
    until(lambda: not pub.subscribed("a"))
    with pytest.raises(ValueError):
        sub.unsubscribe("a")
    for topic in "abab":
        api.call(pub.send, topic, topic)
    assert received(api, sub, 2) == [("b", "b")] * 2
    assert pub.stats.unwanted == 2


def test_wait_for_subscribers_counts_and_gives_up(api, address):
    pub, sub = pair(api, address, topics=["a", "ab"])
    assert api.call(pub.wait_for_subscribers, 2, "abc", timeout=1) == 2
    assert api.call(pub.wait_for_subscribers, 1, "ax", timeout=1) == 1
    with pytest.raises(Timeout) as caught:
        api.call(pub.wait_for_subscribers, 2, "ax", timeout=0.05)
    assert caught.value.seconds == 0.05
    more = api.make("Subscriber", connect=pub.addresses, topics="a", insecure=True)
    assert api.call(pub.wait_for_subscribers, 3, timeout=5) == 3
    api.call(more.close)
    until(lambda: not pub.subscribed("x") and pub._subscriptions.count() == 2)


def test_a_subscriber_that_is_told_of_is_waited_for(api, address):
    pub = api.make("Publisher", bind=address, insecure=True)
    waiting = api.start(pub.wait_for_subscribers, 1, "a", timeout=5)
    api.make("Subscriber", connect=pub.addresses, topics="a", insecure=True)
    assert waiting() == 1


def test_missed_is_exact_in_lossy_mode(api, ipc):
    pub, sub = pair(api, ipc, pub={"high_water_mark": 5}, sub={"high_water_mark": 5})
    total = 3000
    for n in range(total):
        api.call(pub.send, "ab"[n % 2], bytes(10_000))
    until(lambda: pub.stats.bytes_in_flight == 0)
    sequences = {"a": [], "b": []}
    missed = {"a": 0, "b": 0}
    try:
        while True:
            m = api.call(sub.recv_message, timeout=0.3)
            missed[m.topic] += m.missed
            sequences[m.topic].append(m.sequence)
    except Timeout:
        pass
    assert sum(map(len, sequences.values())) < total, "nothing was lost: the test shows nothing"
    for topic, seen in sequences.items():
        assert missed[topic] == seen[-1] - seen[0] + 1 - len(seen)
    assert sub.stats.missed == sum(missed.values()) > 0


def test_a_restarted_publisher_is_no_loss(api, ipc):
    pub, sub = pair(api, ipc)
    for n in range(5):
        api.call(pub.send, "a", n)
    assert [m for _, m in received(api, sub, 5)] == list(range(5))
    api.call(pub.close)
    pub = api.make("Publisher", bind=ipc, insecure=True)
    until(lambda: sub.stats and pub.subscribed("a"))  # a subscriber that is used subscribes anew
    for n in range(3):
        api.call(pub.send, "a", n)
    assert [m for _, m in received(api, sub, 3)] == [0, 1, 2]
    assert sub.stats.missed == 0


def test_a_new_subscriber_and_a_re_subscription_are_no_loss(api, address):
    pub, sub = pair(api, address, topics="a")
    other = api.make("Subscriber", connect=pub.addresses, topics="a", insecure=True)
    api.call(pub.wait_for_subscribers, 2, "a", timeout=5)
    for n in range(3):
        api.call(pub.send, "a", n)
    received(api, sub, 2)  # one stays in the queue
    sub.unsubscribe("a")
    until(lambda: pub.subscribed("a") and pub._subscriptions.count() == 1)
    for n in range(3, 10):
        api.call(pub.send, "a", n)
    sub.subscribe("a")
    api.call(pub.wait_for_subscribers, 2, "a", timeout=5)
    for n in range(10, 12):
        api.call(pub.send, "a", n)
    got = [api.call(sub.recv_message, timeout=5) for _ in range(3 if address.startswith("never") else 2)]
    got = [m.obj for m in got]
    assert got in ([10, 11], [2, 10])  # the queued one may have been dropped while it was not wanted
    assert sub.stats.missed == 0
    assert [m for _, m in received(api, other, 12)] == list(range(12))
    assert other.stats.missed == 0


def test_lossless_loses_nothing_however_small_the_queues(api, address):
    pub, sub = pair(api, address, pub={"lossless": True, "high_water_mark": 3}, sub={"high_water_mark": 3})
    sending = api.start_all(pub.send, [("a", (n, bytes(20_000))) for n in range(300)])
    messages = [api.call(sub.recv_message, timeout=5) for _ in range(300)]
    sending()
    assert [m.obj[0] for m in messages] == list(range(300))
    assert sum(m.missed for m in messages) == pub.stats.dropped == 0


def test_lossless_waits_until_there_is_room(api, ipc):
    pub, sub = pair(api, ipc, pub={"lossless": True, "high_water_mark": 1}, sub={"high_water_mark": 1})
    chunk = np.zeros(200_000)
    sent = 0
    with pytest.raises(Timeout):
        while sent < 100:
            api.call(pub.send, "a", chunk, timeout=0.2)
            sent += 1
    waiting = api.start(pub.send, "a", "the last", timeout=10)
    for _ in range(sent):
        api.call(sub.recv, timeout=5)
    waiting()
    assert api.call(sub.recv, timeout=5) == ("a", "the last")


def test_keep_last_gives_late_joiners_the_newest_of_each_topic(api, address):
    pub, first = pair(api, address, pub={"keep_last": True})
    array = np.arange(50_000.0)
    for n in range(3):
        api.call(pub.send, "a", n)
    api.call(pub.send, "b", array)
    array[:] = -1  # what is kept is a copy
    api.call(pub.send, "c", "not asked for")
    late = api.make("Subscriber", connect=pub.addresses, topics=["a", "b"], insecure=True)
    api.call(pub.wait_for_subscribers, 2, "b", timeout=5)
    api.call(pub.wait_for_subscribers, 2, "a", timeout=5)
    got = dict(received(api, late, 2))
    assert got["a"] == 2
    np.testing.assert_array_equal(got["b"], np.arange(50_000.0))
    api.call(pub.send, "a", 3)
    assert api.call(late.recv, timeout=5) == ("a", 3)
    # The first subscriber has seen each once.
    assert [topic for topic, _ in received(api, first, 6)] == ["a", "a", "a", "b", "c", "a"]
    with pytest.raises(Timeout):
        api.call(first.recv, timeout=0.05)
    assert (first.stats.missed, late.stats.missed) == (0, 0)


def test_keep_last_keeps_what_was_sent_to_nobody(api, address):
    pub = api.make("Publisher", bind=address, keep_last=True, insecure=True)
    api.call(pub.send, "state", {"ready": True})
    sub = api.make("Subscriber", connect=pub.addresses, topics="state", insecure=True)
    api.call(pub.wait_for_subscribers, timeout=5)
    assert api.call(sub.recv, timeout=5) == ("state", {"ready": True})
    assert pub.stats.unwanted == 1


def test_keep_last_after_a_re_subscription(api, address):
    pub, sub = pair(api, address, topics="a", pub={"keep_last": True})
    api.call(pub.send, "a", 1)
    received(api, sub, 1)
    sub.unsubscribe("a")
    until(lambda: not pub.subscribed("a"))
    sub.subscribe("a")
    api.call(pub.wait_for_subscribers, timeout=5)
    assert received(api, sub, 1) == [("a", 1)]
    assert sub.stats.missed == 0


@pytest.mark.parametrize("lossless", [True, False])
def test_keep_last_where_there_is_no_room_now(api, lossless):
    """A slow subscriber has filled its queue, or the budget; the late one gets the message when there is room again."""
    frame = np.zeros(3_000_000, np.uint8)
    options = {"lossless": lossless, "high_water_mark": 2 if lossless else 1000, "max_bytes": 20_000_000}
    pub = api.make("Publisher", bind="tcp://127.0.0.1:*", keep_last=True, **options)
    slow = api.make("Subscriber", connect=pub.addresses, high_water_mark=1)
    api.call(pub.wait_for_subscribers, timeout=5)

    def is_full():
        before = pub.stats.messages
        for _ in range(5):
            time.sleep(0.02)  # the kernel's buffers take some more
            with contextlib.suppress(Timeout):
                api.call(pub.send, "a", frame, timeout=0.02)
        return pub.stats.messages == before

    until(is_full)
    late = api.make("Subscriber", connect=pub.addresses)
    api.call(pub.wait_for_subscribers, 2, timeout=5)
    with pytest.raises(Timeout):
        api.call(late.recv, timeout=0.1)
    with pytest.raises(Timeout):
        while True:
            api.call(slow.recv, timeout=0.3)
    until(lambda: pub.subscribed("a") and late.socket.poll(20))  # it is used
    topic, got = api.call(late.recv, timeout=5)
    assert (topic, got.nbytes) == ("a", frame.nbytes)


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_one_who_has_gone_is_not_counted_for_the_next(api, transport, tmp_path):
    pub = api.make("Publisher", bind=f"ipc://{tmp_path}/s" if transport == "ipc" else "tcp://127.0.0.1:*")
    for n in range(20):
        sub = api.make("Subscriber", connect=pub.addresses)
        assert api.call(pub.wait_for_subscribers, timeout=5) == 1
        api.call(pub.send, "a", n)
        assert api.call(sub.recv, timeout=5) == ("a", n)
        api.call(sub.close)
        until(lambda: pub.stats.connected == 0)


def test_who_waits_for_subscribers_is_not_held_up_by_those_who_come_and_go(api):
    pub, _ = pair(api, "tcp://127.0.0.1:*")
    port = int(pub.addresses[0].rpartition(":")[2])
    done = threading.Event()

    def come_and_go():
        while not done.is_set():
            socket.create_connection(("127.0.0.1", port)).close()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        assert api.call(pub.wait_for_subscribers, timeout=5) == 1
    finally:
        done.set()
        thread.join()


def test_what_is_owed_is_not_tried_line_by_line_where_there_is_no_room(api):
    pub = api.make("Publisher", bind="tcp://127.0.0.1:*", keep_last=True)
    for n in range(100):
        api.call(pub.send, str(n), n)
    tried = []
    pub._out.put = lambda frames: tried.append(frames)
    pub._owed.update(pub._lines.values())
    pub._repeat()
    assert len(tried) == publishing.REFUSALS


@pytest.mark.parametrize("call", ["send", "subscribed", "wait_for_subscribers"])
def test_a_terminated_context_closes_it(api, inproc, call):
    context = zmq.Context()
    pub = api.make("Publisher", bind=inproc, context=context)
    ended = threading.Thread(target=context.term)
    ended.start()

    def is_terminated():
        try:
            pub.socket.get(zmq.EVENTS)
        except zmq.ContextTerminated:
            return True

    until(is_terminated)
    with pytest.raises(Closed):
        if call == "subscribed":
            pub.subscribed("a")
        elif call == "send":
            api.call(pub.send, "a", 1)
        else:
            api.call(pub.wait_for_subscribers, timeout=5)
    api.call(pub.close)
    ended.join()


def test_a_timeout_tells_where_and_what_may_be_the_reason(api, ipc):
    pub = api.make("Publisher", bind=ipc, codec="pickle")
    with pytest.raises(Timeout) as alone:
        api.call(pub.wait_for_subscribers, timeout=0.02)
    assert str(alone.value) == f"1 subscription: nothing within 0.02 s ({ipc}: nobody is connected)"
    sub = api.make("Subscriber", connect=ipc)
    api.call(pub.wait_for_subscribers, timeout=5)
    with pytest.raises(Timeout) as quiet:
        api.call(sub.recv, timeout=0.02)
    assert quiet.value.why == ipc
    for n in range(2):
        api.call(pub.send, "a", n)
    refused = []

    def has_refused_both():
        with pytest.raises(Timeout) as caught:
            api.call(sub.recv, timeout=0.05)
        refused.append(caught.value.why)
        return sub.stats.malformed == 2

    until(has_refused_both)
    assert refused[-1].startswith(f"{ipc}: 2 of the messages that came could not be taken, at the last DecodeError:")


def test_who_waits_for_the_budget_sleeps(api):
    """Also while its descriptor can be read, since somebody has subscribed meanwhile."""
    options = {"lossless": True, "max_bytes": 2_000_000}
    pub, slow = pair(api, "tcp://127.0.0.1:*", topics="a", pub=options, sub={"high_water_mark": 1})
    with pytest.raises(Timeout):
        while True:
            api.call(pub.send, "a", np.zeros(900_000, np.uint8), timeout=0.2)
    attempts = []
    attempt = pub._attempt
    pub._attempt = lambda *arguments: attempts.append(1) or attempt(*arguments)
    slow.subscribe("b")
    until(lambda: select.select([pub.fileno()], [], [], 0)[0])
    with pytest.raises(Timeout):
        api.call(pub.send, "a", np.zeros(900_000, np.uint8), timeout=0.3)
    assert len(attempts) < 100


def test_latest_gives_the_newest_of_each_topic(api, address):
    pub, sub = pair(api, address, pub={"lossless": True}, sub={"latest": True})
    for n in range(3000):
        api.call(pub.send, "ab"[n % 2], n)
    until(lambda: sub.stats.skipped == 2998)
    messages = [api.call(sub.recv_message, timeout=5) for _ in range(2)]
    assert {m.topic: m.obj for m in messages} == {"a": 2998, "b": 2999}
    assert [m.missed for m in messages] == [0, 0]
    stats = sub.stats
    assert (stats.messages, stats.missed, stats.skipped) == (2, 0, 2998)
    with pytest.raises(Timeout):
        api.call(sub.recv, timeout=0.05)


def test_latest_wakes_one_who_waits(api, address):
    pub, sub = pair(api, address, sub={"latest": True})
    waiting = api.start(sub.recv, timeout=10)
    api.call(pub.send, "a", 1)
    assert waiting() == ("a", 1)


def test_latest_tells_missed_from_skipped(api, ipc):
    pub, sub = pair(api, ipc, sub={"latest": True})
    api.call(pub.send, "a", 1)
    assert api.call(sub.recv, timeout=5) == ("a", 1)
    for _ in range(4):  # numbered, and lost on the way
        pub._encode("a", 0, False)
    api.call(pub.send, "a", 2)
    until(lambda: sub.stats.missed == 4)
    api.call(pub.send, "a", 3)
    until(lambda: sub.stats.skipped == 1)
    message = api.call(sub.recv_message, timeout=5)
    assert (message.obj, message.missed) == (3, 4)


def test_a_byte_budget_drops_and_counts(api, tmp_path):
    pub, sub = pair(
        api, f"ipc://{tmp_path}/s", pub={"max_bytes": 50 * 2**20, "lane": "inline"}, sub={"high_water_mark": 1}
    )
    frame = np.zeros(10 * 2**20, "u1")
    for _ in range(100):
        api.call(pub.send, "a", frame)
        assert pub.stats.bytes_in_flight <= 50 * 2**20
    dropped = pub.stats.dropped
    assert dropped >= 90
    got = 0
    with pytest.raises(Timeout):
        while True:
            api.call(sub.recv, timeout=0.5)
            got += 1
    assert got == 100 - dropped
    until(lambda: pub.stats.bytes_in_flight == 0)


def test_snapshot_lets_the_array_go_at_once(api, address):
    pub, sub = pair(api, address)
    array = np.ones(500_000)
    tracker = api.call(pub.send, "a", array, snapshot=True)
    array[:] = 0
    assert api.call(sub.recv, timeout=5)[1].all()
    assert repr(tracker).startswith("<Tracker")


def test_a_tracker_is_done_when_the_memory_is_free(api, ipc):
    pub, sub = pair(api, ipc)
    tracker = api.call(pub.send, "a", np.ones(500_000))
    api.call(sub.recv, timeout=5)
    tracker.wait(5)
    assert tracker.done


@pytest.mark.parametrize("topic", ["a\0b", "x" * 256])
def test_what_cannot_be_a_topic(api, inproc, topic):
    pub, sub = pair(api, inproc)
    with pytest.raises(ValueError):
        api.call(pub.send, topic, 1)
    with pytest.raises(ValueError):
        sub.subscribe(topic)


@pytest.mark.parametrize("topic", [{"a": 1}, np.zeros(3), b"camera", 7], ids=lambda topic: type(topic).__name__)
def test_arguments_in_the_wrong_order(api, inproc, topic):
    """The obj where the topic must be, whether it can be a key of a dict or not; a topic where the count must be."""
    pub, sub = pair(api, inproc)
    with pytest.raises(TypeError, match=r"^topic must be a str, not .*; is it send\(topic, obj\)\?$"):
        api.call(pub.send, topic, "camera")
    for method in (pub.subscribed, sub.subscribe, sub.unsubscribe):
        with pytest.raises(TypeError, match="topic must be a str"):
            method(topic)
    with pytest.raises(TypeError, match="topic must be a str"):
        api.call(pub.wait_for_subscribers, topic=topic)
    with pytest.raises(TypeError, match=r"count must be an int, not 'camera'; .*\(topic=\.\.\.\)"):
        api.call(pub.wait_for_subscribers, "camera")
    api.call(pub.send, "camera", 1)
    assert api.call(sub.recv_message, timeout=5).sequence == 1


@pytest.mark.parametrize("topics", [b"camera", ["a", b"camera"]], ids=repr)
def test_topics_of_bytes(api, inproc, topics):
    with pytest.raises(TypeError, match="topic must be a str, not bytes"):
        api.make("Subscriber", bind=inproc, topics=topics)


def test_a_timeout_that_is_no_number(api, inproc):
    _, sub = pair(api, inproc)
    client = api.make("Client", connect=f"{inproc}/nobody")
    for call in (partial(api.call, sub.recv), partial(api.call, client.request, 1)):
        with pytest.raises(TypeError, match="timeout must be a number of seconds, or None, not str"):
            call(timeout="5")


def test_malformed_messages_are_counted_and_passed_over(api, ipc, caplog):
    sub = api.make("Subscriber", bind=ipc)
    good = oobpickle.dumps([1, 2])[0]
    bad = [
        [b""],
        [b"no topic at all"],
        [b"t\0"],
        [b"t\0garbage"],
        [b"t\0" + good[:20]],
        [b"t\0" + good[:-1]],
        [b"t\0" + good + b"x"],
        [b"t\0" + good, b"surplus"],
        [b"t\0" + good[:4] + b"\xff" + good[5:]],
        [b"\xff\xfe\0" + good],
        [b"t\0" + oobpickle.dumps([1, 2], codec="pickle")[0]],
        [b"t\0" + wire.pack(wire.DATA, b"\x80\x05cos\nnonexistent\n.", [])[0]],
        [b"t\0" + wire.pack(wire.DATA, b"\x80\x05\x95\2" + bytes(7) + b"\x97.", [])[0]],  # a buffer that is not there
        [b"t\0" + good, *[b""] * 1000],
    ]
    with zmq.Context.instance().socket(zmq.XPUB) as raw:
        raw.set(zmq.XPUB_NODROP, 1)
        raw.set(zmq.LINGER, 1000)
        raw.connect(ipc)
        until(lambda: sub.stats and raw.poll(0))  # the subscription has come
        for n in range(100):
            for frames in bad:
                raw.send_multipart(frames)
            raw.send(b"t\0" + oobpickle.dumps(n)[0])
            assert api.call(sub.recv, timeout=5) == ("t", n)
    stats = sub.stats
    assert (stats.malformed, stats.messages) == (100 * len(bad), 100)
    warnings = [r for r in caplog.records if "malformed" in r.message]
    assert 1 <= len(warnings) <= 10


def test_several_addresses_at_once(api, inproc, ipc):
    pub = api.make("Publisher", bind=[inproc, ipc, "tcp://127.0.0.1:*"], insecure=True)
    assert pub.addresses[:2] == [inproc, ipc]
    assert pub.addresses[2].startswith("tcp://127.0.0.1:")
    assert not pub.addresses[2].endswith("*")
    subs = [api.make("Subscriber", connect=a, insecure=True) for a in pub.addresses]
    api.call(pub.wait_for_subscribers, 3, timeout=5)
    api.call(pub.send, "a", 1)
    assert [api.call(s.recv, timeout=5) for s in subs] == [("a", 1)] * 3


def test_many_publishers_one_subscriber(api, ipc):
    sub = api.make("Subscriber", bind=ipc)
    pubs = [api.make("Publisher", connect=ipc) for _ in range(3)]
    for pub in pubs:
        until(lambda: sub.stats and pub.subscribed("t"))
    for n in range(20):
        for number, pub in enumerate(pubs):
            api.call(pub.send, "t", (number, n))
    got = [api.call(sub.recv, timeout=5)[1] for _ in range(60)]
    for number in range(3):
        assert [n for k, n in got if k == number] == list(range(20))
    assert sub.stats.missed == 0


def test_closed_endpoints_refuse(api, inproc):
    pub, sub = pair(api, inproc)
    for endpoint in (pub, sub):
        api.call(endpoint.close)
        api.call(endpoint.close)
        assert endpoint.closed
    for method, *args in [(pub.send, "a", 1), (pub.wait_for_subscribers,), (sub.recv,), (sub.recv_message,)]:
        with pytest.raises(Closed):
            api.call(method, *args)
    for call in (lambda: pub.subscribed("a"), lambda: sub.subscribe("a"), lambda: sub.unsubscribe("a")):
        with pytest.raises(Closed):
            call()
    assert pub.stats.messages == 0
    assert "(closed)" in repr(pub)

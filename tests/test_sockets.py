"""`send` and `recv`: one contract for every transport and both façades; and what is special to one of them."""

import asyncio
import pickle
import threading

import numpy as np
import pytest
import zmq
import zmq.asyncio

import oobpickle
from oobpickle import DecodeError, EncodeError, PickleCodec, Timeout, recv, send, shared, sockets, spinning
from oobpickle.lanes import AVAILABLE
from oobpickle.spinning import Spin
from tests.same import assert_same

LARGE = np.arange(100_000.0)
OBJECT = {
    "image": LARGE.reshape(100, 1000),
    "part": LARGE[:500],
    "small": [np.arange(n) for n in range(20)],
    "blob": b"x" * 200_000,
    "growable": bytearray(b"y" * 100_000),
    "text": "grüße",
    "times": np.arange(50_000).astype("M8[us]"),
    "longdouble": np.arange(5000, dtype="g"),
    "none": None,
}


@pytest.fixture
def pair(sockets):
    return sockets


class TestContract:
    @pytest.mark.parametrize(
        "obj", [None, 5, "text", [], LARGE, LARGE[::7], OBJECT, [OBJECT] * 3], ids=lambda o: type(o).__name__
    )
    def test_round_trip(self, pair, obj):
        for one, other in ((pair.left, pair.right), (pair.right, pair.left)):
            pair.call(oobpickle.send, one, obj)
            assert_same(pair.call(oobpickle.recv, other), obj)

    def test_messages_stay_in_order_and_apart(self, pair):
        for number in range(50):
            pair.call(oobpickle.send, pair.left, [number, LARGE[: number * 1000]])
        for number in range(50):
            got = pair.call(oobpickle.recv, pair.right)
            assert got[0] == number
            np.testing.assert_array_equal(got[1], LARGE[: number * 1000])

    def test_the_tracker_is_done_when_the_memory_is_free(self, pair):
        array = LARGE.copy()
        tracker = pair.call(oobpickle.send, pair.left, [array, array + 1])
        pair.call(oobpickle.recv, pair.right)
        tracker.wait(30)
        assert tracker.done

    def test_a_snapshot_is_done_at_once(self, pair):
        array = LARGE.copy()
        tracker = pair.call(oobpickle.send, pair.left, array, snapshot=True)
        assert tracker.done
        array[:] = -1
        np.testing.assert_array_equal(pair.call(oobpickle.recv, pair.right), LARGE)

    def test_what_cannot_be_encoded_is_not_sent(self, pair):
        with pytest.raises(EncodeError, match=r"obj\[1\]\['f'\] \(function\)"):
            pair.call(oobpickle.send, pair.left, [LARGE, {"f": lambda: 0}])
        pair.call(oobpickle.send, pair.left, "next")
        assert pair.call(oobpickle.recv, pair.right) == "next"

    def test_what_is_no_message_is_a_decode_error_and_the_socket_works_on(self, pair):
        frames = [bytes(frame) for frame in oobpickle.dumps(OBJECT)]
        wrong = [
            [b""],
            [b"hello"],
            [b"hello", b"world"],
            [b"", b"", b""],
            frames[:1],
            frames[:-1],
            [*frames, b""],
            frames[1:],
            frames[::-1],
            [frames[0][:-1], *frames[1:]],
            [frames[0], frames[1][:-1], *frames[2:]],
            [b"\x80\x05garbage"],
            [pickle.dumps(1) + b"", b"surplus"],
        ]
        for message in wrong:
            pair.call(pair.left.send_multipart, message)
            pair.call(oobpickle.send, pair.left, "after")
            with pytest.raises(DecodeError):
                pair.call(oobpickle.recv, pair.right)
            assert pair.call(oobpickle.recv, pair.right) == "after"

    def test_arrays_arrive_writable_and_aligned(self, pair):
        pair.call(oobpickle.send, pair.left, OBJECT)
        got = pair.call(oobpickle.recv, pair.right)
        for array in (got["image"], got["times"], got["longdouble"], *got["small"]):
            assert array.flags.writeable
            assert array.flags.aligned

    def test_nothing_there(self, pair):
        with pytest.raises(zmq.Again):
            pair.call(oobpickle.recv, pair.right, flags=zmq.NOBLOCK)

    def test_the_sockets_time_outs_hold(self, pair):
        pair.right.rcvtimeo = 10
        with pytest.raises(zmq.Again):
            pair.call(oobpickle.recv, pair.right)

    def test_codecs(self, pair):
        for sent_with, read_with in (("pickle", PickleCodec()), (PickleCodec(small=0), "pickle")):
            pair.call(oobpickle.send, pair.left, OBJECT, codec=sent_with)
            assert_same(pair.call(oobpickle.recv, pair.right, codec=read_with), OBJECT)
        with pytest.raises(ValueError, match="json"):
            pair.call(oobpickle.send, pair.left, 1, codec="json")
        with pytest.raises(ValueError, match="json"):
            pair.call(oobpickle.recv, pair.right, codec="json")

    def test_beside_the_plain_recipe(self, pair):
        """What pyzmq users send by hand is taken."""
        buffers = []
        stream = pickle.dumps({"a": LARGE, "n": 1}, 5, buffer_callback=buffers.append)
        pair.call(pair.left.send_multipart, [stream, *buffers], copy=False)
        got = pair.call(oobpickle.recv, pair.right, codec="pickle")
        np.testing.assert_array_equal(got["a"], LARGE)

    def test_without_us_on_the_wire_side(self, pair):
        """dumps and loads with pyzmq's own calls."""
        pair.call(pair.left.send_serialized, OBJECT, oobpickle.dumps, copy=False)
        assert_same(pair.call(pair.right.recv_serialized, oobpickle.loads, copy=False), OBJECT)
        pair.call(pair.left.send_multipart, oobpickle.dumps(OBJECT), copy=False)
        assert_same(oobpickle.loads(pair.call(pair.right.recv_multipart, copy=False)), OBJECT)
        pair.call(pair.left.send_multipart, oobpickle.dumps(OBJECT))
        got = oobpickle.loads(pair.call(pair.right.recv_multipart))
        np.testing.assert_array_equal(got["image"], OBJECT["image"])
        assert not got["image"].flags.writeable  # bytes are read-only

    def test_arrays_outlive_socket_and_context(self, facade, transport, make_sockets):
        pair = make_sockets(facade, transport)
        pair.call(oobpickle.send, pair.left, OBJECT)
        got = pair.call(oobpickle.recv, pair.right)
        pair.close()
        pair.context.destroy()
        assert_same(got, OBJECT)


@pytest.mark.parametrize(
    "types", [(zmq.PUSH, zmq.PULL), (zmq.XPUB, zmq.SUB), (zmq.REP, zmq.REQ), (zmq.DEALER, zmq.DEALER)]
)
def test_socket_types(make_sockets, facade, types):
    pair = make_sockets(facade, "tcp", types)
    sender, receiver = pair.left, pair.right
    if types[1] == zmq.SUB:
        receiver.subscribe(b"")
        pair.call(sender.recv)  # the subscription has come in
    elif types[1] == zmq.REQ:
        sender, receiver = pair.right, pair.left
    pair.call(oobpickle.send, sender, OBJECT)
    assert_same(pair.call(oobpickle.recv, receiver), OBJECT)


def test_no_peer_with_noblock_sends_nothing(make_sockets):
    pair = make_sockets(types=(zmq.PUSH, zmq.PULL))
    lonely = pair.context.socket(zmq.PUSH)
    blob = bytearray(1_000_000)
    for obj in (1, LARGE, blob):
        with pytest.raises(zmq.Again):
            oobpickle.send(lonely, obj, flags=zmq.NOBLOCK)
    blob.clear()  # nobody holds it
    lonely.close()


class TestAsyncio:
    def test_a_snapshot_is_taken_before_the_send_waits(self, make_sockets):
        """With nobody there yet, pyzmq keeps what it was given and sends it later."""
        pair = make_sockets("asyncio", types=(zmq.PUSH, zmq.PULL))

        async def main():
            sender = pair.context.socket(zmq.PUSH)
            try:
                array = LARGE.copy()
                sending = asyncio.ensure_future(oobpickle.send(sender, array, snapshot=True))
                await asyncio.sleep(0)
                assert not sending.done()
                array[:] = -1
                sender.connect(pull_endpoint)
                got = await oobpickle.recv(puller)
                assert (await sending).done
                np.testing.assert_array_equal(got, LARGE)
            finally:
                sender.close(linger=0)
                puller.close(linger=0)

        puller = pair.context.socket(zmq.PULL)
        puller.bind("tcp://127.0.0.1:*")
        pull_endpoint = puller.last_endpoint
        pair.runner.run(main())

    def test_a_receive_that_was_cancelled_loses_nothing(self, make_sockets):
        pair = make_sockets("asyncio")

        async def main():
            for number in range(20):
                waiting = asyncio.ensure_future(oobpickle.recv(pair.right))
                await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                await oobpickle.send(pair.left, [number, LARGE])
                assert (await oobpickle.recv(pair.right))[0] == number

        pair.runner.run(main())

    def test_many_at_once(self, make_sockets):
        pair = make_sockets("asyncio")

        async def main():
            sends = [oobpickle.send(pair.left, [number, LARGE]) for number in range(20)]
            receives = [oobpickle.recv(pair.right) for _ in range(20)]
            *got, _ = await asyncio.gather(*receives, asyncio.gather(*sends))
            assert [number for number, _ in got] == list(range(20))

        pair.runner.run(main())


class TestMemory:
    def test_over_inproc_the_far_end_is_the_senders_memory(self, make_sockets, facade):
        pair = make_sockets(facade, "inproc")
        array = LARGE.copy()
        tracker = pair.call(oobpickle.send, pair.left, {"a": array})
        got = pair.call(oobpickle.recv, pair.right)["a"]
        assert got.__array_interface__["data"][0] == array.__array_interface__["data"][0]
        got[0] = 42
        assert array[0] == 42
        assert not tracker.done
        with pytest.raises(Timeout):
            tracker.wait(0)
        del got
        tracker.wait(30)

    def test_the_tracker_is_over_all_frames(self, make_sockets):
        pair = make_sockets("blocking", "inproc")
        first, second = LARGE.copy(), LARGE.copy()
        for keep in (0, 1):
            tracker = oobpickle.send(pair.left, [first, second])
            got = oobpickle.recv(pair.right)
            kept = got[keep]
            del got
            assert not tracker.done
            del kept
            tracker.wait(30)

    def test_memory_under_way_cannot_be_resized(self, make_sockets):
        pair = make_sockets("blocking", "inproc")
        blob = bytearray(b"x" * 100_000)
        tracker = oobpickle.send(pair.left, blob)
        for resize in (blob.clear, blob.pop, lambda: blob.extend(b"y")):
            with pytest.raises(BufferError):
                resize()
        assert oobpickle.recv(pair.right) == b"x" * 100_000
        tracker.wait(30)
        blob.clear()

    def test_a_message_of_one_frame_holds_nothing(self, make_sockets):
        pair = make_sockets("blocking", "inproc")
        array = np.arange(100.0)
        assert oobpickle.send(pair.left, array).done
        array[:] = 0
        np.testing.assert_array_equal(oobpickle.recv(pair.right), np.arange(100.0))

    def test_what_was_dropped_on_close_is_free(self, make_sockets):
        pair = make_sockets(types=(zmq.PUSH, zmq.PULL))
        blob = bytearray(1_000_000)
        sender = pair.context.socket(zmq.PUSH)
        sender.connect("tcp://127.0.0.1:9")  # nobody there
        tracker = oobpickle.send(sender, blob)
        assert not tracker.done
        sender.close(linger=0)
        tracker.wait(30)
        blob.clear()


@pytest.mark.parametrize(
    "lane",
    ["inline", pytest.param("shared", marks=pytest.mark.skipif(not AVAILABLE, reason="there is no shared lane"))],
)
def test_beside_endpoints(make_sockets, ipc, lane):
    """A pipeline can be mixed; of a Publisher's message recv says who takes it."""
    context = make_sockets().context
    with (
        oobpickle.Pusher(bind=ipc, context=context) as push,
        oobpickle.Publisher(bind="tcp://127.0.0.1:*", context=context) as publish,
        oobpickle.Puller(bind="tcp://127.0.0.1:*", context=context) as puller,
        context.socket(zmq.PULL) as pull,
        context.socket(zmq.SUB) as sub,
        context.socket(zmq.PUSH) as raw,
    ):
        pull.connect(push.addresses[0])
        push.send("small")
        assert recv(pull, lane=lane) == "small"
        if lane == "shared":
            push.send(OBJECT)
            assert_same(recv(pull, lane=lane), OBJECT)
        raw.connect(puller.addresses[0])
        send(raw, OBJECT)
        assert_same(puller.recv(timeout=10), OBJECT)
        sub.connect(publish.addresses[0])
        sub.subscribe(b"")
        publish.wait_for_subscribers(timeout=10)
        publish.send("camera", OBJECT)
        with pytest.raises(DecodeError, match="receive it with oobpickle.Subscriber"):
            recv(sub, lane=lane)


@pytest.mark.parametrize("codec", ["data", "pickle"])
@pytest.mark.parametrize("lane", ["inline", "shared"])
def test_what_is_no_socket(make_sockets, facade, codec, lane):
    """Also the arguments of send in the wrong order."""
    pair = make_sockets(facade)
    for first in ({"a": 1}, LARGE, "tcp://127.0.0.1:5555"):
        told = f"the first must be a ZeroMQ socket, not .*{type(first).__name__}$"
        for obj in (pair.left, "text"):
            with pytest.raises(TypeError, match=rf"^send\(socket, obj\): {told}"):
                send(first, obj, codec=codec, lane=lane)
        with pytest.raises(TypeError, match=rf"^recv\(socket\): {told}"):
            recv(first, codec=codec, lane=lane)


def test_a_context_in_use_by_several_threads(make_sockets):
    """Sockets of their own, the codec of all."""
    pairs = [make_sockets("blocking", "inproc" if n % 2 else "tcp") for n in range(4)]
    failures = []

    def work(pair, seed):
        try:
            for number in range(30):
                obj = {
                    "n": number,
                    "a": LARGE + seed,
                    "s": [np.arange(k) + seed for k in range(10)],
                    "b": bytes([seed]) * 70_000,
                }
                oobpickle.send(pair.left, obj)
                assert_same(oobpickle.recv(pair.right), obj)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(pair, seed)) for seed, pair in enumerate(pairs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.skipif(not AVAILABLE, reason="no shared lane here")
def test_what_was_not_sent_holds_nothing():
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        with pytest.raises(zmq.Again):
            send(push, np.zeros(1 << 20, np.uint8), lane="shared", flags=zmq.NOBLOCK)
        assert shared.stats().in_use == 0


@pytest.mark.skipif(not AVAILABLE, reason="no shared lane here")
@pytest.mark.parametrize("loaned", [False, True])
def test_the_shared_lane_when_told(tmp_path, loaned):
    with zmq.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        push.bind(f"ipc://{tmp_path}/s")
        pull.connect(f"ipc://{tmp_path}/s")
        array = shared.full(1 << 20, 7, np.uint8) if loaned else np.full(1 << 20, 7, np.uint8)
        tracker = send(push, {"array": array, "text": "t"}, lane="shared")
        assert tracker.done is not loaned
        got = recv(pull, lane="shared", readonly=True)
        assert (got["array"] == 7).all()
        assert not got["array"].flags.writeable
        send(push, array, lane="shared")
        with pytest.raises(DecodeError, match="does not accept"):
            recv(pull)
        send(push, "small", lane="shared")
        assert recv(pull, lane="shared") == "small"
        send(push, array, lane="shared", snapshot=True).wait(0)
        array[:] = 8
        assert (recv(pull, lane="shared") == 7).all()
        del got
    del push, pull, array
    assert shared.stats().in_use == 0


@pytest.mark.skipif(not AVAILABLE, reason="no shared lane here")
def test_the_shared_lane_on_asyncio_sockets(tmp_path):
    async def main():
        with zmq.asyncio.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
            push.bind(f"ipc://{tmp_path}/s")
            pull.connect(f"ipc://{tmp_path}/s")
            await send(push, np.full(1 << 20, 7, np.uint8), lane="shared")
            got = await recv(pull, lane="shared")
            assert (got == 7).all()
            assert shared.is_shared(got)
            del got

    asyncio.run(main())


class TestSpinning:
    @pytest.fixture
    def context(self):
        with zmq.Context() as context:
            yield context

    @pytest.fixture
    def spins(self, monkeypatch):
        """How often a wait began to spin."""
        spun = []

        class Counted(Spin):
            def until(self, ready):
                spun.append(1)
                return super().until(ready)

        monkeypatch.setattr(sockets, "Spin", Counted)
        return spun

    def test_who_waits_spins(self, context, spins):
        with context.socket(zmq.PULL) as receiver, pytest.raises(zmq.Again):
            receiver.bind("tcp://127.0.0.1:*")
            receiver.rcvtimeo = 1
            oobpickle.recv(receiver)
        assert len(spins) == 1

    @pytest.mark.parametrize("transport", ["tcp", "ipc"])
    def test_who_has_just_received_a_large_message_from_afar_does_not(self, context, monkeypatch, tmp_path, transport):
        turns = []
        monkeypatch.setattr(spinning, "_give_way", lambda: turns.append(1))
        with context.socket(zmq.PULL) as receiver, context.socket(zmq.PUSH) as sender:
            receiver.bind("tcp://127.0.0.1:*" if transport == "tcp" else f"ipc://{tmp_path}/large")
            sender.connect(receiver.last_endpoint)
            for large in (False, True):
                sockets._spins.clear()
                receiver.rcvtimeo = 1
                with pytest.raises(zmq.Again):
                    oobpickle.recv(receiver)
                sockets._spins[receiver]._left = 0  # that wait was in vain
                receiver.rcvtimeo = -1
                oobpickle.send(sender, bytes(1 << 20) if large else b"")
                receiver.poll()
                oobpickle.recv(receiver)
                turns.clear()
                receiver.rcvtimeo = 1
                with pytest.raises(zmq.Again):
                    oobpickle.recv(receiver)
                assert bool(turns) is (not large or transport == "ipc")

    @pytest.mark.parametrize("how", ["flags", "no time", "inproc"])
    def test_who_does_not_wait_or_waits_for_a_thread_does_not(self, context, spins, how):
        with context.socket(zmq.PULL) as receiver, pytest.raises(zmq.Again):
            receiver.bind("inproc://spinning" if how == "inproc" else "tcp://127.0.0.1:*")
            receiver.rcvtimeo = 0 if how == "no time" else 1
            oobpickle.recv(receiver, flags=zmq.NOBLOCK if how == "flags" else 0)
        assert not spins

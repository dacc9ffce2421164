"""oobpickle.endpoints.request and oobpickle.aio.request: one suite over both."""

import threading
import time

import numpy as np
import pytest
import zmq

import oobpickle
from oobpickle import DataCodec, Limits, wire
from oobpickle.endpoints import serving as serving_module
from oobpickle.errors import Closed, DecodeError, EncodeError, RemoteError, Timeout

from tests.endpoints.conftest import until


def pair(api, address, client=None, server=None):
    srv = api.make("Server", bind=address, insecure=True, **(server or {}))
    return api.make("Client", connect=srv.addresses, insecure=True, **(client or {})), srv


def serving(api, server, handler):
    return api.start(server.serve, handler)


def test_request_and_reply(api, address):
    client, server = pair(api, address)
    asking = api.start(client.request, {"x": 2}, timeout=5)
    request = api.call(server.recv, timeout=5)
    assert request.obj == {"x": 2}
    assert not request.answered
    api.call(request.reply, 4)
    assert asking() == 4
    assert request.answered
    assert "answered" in repr(request)


def test_serve(api, address):
    client, server = pair(api, address)
    done = serving(api, server, lambda x: x * 2)
    array = np.arange(200_000.0)
    assert api.call(client.request, 21, timeout=5) == 42
    np.testing.assert_array_equal(api.call(client.request, array, timeout=5), array * 2)
    api.call(server.close)
    assert done() is None


def test_an_error_in_the_handler_reaches_the_client_as_text(api, address, caplog):
    def handler(x):
        raise KeyError(x)

    client, server = pair(api, address)
    done = serving(api, server, handler)
    for name in ("a", "b"):
        with pytest.raises(RemoteError) as caught:
            api.call(client.request, name, timeout=5)
        assert caught.value.type_name == "KeyError"
        assert caught.value.text == repr(name)
        assert "raise KeyError(x)" in caught.value.traceback
    assert "the handler of a request raised" in caplog.text
    api.call(server.close)
    done()


class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize("error", [ValueError("cannot take " + "1234, " * 50_000), Speechless()], ids=["long", "none"])
def test_any_error_can_be_told(api, inproc, error):
    def handler(x):
        if x:
            raise error
        return "well"

    small = DataCodec(limits=Limits(stream_bytes=2000))  # less than the traceback of a handler
    client, server = pair(api, inproc, server={"codec": small})
    done = serving(api, server, handler)
    for _ in range(2):
        with pytest.raises(RemoteError) as caught:
            api.call(client.request, 1, timeout=5)
        assert caught.value.type_name.endswith(type(error).__name__)
    assert api.call(client.request, 0, timeout=5) == "well"
    api.call(server.close)
    done()


def test_of_a_long_text_the_beginning_is_told(api, inproc):
    client, server = pair(api, inproc)
    asking = api.start(client.request, 1, timeout=5)
    api.call(api.call(server.recv, timeout=5).fail, ValueError("begins" + "." * 10**6))
    with pytest.raises(RemoteError, match="begins") as caught:
        asking()
    assert len(caught.value.text) == serving_module.TEXT_MAX


def test_a_reply_that_cannot_be_encoded_is_an_error(api, inproc):
    client, server = pair(api, inproc)
    done = serving(api, server, lambda x: lambda: 0)
    with pytest.raises(RemoteError) as caught:
        api.call(client.request, 1, timeout=5)
    assert caught.value.type_name == "oobpickle.errors.EncodeError"
    api.call(server.close)
    done()


def test_fail_and_answering_twice(api, inproc):
    client, server = pair(api, inproc)
    asking = api.start(client.request, 1, timeout=5)
    request = api.call(server.recv, timeout=5)
    with pytest.raises(EncodeError):
        api.call(request.reply, lambda: 0)
    api.call(request.fail, ValueError("no"))
    with pytest.raises(RemoteError, match="ValueError: no"):
        asking()
    for answer in (request.reply, request.fail):
        with pytest.raises(RuntimeError):
            api.call(answer, ValueError("again"))


def test_many_in_flight_answered_in_any_order(api, address):
    client, server = pair(api, address)
    asking = [api.start(client.request, n, timeout=10) for n in range(20)]
    requests = [api.call(server.recv, timeout=5) for _ in range(20)]
    assert server.stats.in_flight == client.stats.in_flight == 20
    for request in sorted(requests, key=lambda r: (r.obj * 7) % 20):
        api.call(request.reply, -request.obj)
    assert [ask() for ask in asking] == [-n for n in range(20)]
    assert client.stats.late == client.stats.in_flight == server.stats.in_flight == 0


def test_a_late_reply_is_dropped_and_counted(api, address):
    client, server = pair(api, address)
    with pytest.raises(Timeout) as caught:
        api.call(client.request, 1, timeout=0.05)
    assert caught.value.seconds == 0.05
    late = api.call(server.recv, timeout=5)
    asking = api.start(client.request, 2, timeout=5)
    request = api.call(server.recv, timeout=5)
    api.call(late.reply, "late")
    api.call(request.reply, "in time")
    assert asking() == "in time"
    assert client.stats.late == 1


def test_retries_only_where_asked(api, address):
    client, server = pair(api, address)
    asking = api.start(client.request, 1, timeout=0.1, retries=50)
    first = api.call(server.recv, timeout=5)
    second = api.call(server.recv, timeout=5)
    assert first.obj == second.obj == 1
    api.call(second.reply, "second")
    assert asking() == "second"
    with pytest.raises(Timeout):
        api.call(client.request, 2, timeout=0.05)
    while True:
        if (request := api.call(server.recv, timeout=5)).obj == 2:
            break
    with pytest.raises(Timeout):
        api.call(server.recv, timeout=0.2)


def test_a_server_that_is_restarted_is_found_again(api, ipc):
    client, server = pair(api, ipc)
    done = serving(api, server, lambda x: ("first", x))
    assert api.call(client.request, 1, timeout=5) == ("first", 1)
    api.call(server.close)
    done()
    with pytest.raises(Timeout):
        api.call(client.request, 2, timeout=0.1)
    server = api.make("Server", bind=ipc)
    done = serving(api, server, lambda x: ("second", x))
    assert api.call(client.request, 3, timeout=10) == ("second", 3)
    api.call(server.close)
    done()


def test_workers_run_at_the_same_time(api, inproc):
    client, server = pair(api, inproc, server={"workers": 3})
    if api.__class__.__name__ == "BlockingFacade":
        barrier = threading.Barrier(3)

        def handler(x):
            barrier.wait(5)
            return x
    else:
        import asyncio

        arrived = []

        async def handler(x):
            arrived.append(x)
            while len(arrived) < 3:
                await asyncio.sleep(0)
            return x

    done = serving(api, server, handler)
    asking = [api.start(client.request, n, timeout=5) for n in range(3)]
    assert [ask() for ask in asking] == [0, 1, 2]
    api.call(server.close)
    done()


def test_batches_by_hand(api, inproc):
    client, server = pair(api, inproc)
    asking = [api.start(client.request, n, timeout=5) for n in range(8)]
    batch = [api.call(server.recv, timeout=5)]
    while len(batch) < 8:
        batch.append(api.call(server.recv, timeout=1))
    total = sum(request.obj for request in batch)
    for request in batch:
        api.call(request.reply, total)
    assert [ask() for ask in asking] == [28] * 8


def test_iteration_over_requests(api, inproc):
    client, server = pair(api, inproc)
    asking = [api.start(client.request, n, timeout=5) for n in range(3)]
    for request in api.iterate(server, 3):
        api.call(request.reply, request.obj)
    assert sorted(ask() for ask in asking) == [0, 1, 2]


def test_a_client_that_is_gone_holds_up_nobody(api, ipc):
    client, server = pair(api, ipc)
    with pytest.raises(Timeout):
        api.call(client.request, 1, timeout=0.02)
    request = api.call(server.recv, timeout=5)
    api.call(client.close, 0)
    until(lambda: server.stats.connected == 0)
    assert api.call(request.reply, np.zeros(100_000)).done
    assert server.stats.dropped == 1


def test_a_client_that_does_not_take_its_replies_holds_up_nobody(api, ipc, monkeypatch):
    for module in ("oobpickle.endpoints.request", "oobpickle.aio.request"):
        monkeypatch.setattr(f"{module}.REPLY_PATIENCE", 0.5)
    server = api.make("Server", bind=ipc, high_water_mark=1)
    stuck = zmq.Context.instance().socket(zmq.DEALER)
    stuck.set(zmq.RCVHWM, 1)
    stuck.connect(ipc)
    good = api.make("Client", connect=ipc)
    with stuck:
        started = time.monotonic()
        for _ in range(40):
            oobpickle.send(stuck, 1)
            api.call(api.call(server.recv, timeout=5).reply, np.zeros(500_000))
        assert server.stats.dropped > 30
        assert time.monotonic() - started < 10, "each of them was waited for"
        asking = api.start(good.request, 2, timeout=5)
        api.call(api.call(server.recv, timeout=5).reply, 3)
        assert asking() == 3
        stuck.close(0)


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_a_client_that_fills_the_budget_takes_no_other_ones_room(api, transport, tmp_path, monkeypatch, caplog):
    for module in ("oobpickle.endpoints.request", "oobpickle.aio.request"):
        monkeypatch.setattr(f"{module}.REPLY_PATIENCE", 0.2)
    bind = f"ipc://{tmp_path}/s" if transport == "ipc" else "tcp://127.0.0.1:*"
    server = api.make("Server", bind=bind, max_bytes=20_000_000)
    frame = np.zeros(4_000_000, np.uint8)
    good = api.make("Client", connect=server.addresses)
    stuck = api.make("Client", connect=server.addresses, high_water_mark=1)  # never looks at its replies
    codec = oobpickle.DataCodec()
    for number in range(16):
        stream, buffers = codec.encode(number)
        flags = wire.TAKES_SHARED if transport == "ipc" else 0
        stuck.socket.send_multipart(wire.pack(wire.DATA, stream, buffers, flags, 1, number + 1))
    for request in api.iterate(server, 16):
        api.call(request.reply, frame)
    assert server.stats.dropped
    assert server.stats.bytes_in_flight <= 20_000_000
    dropped = server.stats.dropped
    for _ in range(5):
        asking = api.start(good.request, 1, timeout=5)
        api.call(api.call(server.recv, timeout=5).reply, frame)
        assert asking().nbytes == frame.nbytes
    assert server.stats.dropped == dropped


def test_a_terminated_context_closes_it(api, inproc):
    context = zmq.Context()
    server = api.make("Server", bind=inproc, context=context)
    receiving = api.start(server.recv, timeout=5)
    ended = threading.Thread(target=context.term)
    ended.start()
    with pytest.raises(Closed):
        receiving()
    with pytest.raises(Closed):
        api.call(server.recv, timeout=5)
    api.call(server.close)
    ended.join()


def test_what_was_delivered_is_not_lost(api, ipc):
    client, server = pair(api, ipc)
    done = serving(api, server, lambda x: x)
    assert api.call(client.request, 1, timeout=5) == 1
    api.call(server.close, 0)
    done()
    assert server.stats.dropped == 0


def test_malformed_requests_are_counted_and_told_of(api, ipc):
    server = api.make("Server", bind=ipc)
    client = api.make("Client", connect=ipc)
    with zmq.Context.instance().socket(zmq.DEALER) as raw:
        raw.connect(ipc)
        bad = wire.pack(wire.DATA, b"\x80\x05\x97.", [], epoch=5, sequence=6)
        for _ in range(10):
            raw.send(b"")
            raw.send(b"garbage")
            raw.send_multipart([b"a", b"b"])
            raw.send_multipart(bad)
            asking = api.start(client.request, 1, timeout=5)
            api.call(api.call(server.recv, timeout=5).reply, 2)
            assert asking() == 2
        with pytest.raises(Timeout):
            api.call(server.recv, timeout=0.3)
        assert server.stats.malformed == 40
        answer = wire.unpack([memoryview(raw.recv())])
        assert (answer.epoch, answer.sequence, answer.flags) == (5, 6, wire.FAILED)
        raw.close(0)


def test_malformed_and_forged_replies(api, ipc):
    client = api.make("Client", bind=ipc)
    with zmq.Context.instance().socket(zmq.DEALER) as raw:
        raw.connect(ipc)
        until(lambda: "ready" in [event.kind for event in client.events()])
        asking = api.start(client.request, 1, timeout=5)
        assert raw.poll(5000)
        asked = wire.unpack([memoryview(raw.recv())])
        reply = {"epoch": asked.epoch, "sequence": asked.sequence}
        stream, buffers = oobpickle.DataCodec().encode("reply")
        raw.send(b"garbage")
        raw.send(wire.pack(wire.DATA, stream, buffers, epoch=asked.epoch + 1, sequence=asked.sequence)[0])  # another's
        raw.send(wire.pack(wire.DATA, stream, buffers, epoch=asked.epoch, sequence=asked.sequence + 1)[0])
        raw.send(wire.pack(wire.DATA, stream, buffers, **reply)[0])
        raw.send(wire.pack(wire.DATA, stream, buffers, **reply)[0])  # twice
        assert asking() == "reply"
        for flags, body in [(0, b"\x80\x05\x97."), (wire.FAILED, stream)]:
            asking = api.start(client.request, 1, timeout=5)
            assert raw.poll(5000)
            asked = wire.unpack([memoryview(raw.recv())])
            raw.send(wire.pack(wire.DATA, body, [], flags=flags, epoch=asked.epoch, sequence=asked.sequence)[0])
            with pytest.raises(DecodeError):
                asking()
        asking = api.start(client.request, 1, timeout=0.2)  # whoever asks takes what has come
        with pytest.raises(Timeout):
            asking()
        assert client.stats.late == 3
        assert client.stats.malformed == 3
        raw.close(0)


def test_closing_ends_a_request(api, address):
    client, server = pair(api, address)
    asking = api.start(client.request, 1)
    api.call(server.recv, timeout=5)
    api.call(client.close, 0)
    with pytest.raises(Closed):
        asking()
    with pytest.raises(Closed):
        api.call(client.request, 1)


def test_what_cannot_be_encoded_leaves_nothing_behind(api, inproc):
    client, _ = pair(api, inproc)
    with pytest.raises(EncodeError):
        api.call(client.request, lambda: 0)
    assert client.stats.in_flight == 0


def test_the_round_trip_is_in_the_stats(api, inproc):
    client, server = pair(api, inproc)
    done = serving(api, server, lambda x: x)
    started = time.monotonic()
    for n in range(10):
        api.call(client.request, n, timeout=5)
    took = time.monotonic() - started
    assert client.stats.messages == server.stats.messages == 10
    assert 0 < client.stats.latency_p50 <= client.stats.latency_max <= took
    api.call(server.close)
    done()


def test_there_must_be_a_worker(api, inproc):
    with pytest.raises(ValueError):
        api.make("Server", bind=inproc, workers=0)


@pytest.mark.parametrize("ends", ["close", "raise"])
def test_two_workers_that_end_at_the_same_time(ipc, ends):
    with oobpickle.Server(bind=ipc, workers=2, linger=0) as server, oobpickle.Client(connect=ipc) as client:
        together = threading.Barrier(2)

        def handler(_):
            together.wait(10)
            if ends == "raise":
                raise SystemExit
            server.close()

        def ask():
            with pytest.raises((RemoteError, Timeout)):
                client.request(1, timeout=1)

        asking = [threading.Thread(target=ask) for _ in range(2)]
        for thread in asking:
            thread.start()
        if ends == "raise":
            with pytest.raises(SystemExit):
                server.serve(handler)
        else:
            server.serve(handler)
        for thread in asking:
            thread.join()
        assert server.closed


def test_an_interrupt_of_a_reply_is_raised_as_what_it_is(api, inproc):
    """It is not hidden by that the request has its answer already."""
    client, server = pair(api, inproc)

    class Interrupt(BaseException):
        pass

    def interrupt(frames, route):
        raise Interrupt

    server._deliver = interrupt
    asking = api.start(client.request, 1, timeout=0.2)
    with pytest.raises(Interrupt):
        api.call(server.serve, lambda x: x)
    with pytest.raises(Timeout):
        asking()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_no_exception_ends_serving(ipc, workers):
    def handler(x):
        raise SystemExit(x)

    with oobpickle.Server(bind=ipc, workers=workers) as server, oobpickle.Client(connect=ipc) as client:
        asking = []

        def ask():
            try:
                client.request(3, timeout=5)
            except RemoteError as error:
                asking.append(error.type_name)

        thread = threading.Thread(target=ask)
        thread.start()
        with pytest.raises(SystemExit):
            server.serve(handler)
        thread.join()
        assert asking == ["SystemExit"]
        assert server.closed is (workers > 1)

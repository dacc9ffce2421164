"""A tenth of what comes is no message: truncated, damaged, hostile, oversized. The rest arrives, and the loop goes on."""

import threading

import numpy as np
import pytest
import zmq

import oobpickle
from oobpickle import Client, Puller, Server, Subscriber, wire
from oobpickle.codec.data_codec import DataCodec

from tests.hostile.attacks import ATTACKS
from tests.hostile.test_attacks import HARMLESS
from tests.until import until

MESSAGES = [pytest.param(3_000, id="short"), pytest.param(100_000, id="whole", marks=pytest.mark.slow)]
OVERSIZED = 2**20
DATA = DataCodec()

# Without those that are large: it is not the attacks that are tested here, but that the stream goes on.
STREAMS = [stream for name, (stream, _) in ATTACKS.items() if name not in HARMLESS and len(stream) < 10_000]


def bad(rng, good):
    """What is no message, one way or the other; frames."""
    way = rng.integers(6)
    head = bytes(good[0])
    if way == 0:
        return [head[: rng.integers(len(head))], *good[1:]]
    if way == 1:
        return [head + b"x" * rng.integers(1, 100), *good[1:]]
    if way == 2:
        return [rng.bytes(rng.integers(200)), *good[1:]]
    if way == 3:
        return [head, *good[1:], b"surplus"]
    if way == 4:
        return [*good, *[b""] * (2**16 + 1)] if rng.integers(1000) == 0 else [b""]
    return list(wire.pack(wire.DATA, STREAMS[rng.integers(len(STREAMS))], [], epoch=1, sequence=1))


def mixed(rng, messages):
    """(frames, whether they are a message) for so many messages, and a tenth as many that are none."""
    good = [oobpickle.dumps({"n": n, "array": np.arange(n * 5_000)}, codec=DATA) for n in range(3)]
    left, right = messages, messages // 9
    while left or right:
        frames = good[rng.integers(len(good))]
        if rng.integers(left + right) < left:
            left -= 1
            yield frames, True
        else:
            right -= 1
            yield bad(rng, frames), False


def send_all(kind, address, rng, messages, before=b""):
    """From a socket of a stranger's; a second one sends what is too large, and is cut off each time."""
    with zmq.Context.instance().socket(kind) as socket, zmq.Context.instance().socket(kind) as large:
        for one in (socket, large):
            one.set(zmq.SNDHWM, 0)
            one.set(zmq.LINGER, 60_000)
            if kind == zmq.XPUB:
                one.set(zmq.XPUB_NODROP, 1)
            one.connect(address)
        large.set(zmq.LINGER, 0)
        if kind == zmq.XPUB:
            assert socket.poll(30_000)
        for number, (frames, _) in enumerate(mixed(rng, messages)):
            socket.send_multipart([before + bytes(frames[0]), *frames[1:]])
            if number % 500 == 0:
                large.send(before + bytes(OVERSIZED + 1))


@pytest.mark.parametrize("messages", MESSAGES)
@pytest.mark.parametrize(("kind", "theirs", "before"), [(Puller, zmq.PUSH, b""), (Subscriber, zmq.XPUB, b"t\0")])
def test_all_good_ones_arrive_and_the_bad_ones_are_counted(ipc, rng, kind, theirs, before, messages):
    with kind(bind=ipc, codec=DATA, max_frame=OVERSIZED) as endpoint:
        sender = threading.Thread(target=send_all, args=(theirs, ipc, rng, messages, before))
        sender.start()
        for _ in range(messages):
            obj = endpoint.recv(timeout=60)
            obj = obj[1] if kind is Subscriber else obj
            assert obj["array"].size == obj["n"] * 5_000
        sender.join()
        while endpoint.stats.malformed < messages // 9:
            with pytest.raises(oobpickle.Timeout):
                endpoint.recv(timeout=0.1)
        stats = endpoint.stats
        assert (stats.messages, stats.malformed) == (messages, messages // 9)


@pytest.mark.parametrize("messages", MESSAGES)
def test_a_server_goes_on_answering(ipc, rng, messages):
    with Server(bind=ipc, codec=DATA, max_frame=OVERSIZED) as server:
        serving = threading.Thread(target=server.serve, args=(lambda obj: obj,))
        serving.start()
        sender = threading.Thread(target=send_all, args=(zmq.DEALER, ipc, rng, messages))
        sender.start()
        with Client(connect=ipc, codec=DATA) as client:
            for n in range(100):
                assert client.request(n, timeout=60) == n
            sender.join()
            until(lambda: server.stats.malformed == messages // 9 and server.stats.messages == messages + 100)
            assert client.request("last", timeout=60) == "last"
        server.close()
        serving.join()

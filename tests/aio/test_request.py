"""oobpickle.aio.request: signals that a call of somebody else has swallowed. (What it does, tests/endpoints tells.)"""

import asyncio
import threading
import time

import numpy as np
import pytest
import zmq

from oobpickle import PickleCodec, wire
from oobpickle.aio import Client, Server
from oobpickle.errors import Closed, RemoteError, Timeout

from tests.until import until


class Peer:
    """A server of one socket, which does what it is told in one step, without the loop."""

    def __init__(self, address):
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.set(zmq.RCVHWM, 1)
        self.socket.bind(address)

    def recv(self):
        assert self.socket.poll(10_000)
        self.route, *frames = self.socket.recv_multipart()
        self.asked = wire.unpack(list(map(memoryview, frames)))

    def reply(self, obj):
        stream, _ = PickleCodec().encode(obj)
        (head,) = wire.pack(wire.PICKLE, stream, [], epoch=self.asked.epoch, sequence=self.asked.sequence)
        self.socket.send_multipart([self.route, head])


@pytest.fixture
def peer(ipc):
    made = Peer(ipc)
    yield made
    made.socket.close(0)


async def in_flight(client, count):
    while client.stats.in_flight < count:
        await asyncio.sleep(0)


def test_stats_swallow_no_reply(peer, ipc):
    async def ask():
        async with Client(connect=ipc, codec="pickle") as client:
            asking = asyncio.create_task(client.request(1, timeout=30))
            await in_flight(client, 1)
            peer.recv()
            peer.reply(2)
            until(lambda: client.socket.poll(0))
            client.stats  # reads the socket's events, and with them the signal that the loop waits for
            started = time.monotonic()
            assert await asking == 2
            assert time.monotonic() - started < 20, "found when the time was up"

    asyncio.run(ask())


def test_who_waits_for_room_swallows_no_reply(peer, ipc):
    async def ask():
        async with Client(connect=ipc, codec="pickle", high_water_mark=1, lane="inline") as client:
            asking = asyncio.create_task(client.request(1, timeout=30))
            await in_flight(client, 1)
            peer.recv()
            put, failures, full = client._out.put, 0, asyncio.Event()

            def put_and_tell(frames, route=b""):
                nonlocal failures
                if full.is_set() and peer.route:
                    peer.reply(2)
                    peer.route = b""
                    until(lambda: client.socket.poll(0))
                sent = put(frames, route)
                failures = failures + 1 if sent is None else 0
                if failures == 100:  # nothing goes any more, so no other event will make the loop look
                    full.set()
                return sent

            client._out.put = put_and_tell
            big = np.zeros(2**20)
            others = [asyncio.create_task(client.request(big)) for _ in range(10)]
            await asyncio.wait_for(full.wait(), 60)
            started = time.monotonic()
            assert await asking == 2
            assert time.monotonic() - started < 20, "found when the time was up"
            for other in others:
                other.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    asyncio.run(ask())


def test_what_a_handler_awaited_and_was_cancelled_is_its_own_error(ipc):
    async def handler(x):
        if x == "bad":
            gone = asyncio.get_running_loop().create_future()
            gone.cancel()
            await gone
        return x

    async def main():
        async with Server(bind=ipc, workers=2) as server, Client(connect=ipc) as client:
            serving = asyncio.create_task(server.serve(handler))
            for _ in range(3):
                with pytest.raises(RemoteError, match="CancelledError"):
                    await client.request("bad", timeout=5)
            assert await client.request("good", timeout=5) == "good"
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving

    asyncio.run(main())


def test_what_is_no_exception_is_told_and_raised(ipc):
    class Stop(BaseException):
        pass

    async def handler(_):
        raise Stop

    async def main():
        async with Server(bind=ipc) as server, Client(connect=ipc) as client:
            asking = asyncio.create_task(client.request(1, timeout=5))
            with pytest.raises(Stop):
                await server.serve(handler)
            with pytest.raises(RemoteError, match="Stop"):
                await asking

    asyncio.run(main())


def test_serving_ends_when_it_is_cancelled_in_a_handler_that_raises_then(ipc):
    async def main():
        began = asyncio.Event()

        async def handler(_):
            began.set()
            try:
                await asyncio.sleep(60)
            finally:
                raise ValueError("on the way out")

        async with Server(bind=ipc) as server, Client(connect=ipc) as client:
            serving = asyncio.create_task(server.serve(handler))
            asking = asyncio.create_task(client.request(1, timeout=60))
            await began.wait()
            serving.cancel()
            with pytest.raises((asyncio.CancelledError, ValueError)):
                await asyncio.wait_for(serving, 10)
            asking.cancel()

    asyncio.run(main())


def test_a_terminated_context_closes_all_calls_in_flight(ipc):
    async def main():
        context = zmq.Context()
        complaints = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        client = Client(connect=ipc, context=context)
        asking = [asyncio.create_task(client.request(n, timeout=20)) for n in range(3)]
        await in_flight(client, 3)
        ended = threading.Thread(target=context.term)
        ended.start()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert list(map(type, answers)) == [Closed] * 3
        await client.close()
        ended.join()
        assert not complaints

    asyncio.run(main())

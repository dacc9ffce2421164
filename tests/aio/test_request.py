"""oobpickle.aio.request: signals that a call of somebody else has swallowed. (What it does, tests/endpoints tells.)"""

import asyncio
import time

import numpy as np
import pytest
import zmq

from oobpickle import PickleCodec, wire
from oobpickle.aio import Client
from oobpickle.errors import Timeout

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

"""oobpickle.aio.pubsub: signals that a call of somebody else has swallowed. (What it does, tests/endpoints tells.)"""

import asyncio
import time

from oobpickle.aio import Publisher, Subscriber
from oobpickle.endpoints.endpoint import Endpoint

from tests.until import until


def test_a_subscription_is_heard_that_comes_in_the_middle_of_the_housekeeping(ipc, monkeypatch):
    housekeep = Endpoint._housekeep
    waits = []

    def housekeep_and_wait(endpoint):
        housekeep(endpoint)
        if endpoint in waits:
            waits.remove(endpoint)
            until(lambda: endpoint.socket.poll(0))

    monkeypatch.setattr(Endpoint, "_housekeep", housekeep_and_wait)

    async def listen():
        async with Publisher(bind=ipc) as pub:
            waiting = asyncio.create_task(pub.wait_for_subscribers(timeout=30))
            await asyncio.sleep(0)
            async with Subscriber(connect=ipc):
                waits.append(pub)
                pub.stats
                started = time.monotonic()
                assert await waiting == 1
                assert time.monotonic() - started < 20, "found when the time was up"

    asyncio.run(listen())


def test_one_that_gathers_and_is_not_waited_for_leaves_the_loop_alone(ipc):
    async def listen():
        async with Publisher(bind=ipc) as pub, Subscriber(connect=ipc, latest=True) as sub:
            await pub.wait_for_subscribers(timeout=5)
            waiting = asyncio.create_task(sub.recv(timeout=5))
            await asyncio.sleep(0)
            assert sub._watching is not None
            await pub.send("a", 1)
            assert await waiting == ("a", 1)
            assert sub._watching is None
            for n in range(3):
                await pub.send("a", n)
                assert await sub.recv(timeout=5) == ("a", n)

    asyncio.run(listen())

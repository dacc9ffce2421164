"""oobpickle.aio.waiting: what only asyncio has: tasks, cancellation, loops."""

import asyncio
import gc
import threading
import time

import numpy as np
import pytest
import zmq

from oobpickle.aio import Client, Publisher, Puller, Pusher, Server, Subscriber
from oobpickle.aio.waiting import TURNS
from oobpickle.errors import Closed, Timeout


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 30))


def test_cancelling_a_recv_loses_no_message(ipc):
    """At every moment: before the message, at the moment it comes, and when it is there."""

    async def main():
        async with Puller(bind=ipc) as pull, Pusher(connect=ipc) as push:
            sent = received = 0
            for n in range(300):
                task = asyncio.create_task(pull.recv())
                for _ in range(n % 7):
                    await asyncio.sleep(0)
                await push.send(sent)
                sent += 1
                if n % 3 == 0:
                    await asyncio.sleep(0.0005)
                for _ in range(n % 5):
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    assert await task == received
                    received += 1
                except asyncio.CancelledError:
                    pass
            assert received < sent, "nothing was cancelled: the test shows nothing"
            while received < sent:
                assert await pull.recv(timeout=5) == received
                received += 1
            with pytest.raises(Timeout):
                await pull.recv(timeout=0.05)

    run(main())


def test_asyncios_own_timeout_loses_no_message(ipc):
    async def main():
        async with Puller(bind=ipc) as pull, Pusher(connect=ipc) as push:
            received = []
            for n in range(200):
                await push.send(n)
                try:
                    async with asyncio.timeout(0.00001 * (n % 40)):
                        received.append(await pull.recv())
                except TimeoutError:
                    pass
            while len(received) < 200:
                received.append(await pull.recv(timeout=5))
            assert received == list(range(200))

    run(main())


def test_a_busy_consumer_leaves_others_their_turn(inproc):
    async def main():
        async with Pusher(bind=inproc, high_water_mark=0) as push, Puller(connect=inproc, high_water_mark=0) as pull:
            for n in range(50 * TURNS):
                await push.send(n)
            turns = 0

            async def other():
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            task = asyncio.create_task(other())
            for _ in range(50 * TURNS):
                await pull.recv()
            task.cancel()
            assert turns >= 40

    run(main())


def test_a_thousand_requests_in_flight(ipc):
    async def main():
        async def handler(x):
            await asyncio.sleep(0)
            return x

        async with Server(bind=ipc, workers=20) as server, Client(connect=ipc) as client:
            serving = asyncio.create_task(server.serve(handler))
            got = await asyncio.gather(*[client.request(n, timeout=20) for n in range(1000)])
            assert got == list(range(1000))
            assert client.stats.messages == 1000
        await serving

    run(main())


def test_a_cancelled_request_is_given_up(ipc):
    async def main():
        async with Server(bind=ipc) as server, Client(connect=ipc) as client:
            task = asyncio.create_task(client.request("never mind"))
            request = await server.recv(timeout=5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert client.stats.in_flight == 0
            await request.reply("late")
            asking = asyncio.create_task(client.request(2, timeout=5))
            await (await server.recv(timeout=5)).reply(3)
            assert await asking == 3
            assert client.stats.late == 1

    run(main())


def test_sending_while_another_task_receives(ipc):
    """A call that uses the socket does not swallow the signal of one that waits."""

    async def main():
        async with Server(bind=ipc) as server, Client(connect=ipc) as client:
            await asyncio.gather(*(one(server, client) for one in (answer, ask)))

    async def answer(server, client):
        for _ in range(500):
            request = await server.recv(timeout=5)
            asyncio.get_running_loop().call_soon(lambda r=request: asyncio.ensure_future(r.reply(r.obj)))

    async def ask(server, client):
        for n in range(250):
            assert await asyncio.gather(client.request(n, timeout=5), client.request(-n, timeout=5)) == [n, -n]

    run(main())


def test_many_tasks_publish_losslessly_to_a_slow_subscriber(ipc):
    async def main():
        async with (
            Publisher(bind=ipc, lossless=True, high_water_mark=2) as pub,
            Subscriber(connect=ipc, high_water_mark=2) as sub,
        ):
            await pub.wait_for_subscribers(timeout=5)
            tasks = [asyncio.create_task(pub.send(str(k), np.zeros(100_000), timeout=20)) for k in range(50)]
            got = [(await sub.recv(timeout=5))[0] for _ in range(50)]
            await asyncio.gather(*tasks)
            assert sorted(got) == sorted(map(str, range(50)))

    run(main())


def test_one_waits_for_subscribers_while_another_sends(ipc):
    async def main():
        async with Publisher(bind=ipc) as pub:
            waiting = asyncio.create_task(pub.wait_for_subscribers(1, timeout=5))

            async def sending():
                while not waiting.done():
                    await pub.send("a", 1)
                    await asyncio.sleep(0)

            async with Subscriber(connect=ipc):
                await asyncio.gather(waiting, sending())

    run(main())


def test_closing_in_one_task_ends_the_wait_of_another(ipc):
    async def main():
        pull = Puller(bind=ipc)
        waiting = [asyncio.create_task(pull.recv()) for _ in range(3)]
        await asyncio.sleep(0.01)
        await pull.close()
        for task in waiting:
            with pytest.raises(Closed):
                await task

    run(main())


def test_a_loop_after_the_other(ipc):
    """Made outside of a loop, used in two."""
    pull, push = Puller(bind=ipc), Pusher(connect=ipc)

    async def once(n):
        await push.send(n)
        assert await pull.recv(timeout=5) == n
        with pytest.raises(Timeout):
            await pull.recv(timeout=0.01)

    async def close():
        await push.close()
        await pull.close()

    for n in range(3):
        run(once(n))
    run(close())


def test_a_loop_that_ended_while_one_waited(ipc):
    pull, push = Puller(bind=ipc), Pusher(connect=ipc)

    async def cut_off():
        task = asyncio.create_task(pull.recv())
        await asyncio.sleep(0.01)
        return task

    task = run(cut_off())
    assert task.cancelled()

    async def main():
        await push.send(1)
        assert await pull.recv(timeout=5) == 1
        await push.close()
        await pull.close()

    run(main())


def test_garbage_collection_warns(ipc):
    async def main():
        pull = Puller(bind=ipc)
        with pytest.raises(Timeout):
            await pull.recv(timeout=0.01)
        with pytest.warns(ResourceWarning, match="aio.pushpull.Puller"):
            del pull
            gc.collect()

    run(main())


def test_the_socket_is_a_plain_one(inproc):
    async def main():
        async with Pusher(bind=inproc) as push:
            assert type(push.socket) is zmq.Socket

    run(main())


def test_no_thread_is_started(ipc):
    async def main():
        before = threading.active_count()
        async with Puller(bind=ipc) as pull, Pusher(connect=ipc) as push:
            await push.send(1)
            assert await pull.recv(timeout=5) == 1
            assert threading.active_count() == before

    run(main())


def test_close_lingers_without_blocking_the_loop(caplog):
    async def main():
        push = Pusher(connect="tcp://127.0.0.1:1", insecure=True, linger=0.3)
        await push.send(1)
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        task = asyncio.create_task(tick())
        started = time.monotonic()
        await push.close()
        assert 0.3 <= time.monotonic() - started < 2
        task.cancel()
        assert ticks > 5
        assert push.stats.dropped == 1

    run(main())
    assert "undelivered" in caplog.text


def test_a_cancelled_block_lingers_a_second_at_the_most():
    async def block():
        async with Pusher(connect="tcp://127.0.0.1:1", insecure=True) as push:
            await push.send(1)
            await asyncio.sleep(60)

    async def main():
        task = asyncio.create_task(block())
        await asyncio.sleep(0.05)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 0.9 <= time.monotonic() - started < 2.5

    run(main())

"""kill -9 of one end, again and again: the other goes on, nothing hangs, and nothing is left behind.

Requests by both lanes, the rest by the inline one; kill_cycles.py is of the shared one.
"""

import gc
import operator
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from oobpickle import Client, LaneError, Publisher, Puller, Server, Subscriber, Timeout

from tests.conftest import descriptors, threads
from tests.until import until

CYCLES = [pytest.param(6, id="short"), pytest.param(200, id="whole", marks=pytest.mark.slow)]
WARM_UP = 3  # cycles after which everything that is kept for later is there
GROWTH = 32 * 2**20
"""Bytes that a process may have grown by, whatever the number of cycles: messages are of 3 MB, so a leak of one in ten
cycles is twice that."""


class Books:
    """What this process holds, cycle by cycle: no more than after the first ones."""

    def __init__(self):
        self.cycles = 0
        self.allowed = ()

    def enter(self):
        gc.collect()
        self.cycles += 1
        if self.cycles == WARM_UP:
            self.allowed = (*held(), resident() + GROWTH)
        elif self.cycles > WARM_UP:
            # Sooner or later: an attempt to connect again has a descriptor as long as it lasts.
            until(lambda: all(map(operator.le, held(), self.allowed)))
            assert resident() < self.allowed[-1]


def held():
    """How many descriptors and threads."""
    return len(descriptors()), len(threads())


def resident():
    """Bytes of memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.fixture
def books():
    return Books()


@pytest.mark.parametrize("cycles", CYCLES)
@pytest.mark.parametrize("lane", ["inline", "auto"])
def test_a_server_in_the_middle_of_requests(start, ipc, books, rng, cycles, lane):
    array = np.arange(300_000.0)
    with Client(connect=ipc, codec="pickle", lane=lane) as client:
        for _ in range(cycles):
            server = start("serve", address=ipc, lane=lane)
            server.said()
            # Two that are still there when the server is killed, whatever the scheduler does.
            delays = rng.permutation([rng.integers(20), rng.integers(20), 1000, 1000])
            asking = [threading.Thread(target=ask, args=(client, (delay, array))) for delay in delays]
            assert client.request((0, array), timeout=30)[1][-1] == array[-1]
            for thread in asking:
                thread.start()
            until(lambda: client.stats.in_flight >= 2)
            server.kill()
            for thread in asking:
                thread.join()
            assert client.stats.in_flight == 0
            until(lambda: client.stats.connected == 0)
            if lane == "auto":  # (frames stay with libzmq, for the next server)
                until(lambda: client.stats.bytes_in_flight == 0)
            books.enter()


def ask(client, obj):
    try:
        client.request(obj, timeout=0.3)
    except (Timeout, LaneError):  # the latter: the reply was here, and its memory went with the server
        pass


@pytest.mark.parametrize("cycles", CYCLES)
def test_a_publisher_in_the_middle_of_a_message(start, books, rng, cycles):
    with Puller(bind="tcp://127.0.0.1:*", insecure=True) as puller:
        (address,) = puller.addresses  # which is free now, and can be bound again and again
    with Subscriber(connect=address, insecure=True, codec="pickle", lane="inline") as sub:
        for _ in range(cycles):
            publisher = start("stream", address=address)
            publisher.said()
            for _ in range(rng.integers(1, 6)):
                _, array = sub.recv(timeout=30)
                assert (array == array[0]).all()
            publisher.kill()
            until(lambda: sub.stats.connected == 0)
            drain(sub)
            books.enter()
        assert sub.stats.malformed == 0


def drain(endpoint):
    try:
        while True:
            endpoint.recv(timeout=0.05)
    except Timeout:
        pass


@pytest.mark.parametrize("cycles", CYCLES)
@pytest.mark.parametrize("lossless", [False, True])
def test_a_subscriber(start, ipc, books, rng, cycles, lossless):
    array = np.zeros(3 * 2**20, "u1")
    with Publisher(
        bind=["tcp://127.0.0.1:*", ipc],
        insecure=True,
        codec="pickle",
        lane="inline",
        lossless=lossless,
        high_water_mark=5,
    ) as pub:
        for number in range(cycles):
            subscriber = start("listen", address=pub.addresses[number % 2])
            pub.wait_for_subscribers(timeout=30)
            pub.send("a", array)
            subscriber.said()
            for _ in range(rng.integers(1, 20)):
                pub.send("a", array, timeout=30)
            subscriber.kill()
            pub.send("a", array, timeout=30)
            until(lambda: not pub.subscribed("a") and pub.stats.connected == 0)
            until(lambda: pub.stats.bytes_in_flight == 0)
            books.enter()


@pytest.mark.parametrize("cycles", CYCLES)
def test_a_client_and_a_pusher(start, tmp_path_factory, books, cycles):
    folder = tmp_path_factory.mktemp("s")
    with (
        Server(bind=f"ipc://{folder}/server", codec="pickle", lane="inline") as server,
        Puller(bind=f"ipc://{folder}/puller", codec="pickle", lane="inline", high_water_mark=2) as puller,
    ):
        serving = threading.Thread(target=server.serve, args=(lambda obj: obj,))
        serving.start()
        for _ in range(cycles):
            client = start("ask", address=server.addresses)
            pusher = start("push", address=puller.addresses)
            client.said()
            pusher.said()
            array = puller.recv(timeout=30)
            assert (array == array[0]).all()
            client.kill()
            pusher.kill()
            del array
            drain(puller)
            until(lambda: server.stats.connected == puller.stats.connected == 0)
            until(lambda: server.stats.bytes_in_flight == 0)
            books.enter()
        assert puller.stats.malformed == 0
        server.close()
        serving.join()

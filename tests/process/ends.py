"""The ends of the endpoint tests that need processes of their own: each function is one, and `say` what it tells the test."""

import itertools
import mmap
import os
import threading
import time

import numpy as np

from oobpickle import Client, Publisher, Pusher, Server, Subscriber, Timeout

BIG = 2**20


def run(name, pipe, arguments):
    globals()[name](pipe.send, **arguments)


def idle(say):
    pass


def publish(
    say, address, subscribers, small, big, *, topics=("a", "b"), ends=1, lossless=True, high_water_mark=1000, pause=0.0
):
    """Small messages, then big ones, on topics by turns."""
    with Publisher(
        bind=address, insecure=True, codec="pickle", lossless=lossless, high_water_mark=high_water_mark
    ) as pub:
        say(pub.addresses)
        if subscribers:
            pub.wait_for_subscribers(subscribers, timeout=60)
        me = os.getpid()
        for n in range(small):
            pub.send(topics[n % len(topics)], (me, n // len(topics), None))
            if pause:
                time.sleep(pause)
        for n in range(small, small + big):
            array = np.full(BIG, n % 251, "u1")
            pub.send(topics[n % len(topics)], (me, n // len(topics), array))
        for topic in topics * ends:
            pub.send(topic, (me, -1, None))
        stats = pub.stats
        say({"sent": stats.messages, "dropped": stats.dropped, "unwanted": stats.unwanted})


def subscribe(say, addresses, ends, *, high_water_mark=1000, topics=""):
    """Until so many last messages have come. Checks all; tells what was missed, and what it should have been."""
    last, first, count, wrong = {}, {}, {}, 0
    with Subscriber(
        connect=addresses, insecure=True, codec="pickle", high_water_mark=high_water_mark, topics=topics
    ) as sub:
        reported = 0
        while ends:
            topic, (who, n, array), sequence, _, missed, _ = sub.recv_message(timeout=120)
            reported += missed
            if n < 0:
                ends -= 1
            elif n != sequence - 1 or (
                array is not None and not (array.nbytes == BIG and array[0] == array[-1] and (array == array[0]).all())
            ):
                wrong += 1
            line = f"{who} {topic}"
            first.setdefault(line, sequence)
            wrong += sequence <= last.get(line, 0)
            last[line] = sequence
            count[line] = count.get(line, 0) + 1
        missing = sum(last[line] - first[line] + 1 - count[line] for line in last)
        stats = sub.stats
        say(
            {
                "received": sum(count.values()), "wrong": wrong, "missing": missing, "reported": reported,
                "missed": stats.missed, "malformed": stats.malformed, "lines": len(last),
            }
        )  # fmt: skip


def hear(say, **addresses):
    """Tells each message that comes, until it is killed."""
    with Subscriber(**addresses, insecure=True) as sub:
        say(sub.addresses)
        for message in sub:
            say(message)


def frames(say, address, path, rate, size):
    """A camera: so many frames a second until it is killed. The number of the newest stands in the file at path.

    What it could not take in time it does not take: it never makes up for lost time by a burst.
    """
    array = np.zeros(size, "u1")
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 8) as memory, Publisher(bind=address) as pub:
        newest = memoryview(memory).cast("Q")
        pub.wait_for_subscribers(timeout=60)
        say("ready")
        due = time.monotonic()
        for n in itertools.count(1):
            pub.send("camera", (n, array))
            newest[0] = n
            due = max(due + 1 / rate, now := time.monotonic())
            time.sleep(due - now)


def sleeping(say, kind, address):
    """A receiver that never receives."""
    with kind(connect=address, high_water_mark=1):
        say("ready")
        threading.Event().wait()


def sending(say, kind, address, sends, size, max_bytes, lane):
    """A sender whose receiver sleeps. Tells how many bytes the process took at the most for all that it sent."""
    with kind(bind=address, high_water_mark=10**6, max_bytes=max_bytes, linger=0, lane=lane) as endpoint:
        say("bound")
        if kind is Publisher:
            endpoint.wait_for_subscribers(timeout=60)
        before, most, refused = _resident("VmRSS"), 0, 0
        for n in range(sends):
            array = np.full(size, n % 251, "u1")
            if kind is Publisher:
                endpoint.send("a", array)
            else:
                try:
                    endpoint.send(array, timeout=0)
                except Timeout:
                    refused += 1
            most = max(most, endpoint.stats.bytes_in_flight)
        del array
        refused = refused or endpoint.stats.dropped
        say({"took": _resident("VmHWM") - before, "in_flight": most, "refused": refused})


def _resident(which):
    """Bytes of memory of this process: now (VmRSS), or at the most so far (VmHWM)."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(which))


def serve(say, address, lane="inline"):
    """Answers for ever: what is asked, after as many milliseconds as it says, so that it is killed in the middle of some."""
    with Server(bind=address, codec="pickle", insecure=True, lane=lane, workers=2) as server:

        def handle(asked):
            time.sleep(asked[0] / 1000)
            return asked

        say("ready")
        server.serve(handle)


def stream(say, address):
    """Publishes large messages for ever."""
    with Publisher(bind=address, codec="pickle", insecure=True, lane="inline") as pub:
        say("ready")
        for n in itertools.count():
            pub.send("a", np.full(3 * BIG, n % 251, "u1"))


def listen(say, address):
    """Receives for ever."""
    with Subscriber(connect=address, codec="pickle", insecure=True, lane="inline") as sub:
        sub.recv(timeout=60)
        say("ready")
        for _ in sub:
            pass


def ask(say, address):
    """Asks for ever, from three threads."""
    with Client(connect=address, codec="pickle", insecure=True, lane="inline") as client:
        client.request((0, None), timeout=60)
        say("ready")

        def go_on():
            while True:
                client.request((1, np.zeros(BIG // 4, "u1")))

        threads = [threading.Thread(target=go_on, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        threads[0].join()


def push(say, address):
    """Pushes large messages for ever."""
    with Pusher(connect=address, codec="pickle", insecure=True, lane="inline") as pusher:
        say("ready")
        for n in itertools.count():
            pusher.send(np.full(3 * BIG, n % 251, "u1"))

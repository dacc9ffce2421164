"""The ends of the endpoint tests that need processes of their own: ``python -m tests.process.ends NAME '{"arguments": ...}'``.

Each prints lines of JSON: what it has seen.
"""

import json
import os
import sys
import threading
import time

import numpy as np

from oobpickle import Client, Publisher, Server, Subscriber, Timeout

BIG = 2**20


def say(**what):
    print(json.dumps(what), flush=True)


def publish(
    address, subscribers, small, big, *, topics=("a", "b"), lossless=True, high_water_mark=1000, pause=0.0, ends=1
):
    """Small messages, then big ones, on topics by turns."""
    with Publisher(
        bind=address, insecure=True, codec="pickle", lossless=lossless, high_water_mark=high_water_mark
    ) as pub:
        say(address=pub.addresses[0])
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
        say(sent=stats.messages, dropped=stats.dropped, unwanted=stats.unwanted)


def subscribe(addresses, ends, *, high_water_mark=1000, topics=""):
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
            received=sum(count.values()), wrong=wrong, missing=missing, reported=reported,
            missed=stats.missed, malformed=stats.malformed, lines=len(last),
        )  # fmt: skip


def serve(address, *, workers=1):
    with Server(bind=address, codec="pickle", workers=workers) as server:
        say(address=server.addresses[0])
        server.serve(lambda obj: obj)


def stay(kind, address):
    """Publish, subscribe or ask for ever, until killed."""
    if kind == "publish":
        with Publisher(bind=address, codec="pickle") as pub:
            say(ready=True)
            n = 0
            while True:
                pub.send("a", (n, np.full(2**20, n % 251, "u1")))
                n += 1
    elif kind == "subscribe":
        with Subscriber(connect=address, codec="pickle") as sub:
            sub.recv(timeout=60)
            say(ready=True)
            for _ in sub:
                pass
    else:
        with Client(connect=address, codec="pickle") as client:

            def ask():
                while True:
                    try:
                        client.request(np.zeros(300_000, "u1"), timeout=1)
                    except Timeout:
                        pass

            threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
            for thread in threads:
                thread.start()
            client.request(1, timeout=60)
            say(ready=True)
            threads[0].join()


if __name__ == "__main__":
    globals()[sys.argv[1]](**json.loads(sys.argv[2]))

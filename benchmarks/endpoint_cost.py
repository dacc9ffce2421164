"""What an endpoint costs over `send` and `recv` on the same socket, and a round trip beside bare zmq frames.

    python benchmarks/endpoint_cost.py [rounds] [word]      the word: of the cases that are to be measured

Both ends are processes of their own. In each round a batch goes one way through `oobpickle.send` and `recv` on the
endpoint's own socket, and then one through the endpoint; the ratio is the median over the rounds, so that what else the
machine does cancels out. A batch is twice what the queues hold, so that most of it is a stream, in which both ends work
at once. The processes are renewed every few rounds: where the receiver's heap comes to lie moves a rate by more than an
endpoint costs. Round trips: a batch of bare 8-byte frames, and then one of requests, by the same two processes.
Rates are of the receiver; a round trip is the median of its batch. "cpu" is the same ratio (bare over endpoint for rates,
endpoint over bare for round trips) of the processor time that both processes took: what is left of the figure on a
machine that does other things as well.
"""

import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import zmq

import oobpickle
from oobpickle import Client, PickleCodec, Publisher, Puller, Pusher, Server, Subscriber, wire
from oobpickle.codec.data_codec import DataCodec

SIZES = {1024: 20_000, 2**20: 2_000}
A_PAIR = 5  # rounds, then the processes are renewed
CODECS = {"pickle": PickleCodec(), "data": DataCodec()}
TRIPS = 1_000
TOPIC = "camera/left"
KEY = TOPIC.encode() + b"\0"


def an_object(size: int) -> Any:
    """One array of so many bytes, with a name; a KB of it is bytes, for an array of that size is mostly its codec."""
    return {"name": "x", "array": np.zeros(size // 8)} if size > 2**16 else {"name": "x", "bytes": bytes(size)}


def receive(kind: type, address: str, codec: str, size: int, rounds: int, control: Connection) -> None:
    """The far end of a one-way measurement."""
    with kind(connect=address, codec=CODECS[codec], insecure=True, lane="inline") as endpoint:
        socket = endpoint.socket

        def raw() -> Any:
            if kind is Puller:
                return oobpickle.recv(socket, codec=CODECS[codec])
            views = oobpickle.sockets.recv_frames(socket)
            views[0] = views[0][len(KEY) :]
            return oobpickle.message.unpack(views, CODECS[codec])

        for _ in range(rounds):
            for receive_one in (raw, endpoint.recv):
                control.send("ready")
                receive_one()
                start = time.perf_counter()
                for _ in range(SIZES[size]):
                    receive_one()
                control.send(SIZES[size] / (time.perf_counter() - start))
                control.recv()


def one_way(kinds: tuple[type, type], folder: str, codec: str, size: int, rounds: int) -> None:
    """Sender against raw socket."""
    rates: tuple[list[float], list[float]] = ([], [])
    taken: tuple[list[int], list[int]] = ([], [])
    while left := rounds - len(rates[0]):
        stream(kinds, folder, codec, size, min(left, A_PAIR), rates, taken)
    report(f"{kinds[0].__name__}, {codec}, {size} B", "messages/s", *rates, taken)


def stream(
    kinds: tuple[type, type],
    folder: str,
    codec: str,
    size: int,
    rounds: int,
    rates: tuple[list[float], list[float]],
    taken: tuple[list[int], list[int]],
) -> None:
    """So many rounds between two new ends, added to rates and processor times."""
    sender, receiver = kinds
    address = f"ipc://{folder}/{sender.__name__}{codec}{size}"
    here, there = multiprocessing.Pipe()
    options = {"lossless": True} if sender is Publisher else {}
    with sender(bind=address, codec=CODECS[codec], insecure=True, lane="inline", **options) as endpoint:
        process = multiprocessing.Process(target=receive, args=(receiver, address, codec, size, rounds, there))
        process.start()
        obj = an_object(size)
        socket = endpoint.socket

        def raw() -> None:
            if sender is Pusher:
                oobpickle.send(socket, obj, codec=CODECS[codec])
                return
            frames = oobpickle.dumps(obj, codec=CODECS[codec])
            frames[0] = KEY + frames[0]
            socket.send_multipart(frames, copy=False)

        def ours() -> None:
            endpoint.send(obj) if sender is Pusher else endpoint.send(TOPIC, obj)

        if sender is Publisher:
            endpoint.wait_for_subscribers()
        ends = os.getpid(), process.pid
        for _ in range(rounds):
            for rate, took, send_one in zip(rates, taken, (raw, ours), strict=True):
                assert here.recv() == "ready"
                before = cpu(*ends)
                for _ in range(SIZES[size] + 1):
                    send_one()
                rate.append(here.recv())
                took.append(cpu(*ends) - before)
                here.send("go on")
        process.join()


def answer(folder: str, codec: str) -> None:
    """The far end of the round trips."""
    bare = zmq.Context.instance().socket(zmq.ROUTER)
    bare.connect(f"ipc://{folder}/bare{codec}")
    server = Server(connect=f"ipc://{folder}/ours{codec}", codec=CODECS[codec], insecure=True, lane="inline")
    serving = threading.Thread(target=server.serve, args=(lambda obj: obj,))
    serving.start()
    while (frames := bare.recv_multipart())[1]:
        bare.send_multipart(frames)
    server.close()
    serving.join()
    bare.close()


def round_trip(folder: str, codec: str, rounds: int) -> None:
    """Client and Server beside DEALER and ROUTER with 8 bytes."""
    bare = zmq.Context.instance().socket(zmq.DEALER)
    bare.bind(f"ipc://{folder}/bare{codec}")
    with Client(bind=f"ipc://{folder}/ours{codec}", codec=CODECS[codec], insecure=True, lane="inline") as client:
        process = multiprocessing.Process(target=answer, args=(folder, codec))
        process.start()

        def bare_trip() -> None:
            bare.send(b"12345678")
            bare.recv()

        times: tuple[list[float], list[float]] = ([], [])
        for trip in (bare_trip, lambda: client.request(12345678)):
            for _ in range(200):
                trip()
        taken: tuple[list[int], list[int]] = ([], [])
        ends = os.getpid(), process.pid
        for _ in range(rounds):
            for batch, took, trip in zip(times, taken, (bare_trip, lambda: client.request(12345678)), strict=True):
                before = cpu(*ends)
                batch.append(p50(trip))
                took.append(cpu(*ends) - before)
        bare.send(b"")
        process.join()
        bare.close()
    report(f"round trip, {codec}, 8 B", "us", *times, taken)


def p50(trip: Callable[[], Any]) -> float:
    """The median of a batch, in microseconds."""
    times = []
    for _ in range(TRIPS):
        start = time.perf_counter_ns()
        trip()
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times) / 1000


def cpu(*processes: int) -> int:
    """Nanoseconds of processor time that all threads of these processes have taken."""
    tasks = (task for process in processes for task in Path(f"/proc/{process}/task").iterdir())
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def report(name: str, unit: str, raw: list[float], endpoint: list[float], taken: tuple[list[int], list[int]]) -> None:
    """A line of the table. taken: processor time of each round, of the bare and of the endpoint's batch."""
    ratios = sorted(b / a for a, b in zip(raw, endpoint, strict=True))
    cpus = [b / a if unit == "us" else a / b for a, b in zip(*taken, strict=True)]
    quarter = len(ratios) // 4
    print(
        f"{name:32s} {statistics.median(raw):9.1f} {statistics.median(endpoint):9.1f} {unit:10s}"
        f"   ratio {statistics.median(ratios):.3f}  ({ratios[quarter]:.2f} to {ratios[-1 - quarter]:.2f})"
        f"   cpu {statistics.median(cpus):.3f}",
        flush=True,
    )


def main() -> None:
    """The table."""
    multiprocessing.set_start_method("spawn")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"Python {sys.version.split()[0]}, pyzmq {zmq.__version__}, libzmq {zmq.zmq_version()}, wire {wire.VERSION}")
    print(f"{'':32s} {'bare':>9s} {'endpoint':>9s}")
    word = sys.argv[2] if len(sys.argv) > 2 else ""
    with tempfile.TemporaryDirectory() as folder:
        for codec in CODECS:
            for kinds in ((Pusher, Puller), (Publisher, Subscriber)):
                for size in SIZES:
                    if word in f"{kinds[0].__name__}, {codec}, {size} B":
                        one_way(kinds, folder, codec, size, rounds)
            if word in f"round trip, {codec}, 8 B":
                round_trip(folder, codec, rounds)


if __name__ == "__main__":
    main()

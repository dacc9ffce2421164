"""What an endpoint costs over `send` and `recv` on the same socket, and a round trip beside bare zmq frames.

    python benchmarks/endpoint_cost.py [rounds]

Sender and receiver are two processes. In each round a batch goes through `oobpickle.send`/`recv` on the endpoint's own
socket and then one through the endpoint; the ratio is the median over the rounds, so drift of the machine cancels out.
"""

import multiprocessing
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import zmq

import oobpickle
from oobpickle.endpoints.pushpull import Puller, Pusher

BATCH = {1024: 10_000, 2**20: 300}


def an_object(size: int) -> dict[str, Any]:
    return {"name": "x", "array": np.zeros(size // 8)}


def receive(address: str, size: int, rounds: int, control: Connection) -> None:
    with Puller(connect=address, codec="pickle") as puller:
        for _ in range(rounds):
            for receive_one in (lambda: oobpickle.recv(puller.socket, codec="pickle"), puller.recv):
                control.send("ready")
                receive_one()
                start = time.perf_counter()
                for _ in range(BATCH[size]):
                    receive_one()
                control.send(BATCH[size] / (time.perf_counter() - start))


def push_pull(folder: str, size: int, rounds: int) -> None:
    address = f"ipc://{folder}/{size}"
    here, there = multiprocessing.Pipe()
    with Pusher(bind=address, codec="pickle") as pusher:
        receiver = multiprocessing.Process(target=receive, args=(address, size, rounds, there))
        receiver.start()
        obj = an_object(size)
        rates: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for rate, send_one in zip(
                rates,
                (lambda: oobpickle.send(pusher.socket, obj, codec="pickle"), lambda: pusher.send(obj)),
                strict=True,
            ):
                assert here.recv() == "ready"
                for _ in range(BATCH[size] + 1):
                    send_one()
                rate.append(here.recv())
        receiver.join()
    report(f"Pusher against PUSH, {size} B", *rates)


def report(name: str, raw: list[float], endpoint: list[float]) -> None:
    ratios = sorted(b / a for a, b in zip(raw, endpoint, strict=True))
    print(
        f"{name:32s} {statistics.median(raw):9.0f} {statistics.median(endpoint):9.0f} messages/s"
        f"   ratio {statistics.median(ratios):.3f}  ({ratios[len(ratios) // 4]:.2f} to {ratios[-len(ratios) // 4]:.2f})"
    )


def main() -> None:
    multiprocessing.set_start_method("spawn")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"Python {sys.version.split()[0]}, pyzmq {zmq.__version__}, libzmq {zmq.zmq_version()}")
    with tempfile.TemporaryDirectory() as folder:
        for size in BATCH:
            push_pull(folder, size, rounds)


if __name__ == "__main__":
    main()

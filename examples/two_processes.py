"""An array from one process to another over PUSH/PULL. Proof: what both sides allocate, beside the array's size."""

import multiprocessing
import tracemalloc
from multiprocessing.connection import Connection

import numpy as np
import zmq

import oobpickle

SHAPE = (64, 1024, 1024)  # 128 MB of 16-bit pixels


def consume(address: str, report: Connection) -> None:
    """Receive one object, and report its checksum and the memory that Python and numpy took for it."""
    with zmq.Context() as context, context.socket(zmq.PULL) as pull:
        pull.connect(address)
        tracemalloc.start()
        arrived = oobpickle.recv(pull)
        report.send((tracemalloc.get_traced_memory()[1], int(arrived["images"].sum()), arrived["camera"]))


def main() -> None:
    images = np.random.default_rng(1).integers(0, 4096, SHAPE, np.uint16)
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        port = push.bind_to_random_port("tcp://127.0.0.1")
        consumer = spawn.Process(target=consume, args=(f"tcp://127.0.0.1:{port}", there))
        consumer.start()
        tracemalloc.start()
        tracker = oobpickle.send(push, {"camera": "left", "images": images})
        tracker.wait(30)  # from here on the images may be changed again
        allocated = tracemalloc.get_traced_memory()[1]
        allocated_there, checksum, camera = here.recv()
        consumer.join()

    assert (checksum, camera) == (int(images.sum()), "left")
    assert max(allocated, allocated_there) < images.nbytes / 50
    print(f"sent {images.nbytes:,} bytes of images; checksum right")
    print(f"Python and numpy allocated {allocated:,} bytes at the producer, {allocated_there:,} at the consumer")


if __name__ == "__main__":
    main()

"""Without `send` and `recv`: pyzmq's own send_serialized and recv_serialized, with `dumps` and `loads`. Proof: as in the README."""

import tracemalloc

import numpy as np
import zmq

import oobpickle

with zmq.Context() as context, context.socket(zmq.REQ) as client, context.socket(zmq.REP) as server:
    port = server.bind_to_random_port("tcp://127.0.0.1")
    client.connect(f"tcp://127.0.0.1:{port}")
    image = np.random.default_rng(1).random((2048, 2048))

    tracemalloc.start()
    client.send_serialized({"image": image, "wanted": "mean"}, oobpickle.dumps, copy=False)
    request = server.recv_serialized(oobpickle.loads, copy=False)
    allocated = tracemalloc.get_traced_memory()[1]

    server.send_serialized({"mean": request["image"].mean()}, oobpickle.dumps, copy=False)
    answer = client.recv_serialized(oobpickle.loads, copy=False)

assert answer["mean"] == image.mean()
assert allocated < image.nbytes / 20
print(f"asked with {image.nbytes:,} bytes, and {allocated:,} allocated; the answer: {answer}")

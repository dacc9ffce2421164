"""A server that answers requests in batches: what has come together is computed together. And what an error looks like."""

import multiprocessing
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from oobpickle import Client, RemoteError, Server, Timeout

BATCH = 16


def serve(address: str) -> None:
    """The model is a matrix. Ends when it is sent None."""
    model = np.random.default_rng(1).random((256, 10))
    with Server(bind=address) as server:
        while True:
            batch = [server.recv()]
            while len(batch) < BATCH:
                try:
                    batch.append(server.recv(timeout=0.001))
                except Timeout:
                    break
            good = []
            for request in batch:
                if request.obj is None:
                    request.reply(None)
                    return
                if getattr(request.obj, "shape", None) == (256,):
                    good.append(request)
                else:
                    request.fail(ValueError("an input is an array of 256 numbers"))
            if good:
                answers = np.stack([request.obj for request in good]) @ model  # one product for all of them
                for request, answer in zip(good, answers, strict=True):
                    request.reply({"classes": answer, "together": len(good)})


def main() -> None:
    inputs = np.random.default_rng(2).random((200, 256))
    with tempfile.TemporaryDirectory() as folder:
        address = f"ipc://{folder}/model"
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(address,))
        process.start()
        with Client(connect=address) as client, ThreadPoolExecutor(20) as threads:  # one client, twenty threads
            answers = list(threads.map(lambda one: client.request(one, timeout=30), inputs))
            try:
                client.request("not an array", timeout=30)
            except RemoteError as error:
                refused = error
            client.request(None, timeout=30)
        process.join()
    model = np.random.default_rng(1).random((256, 10))
    assert np.allclose([answer["classes"] for answer in answers], inputs @ model)
    assert refused.type_name == "ValueError"
    print(f"{len(answers)} answers, up to {max(answer['together'] for answer in answers)} computed together")
    print(f"and one refusal: {refused}")


if __name__ == "__main__":
    main()

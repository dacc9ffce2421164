"""Work to several processes and the results back: a Pusher deals out, a Puller gathers."""

import multiprocessing
import tempfile

import numpy as np

from oobpickle import Puller, Pusher

WORKERS, TASKS = 3, 60


def work(tasks: str, results: str) -> None:
    """Take images for ever; send back what was found in each."""
    with Puller(connect=tasks, high_water_mark=2) as puller, Pusher(connect=results) as pusher:
        for task in puller:
            pusher.send({"number": task["number"], "brightest": int(task["image"].max())})


def main() -> None:
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        tasks, results = f"ipc://{folder}/tasks", f"ipc://{folder}/results"
        with Pusher(bind=tasks, high_water_mark=2) as pusher, Puller(bind=results) as puller:
            workers = [spawn.Process(target=work, args=(tasks, results)) for _ in range(WORKERS)]
            for worker in workers:
                worker.start()
            for number in range(TASKS):  # waits whenever every worker has enough to do
                image = np.zeros((500, 500), np.uint16)
                image[number, number] = number
                pusher.send({"number": number, "image": image})
            found = {
                result["number"]: result["brightest"] for result in (puller.recv(timeout=30) for _ in range(TASKS))
            }
            for worker in workers:
                worker.terminate()
                worker.join()
    assert found == {number: number for number in range(TASKS)}
    print(f"{TASKS} images to {WORKERS} processes, {len(found)} results back, each once")


if __name__ == "__main__":
    main()

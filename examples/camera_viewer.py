"""A camera of 1 kHz and a viewer that takes 50 ms a frame: with latest=True the viewer gets the newest frame each time."""

import multiprocessing
import tempfile
import time

import numpy as np

from oobpickle import Publisher, Subscriber


def camera(address: str) -> None:
    """Publish frames for ever."""
    with Publisher(bind=address) as publisher:
        publisher.wait_for_subscribers()
        number = 0
        while True:
            number += 1
            publisher.send("camera/left", {"number": number, "image": np.full((256, 256), number % 256, np.uint8)})
            time.sleep(0.001)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        address = f"ipc://{folder}/camera"
        process = multiprocessing.get_context("spawn").Process(target=camera, args=(address,))
        process.start()
        with Subscriber(connect=address, topics="camera/", latest=True) as subscriber:
            for _ in range(20):
                message = subscriber.recv_message(timeout=30)
                age = time.time() - message.sent_at
                assert (message.obj["image"] == message.obj["number"] % 256).all()
                time.sleep(0.05)  # the viewer draws
            stats = subscriber.stats
        process.kill()
        process.join()
    assert stats.skipped > stats.messages  # those that came while it drew
    print(f"drawn {stats.messages} frames, skipped {stats.skipped}, missed {stats.missed}")
    print(f"the last one was {age * 1000:.1f} ms old when it was taken")


if __name__ == "__main__":
    main()

"""Frames by reference: a camera's process hands 20 frames of 8 MB to another one, and nobody copies them.

    python examples/shared_frames.py

The frames are made in shared memory and written again as soon as nobody has them.
"""

import multiprocessing
import tempfile
from collections import deque

import oobpickle

SHAPE = (1080, 1920, 4)


def watch(address: str) -> None:
    """The other process: look at each frame."""
    with oobpickle.Puller(connect=address, readonly=True) as pull:
        for number in range(20):
            frame = pull.recv(timeout=30)["image"]
            assert (frame[::100, ::100] == number).all()
        print(f"20 frames, {pull.stats.bytes_shared:,} bytes by reference, {pull.stats.bytes_in_band:,} by the socket")


def main() -> None:
    """The camera: four frames in turn."""
    with tempfile.TemporaryDirectory() as folder:
        address = f"ipc://{folder}/frames"
        other = multiprocessing.get_context("spawn").Process(target=watch, args=(address,))
        other.start()
        with oobpickle.Pusher(bind=address) as push:
            free = deque(oobpickle.shared.empty(SHAPE, "u1") for _ in range(4))
            sent: deque[tuple[oobpickle.Tracker, object]] = deque()
            for number in range(20):
                if not free:
                    tracker, frame = sent.popleft()
                    tracker.wait(30)
                    free.append(frame)
                frame = free.popleft()
                frame[:] = number  # camera.read_into(frame)
                sent.append((push.send({"image": frame, "number": number}), frame))
            assert oobpickle.shared.stats().blocks == 4
        other.join()
        assert other.exitcode == 0


if __name__ == "__main__":
    main()

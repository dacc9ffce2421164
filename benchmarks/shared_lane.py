"""The shared lane alone: two processes, a socket pair that carries only the references, no codec and no ZeroMQ.

    python benchmarks/shared_lane.py [--seconds 1.0] [--only copied|loaned|subscribers|overhead]

copied       An ordinary array is copied into the arena; the receiver reads one byte of each page. Beside it, in turns,
             a warm memcpy of the same size in one process. The ratio is of rates.
loaned       An array of `oobpickle.shared.empty` is referred to and not touched. The cost of a message, beside 1 MB's.
subscribers  16 MB copied in and published to four receivers that read one byte of each page, beside one receiver.
overhead     Microseconds at each end, in one process, for 256 KB.

Figures of one run on a busy machine differ by a factor of two; the ratios beside them do not.
"""

import argparse
import os
import socket
import statistics
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from oobpickle import shared
from oobpickle.lanes import Outbox, open_inbox, open_outbox

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30
COPIED = (256 * KB, MB, 16 * MB, 256 * MB)
LOANED = (MB, 16 * MB, 256 * MB, GB)
REPEATS = 20_000
HEADER = struct.Struct("<IQ")  # length of the references, of the buffer


def receive(channel: socket.socket, touch: bool) -> None:
    """Follow references until there is an empty one, and say so for each."""
    inbox = open_inbox(shared=True)
    total = 0
    while True:
        raw = channel.recv(HEADER.size, socket.MSG_WAITALL)
        size, length = HEADER.unpack(raw)
        if not size:
            break
        packed = channel.recv(size, socket.MSG_WAITALL)
        (view,) = inbox.follow(packed, [length])
        if touch:
            total += int(np.frombuffer(view, np.uint8)[::4096].sum())
        del view
        channel.send(b"x")


@contextmanager
def receivers(count: int, touch: bool) -> Iterator[list[socket.socket]]:
    """Receiving processes, each at the other end of a channel."""
    ours, pids = [], []
    for _ in range(count):
        near, far = socket.socketpair()
        pid = os.fork()
        if not pid:
            near.close()
            for other in ours:
                other.close()
            try:
                receive(far, touch)
            finally:
                os._exit(0)
        far.close()
        ours.append(near)
        pids.append(pid)
    yield ours
    for channel in ours:
        channel.send(HEADER.pack(0, 0))
        channel.close()
    for pid in pids:
        os.waitpid(pid, 0)


def rate(send: Callable[[], None], seconds: float) -> float:
    """Calls a second, after a warm-up."""
    for _ in range(6):
        send()
    count = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds or count < 5:
        send()
        count += 1
    return count / elapsed


def sender(outbox: Outbox, channels: list[socket.socket], array: np.ndarray, window: int) -> Callable[[], None]:
    """What sends the array to all, with up to `window` messages that have not been answered."""
    view = memoryview(array)
    waiting = 0

    def send() -> None:
        nonlocal waiting
        placed = outbox.place([view])
        assert placed.shared, "it went inline"
        for channel in channels:
            channel.sendall(HEADER.pack(len(placed.references), view.nbytes) + placed.references)
        waiting += 1
        while waiting >= window:
            for channel in channels:
                channel.recv(1, socket.MSG_WAITALL)
            waiting -= 1

    return send


def copied(seconds: float) -> None:
    print("copied in, one byte of each page read")
    print(f"{'size':>8} {'messages/s':>11} {'GB/s':>7} {'memcpy GB/s':>12} {'ratio':>6}")
    for size in COPIED:
        array, target = np.ones(size, np.uint8), np.ones(size, np.uint8)
        with receivers(1, touch=True) as channels:
            outbox = open_outbox(shared=True, receivers="one")
            send = sender(outbox, channels, array, 3)
            pairs = [(rate(send, seconds), rate(lambda: np.copyto(target, array), seconds / 2)) for _ in range(3)]
            while outbox.in_flight:
                channels[0].recv(1)
            outbox.close()
        ours, reference = statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)
        ratio = statistics.median(a / b for a, b in pairs)
        print(
            f"{size // KB:>6}KB {ours:>11.0f} {ours * size / 1e9:>7.1f} {reference * size / 1e9:>12.1f} {ratio:>6.2f}"
        )


def loaned(seconds: float) -> None:
    print("loaned, not touched")
    print(f"{'size':>8} {'us/message':>11} {'of 1 MB':>8}")
    first = 0.0
    for size in LOANED:
        array = shared.zeros(size, np.uint8)
        assert shared.is_shared(array)
        with receivers(1, touch=False) as channels:
            outbox = open_outbox(shared=True, receivers="one")
            cost = 1e6 / rate(sender(outbox, channels, array, 16), seconds)
            outbox.close()
        first = first or cost
        print(f"{size // MB:>6}MB {cost:>11.1f} {cost / first:>8.2f}")
        del array


def subscribers(seconds: float) -> None:
    print("16 MB published")
    array = np.ones(16 * MB, np.uint8)
    rates = []
    for count in (1, 4):
        with receivers(count, touch=True) as channels:
            outbox = open_outbox(shared=True, receivers="many")
            rates.append(rate(sender(outbox, channels, array, 3), seconds))
            outbox.close()
    print(f"to 1: {rates[0]:.0f} messages/s   to 4: {rates[1]:.0f}   ratio {rates[1] / rates[0]:.2f}")


def overhead(seconds: float) -> None:
    print("in one process, us a message")
    for name, array in (
        ("256 KB copied", np.ones(256 * KB, np.uint8)),
        ("256 KB loaned", shared.zeros(256 * KB, np.uint8)),
    ):
        outbox, inbox = open_outbox(shared=True, receivers="one"), open_inbox(shared=True)
        view = memoryview(array)
        at = [0.0, 0.0, 0.0]

        def once() -> None:
            t0 = time.perf_counter()
            placed = outbox.place([view])
            t1 = time.perf_counter()
            views = inbox.follow(placed.references, [view.nbytes])
            t2 = time.perf_counter()
            del views
            at[0], at[1], at[2] = at[0] + t1 - t0, at[1] + t2 - t1, at[2] + time.perf_counter() - t2

        rate(once, seconds)
        at[:] = [0.0, 0.0, 0.0]
        for _ in range(REPEATS):
            once()
        place, follow, release = (seconds / REPEATS * 1e6 for seconds in at)
        print(f"{name}: place {place:.1f}  follow {follow:.1f}  release {release:.1f}")
        outbox.close()
        inbox.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--only", choices=["copied", "loaned", "subscribers", "overhead"])
    arguments = parser.parse_args()
    for part in (copied, loaned, subscribers, overhead):
        if arguments.only in (None, part.__name__):
            part(arguments.seconds)


if __name__ == "__main__":
    main()

"""kill -9 at a random moment, again and again, over the endpoints: each end a process of its own, on one ipc address.

    python -m tests.process.kill_cycles --cycles 2000 [--seed 1]

A cycle is a source (a Pusher or a Publisher; arrays that are copied, or loaned, or both) and one to three sinks. They run
for some milliseconds; then the source, some sinks, or both are killed, and what is missing is started anew. What must hold:

- Every array has its checksum when it arrives, and again after it was held while others came and went.
- Nobody is stuck: whoever lives goes on with whoever was started anew.
- Point to point, no message of a source that was never killed is refused.
- When the last view and the last sink are gone the arena of the source is empty within a second.
- Whoever has closed its endpoints and let its views go has no descriptor and no map of the lane.

tests/lanes/shared/kill_cycles.py does the same to the lane alone, with relays, and many more kills a second.
"""

import argparse
import gc
import mmap
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter, deque

import numpy as np
from tests.lanes.shared.support import ours

from oobpickle import Publisher, Puller, Pusher, Subscriber, Timeout, shared

MB = 1 << 20
SIZES = [70_000, 200_000, MB, 3 * MB]
LIMIT = 64 * MB
FIELDS = GOOD, BAD, REFUSED, SHARED = range(4)
RUN, DROP, CHECK = range(3)


class Board:
    """Counters that outlive their processes, and the phase of the cycle."""

    def __init__(self):
        self.words = memoryview(mmap.mmap(-1, 4096)).cast("Q")

    @property
    def phase(self):
        return self.words[0]

    @phase.setter
    def phase(self, phase):
        self.words[0] = phase

    def slot(self, process):
        return self.words[8 + 4 * process : 12 + 4 * process]


def until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.001)
    return result


def nothing_is_left():
    gc.collect()
    assert not ours(), f"left behind: {ours()}"


def source(board, address, *, published, loaned, alone, random_):
    shared.set_limit(LIMIT)
    endpoint = (Publisher if published else Pusher)(bind=address, linger=0)
    lent = deque()  # loaned arrays and the trackers of their last sends
    number = 0
    while board.phase == RUN:
        number += 1
        size = random_.choice(SIZES)
        if loaned and random_.random() < (1.0 if loaned == "all" else 0.5):
            if len(lent) > 4 and lent[0][1].done:
                array = lent.popleft()[0]
            else:
                array = shared.empty(size, "u1")
            array[:] = number % 251
            array[: min(8, array.size)] = np.frombuffer(number.to_bytes(8, "little"), "u1")[: array.size]
        else:
            array = np.full(size, number % 253, "u1")
        lent_now = array if shared.is_shared(array) else None
        obj = (zlib.crc32(array), array)
        try:
            tracker = endpoint.send("t", obj) if published else endpoint.send(obj, timeout=0.02)
        except Timeout:
            continue
        if lent_now is not None:
            lent.append((lent_now, tracker))
            if len(lent) > 12:
                lent.popleft()
        elif not tracker.done:
            tracker.wait(10)  # its frames are this loop's memory no more
        del array, obj, tracker, lent_now
        if published:
            time.sleep(0.0005)
    lent.clear()
    array = obj = tracker = lent_now = None
    until(lambda: board.phase == CHECK, 20, "the source was not told to end")
    if published or not alone:
        endpoint.close()
    else:
        until(lambda: not endpoint.stats.connected, 1, "the source has not noticed that its sinks are gone")
    until(lambda: not shared.stats().in_use, 1, f"blocks are lost: {shared.stats()}")
    endpoint.close()
    shared.stats()
    nothing_is_left()


def sink(board, slot, address, *, published, readonly):
    options = {"connect": address, "readonly": readonly}
    endpoint = Subscriber(**options) if published else Puller(**options)
    random_ = random.Random(os.getpid())
    held = deque()
    while board.phase == RUN:
        try:
            obj = endpoint.recv(timeout=0.02)
        except Timeout:
            pass
        else:
            checksum, array = obj[1] if published else obj
            slot[GOOD if zlib.crc32(array) == checksum else BAD] += 1
            held.append((checksum, array))
            del array, obj
        while len(held) > random_.randrange(1, 6):
            checksum, array = held.popleft()
            slot[BAD] += zlib.crc32(array) != checksum
            if array.flags.writeable:
                array[:1000] = 0  # nobody else may see it
            del array
        stats = endpoint.stats
        slot[REFUSED], slot[SHARED] = stats.malformed, stats.bytes_shared
    endpoint.close()
    for checksum, array in held:
        slot[BAD] += zlib.crc32(array) != checksum
    del array
    held.clear()
    nothing_is_left()


class Cycle:
    def __init__(self, random_, folder, number):
        self.random = random_
        self.board = Board()
        self.address = f"ipc://{folder}/{number}"
        self.kind = {"published": random_.random() < 0.5}
        self.loaned = random_.choice(["", "some", "all"])
        self.readonly = random_.random() < 0.3
        self.sinks = random_.choice([1, 1, 2, 3])
        self.pids = {}  # name: pid
        self.slots = 0
        self.totals = Counter()
        self.source_was_killed = False

    def start(self, work, *arguments, **options):
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            work(*arguments, **options)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)

    def start_source(self):
        alone = self.sinks == 1 and not self.source_was_killed
        self.pids["source"] = self.start(
            source, self.board, self.address, loaned=self.loaned, alone=alone,
            random_=random.Random(self.random.random()), **self.kind,
        )  # fmt: skip

    def start_sink(self, name):
        slot = self.board.slot(self.slots)
        self.slots += 1
        self.pids[name] = self.start(sink, self.board, slot, self.address, readonly=self.readonly, **self.kind)
        return slot

    def kill(self, name):
        pid = self.pids.pop(name)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.totals["killed"] += 1
        self.totals[f"killed {name[:6]}"] += 1

    def run(self):
        try:
            self.start_source()
            slots = {f"sink {n}": self.start_sink(f"sink {n}") for n in range(self.sinks)}
            time.sleep(self.random.uniform(0.0, 0.12))
            doomed = self.random.choice(["source", "sinks", "both"])
            if doomed != "sinks":
                self.kill("source")
                self.source_was_killed = True
            if doomed != "source":
                for name in self.random.sample(list(slots), self.random.randint(1, self.sinks)):
                    self.kill(name)
                    slots[name] = self.start_sink(name)
            if doomed != "sinks":
                self.start_source()
            before = {name: slot[GOOD] for name, slot in slots.items()}
            until(
                lambda: all(slot[GOOD] > before[name] for name, slot in slots.items()), 30,
                f"somebody is stuck: {[list(slot) for slot in slots.values()]}",
            )  # fmt: skip
            self.board.phase = DROP
            for name in slots:
                self.wait(name)
            self.board.phase = CHECK
            self.wait("source")
            every = [self.board.slot(n) for n in range(self.slots)]
            assert not any(slot[BAD] for slot in every), "an array was corrupt"
            if not (self.kind["published"] or self.source_was_killed):
                assert not any(slot[REFUSED] for slot in every), "a message of a living source was refused"
            self.totals.update(
                cycles=1, verified=sum(slot[GOOD] for slot in every), refused=sum(slot[REFUSED] for slot in every),
                shared_mb=sum(slot[SHARED] for slot in every) // MB,
            )  # fmt: skip
            self.totals["publish" if self.kind["published"] else "point to point"] += 1
            self.totals[f"loaned: {self.loaned or 'none'}"] += 1
            return self.totals
        finally:
            for name in list(self.pids):
                self.kill(name)

    def wait(self, name):
        pid = self.pids[name]
        status = until(lambda: self._poll(pid), 30, f"{name} hangs")
        del self.pids[name]
        assert status == [0], f"{name} failed: {status}"

    def _poll(self, pid):
        got, status = os.waitpid(pid, os.WNOHANG)
        return [status] if got else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(10**6)
    random_ = random.Random(seed)
    totals = Counter()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.cycles):
            try:
                totals += Cycle(random_, folder, number).run()
            except BaseException:
                print(f"cycle {number} of seed {seed}", file=sys.stderr)
                raise
    print(dict(totals), f"seed {seed}, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()

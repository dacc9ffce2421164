"""kill -9 at a random moment, again and again: senders, relays and receivers, each in a process of its own.

    python -m tests.lanes.shared.kill_cycles --cycles 2000 [--seed 1]

A cycle is a source, sometimes a relay, and one to three sinks, joined by socket pairs that carry references and checksums
(first in, first out, as ZeroMQ's pipes). They run for some milliseconds, then some or all are killed. What must hold:

- Every array has its checksum when it arrives, and again after it was held while others came and went.
- Whoever lives gets on: a live sink of a live source receives more. Nobody hangs.
- Point to point, no message of a live source is refused to a live sink.
- When the last view and the last peer are gone, the source's arena is empty within a second.
- A sink whose source is gone has no map and no descriptor of the lane, once its views are gone.
"""

import argparse
import gc
import mmap
import os
import random
import select
import signal
import socket
import struct
import sys
import time
import traceback
import zlib
from collections import Counter, deque
from contextlib import suppress

import numpy as np
from tests.lanes.shared.support import ours

from oobpickle import shared
from oobpickle.errors import LaneError
from oobpickle.lanes import open_inbox, open_outbox
from oobpickle.lanes.shared import process

KB, MB = 1 << 10, 1 << 20
LIMIT = 48 * MB
RETAIN = 8 * MB
ENTRY = struct.Struct("<QIB")  # length, checksum, whether it is read-only
GOOD, BAD, REFUSED, INLINE, HELD, FIELDS = range(6)


class Board:
    """Counters that outlive their processes."""

    def __init__(self, processes):
        self.memory = mmap.mmap(-1, 8 * (1 + FIELDS * processes))
        self.words = memoryview(self.memory).cast("Q")

    @property
    def stop(self):
        return self.words[0]

    def add(self, process, field, amount=1):
        self.words[1 + FIELDS * process + field] += amount

    def get(self, process, field):
        return self.words[1 + FIELDS * process + field]


def encode(placed, views):
    """A message of shared buffers only: the checksums travel in it."""
    entries = b"".join(ENTRY.pack(view.nbytes, zlib.crc32(view), view.readonly) for view in views)
    return struct.pack("<I", len(views)) + entries + placed.references


def decode(message):
    (count,) = struct.unpack_from("<I", message)
    end = 4 + ENTRY.size * count
    return list(ENTRY.iter_unpack(message[4:end])), message[end:]


class Sender:
    """What source and relay have in common: an outbox and the sockets of those who receive."""

    def __init__(self, outs, many):
        self.outs = list(outs)
        self.many = many
        self.outbox = open_outbox(shared=True, receivers="many" if many else "one", retain=RETAIN)
        self.turn = 0

    def send(self, views):
        """To all or to one; False if nobody takes it now. The message is encoded after it is placed, and may be late."""
        _, ready, _ = select.select([], self.outs, [], 0.002)
        if not ready:
            return None
        placed = self.outbox.place(views)
        if len(placed.shared) != len(views):
            self.outbox.cancel(placed)
            return None
        message = encode(placed, views)
        targets = ready if self.many else [ready[self.turn % len(ready)]]
        self.turn += 1
        sent = 0
        for out in targets:
            try:
                out.send(message, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                sent += 1
            except BlockingIOError:
                pass
            except OSError:
                self.gone(out)
        if not sent:
            self.outbox.cancel(placed)
        return placed

    def gone(self, out):
        out.close()
        self.outs.remove(out)
        self.outbox.peer_gone(len(self.outs))

    def look(self):
        """Notice who has gone."""
        for out in list(self.outs):
            with suppress(BlockingIOError):
                try:
                    if out.recv(1, socket.MSG_DONTWAIT) == b"":
                        self.gone(out)
                except ConnectionError:
                    self.gone(out)


class Receiver:
    """What sink and relay have in common: an inbox, and arrays that are held for a while."""

    def __init__(self, source, board, number, rng):
        self.source = source
        self.board = board
        self.number = number
        self.rng = rng
        self.inbox = open_inbox(shared=True)
        self.held = deque()
        self.most = rng.choice([0, 2, 10])

    def receive(self):
        """The views of one message; None: none came; raises EOFError."""
        if not select.select([self.source], [], [], 0.002)[0]:
            if self.held:  # the sender may be waiting for it
                self.let_go()
            return None
        try:
            message = self.source.recv(1 << 20)
        except ConnectionError:
            message = b""
        if not message:
            raise EOFError
        entries, references = decode(message)
        try:
            views = self.inbox.follow(references, [length for length, _, _ in entries])
        except LaneError:
            self.board.add(self.number, REFUSED)
            return None
        for view, (_, checksum, readonly) in zip(views, entries, strict=True):
            self.check(view, checksum)
            if view.readonly != bool(readonly):
                self.board.add(self.number, BAD)
            self.held.append((view, checksum))
        while len(self.held) > self.most:
            self.let_go()
        return views

    def check(self, view, checksum):
        self.board.add(self.number, GOOD if zlib.crc32(view) == checksum else BAD)

    def let_go(self):
        self.held.rotate(self.rng.randrange(len(self.held)))
        view, checksum = self.held.pop()
        self.check(view, checksum)
        self.board.add(self.number, HELD)
        if not view.readonly and self.rng.random() < 0.5:
            np.frombuffer(view, np.uint8)[:: self.rng.choice([1, 5000])] ^= 0xFF

    def end(self):
        while self.held:
            self.let_go()
        self.inbox.close()


def run_source(outs, board, number, rng, many):
    shared.set_limit(LIMIT)
    sender = Sender(outs, many)
    noise = np.frombuffer(rng.randbytes(2 * MB), np.uint8)
    loans = [shared.empty(rng.randrange(70 * KB, MB), np.uint8) for _ in range(4)]
    trackers = [None] * len(loans)
    kind = rng.choice(["copied", "loaned", "mixed"])
    counter = 0
    while sender.outs and not board.stop:
        counter += 1
        sender.look()
        views = []
        if kind != "loaned":
            for _ in range(rng.choice([1, 1, 3])):
                size = rng.choice([70 * KB, 300 * KB, MB])
                start = rng.randrange(MB)
                array = noise[start : start + size] ^ (counter & 0xFF)
                array.flags.writeable = rng.random() < 0.8
                views.append(memoryview(array))
        used = [index for index, tracker in enumerate(trackers) if tracker is None or tracker.done]
        if not used and many:  # what a publisher keeps, it knows to be free only when newer sends took its place
            loans[0], trackers[0], used = shared.empty(rng.randrange(70 * KB, MB), np.uint8), None, [0]
        if kind != "copied" and used:
            index = rng.choice(used)
            if rng.random() < 0.1:
                loans[index] = shared.empty(rng.randrange(70 * KB, MB), np.uint8)
            size = loans[index].size
            loans[index][:] = noise[:size] ^ (counter & 0xFF)
            cut = rng.choice([0, size // 3])
            views.append(memoryview(loans[index])[cut:])
            placed = sender.send(views)
            trackers[index] = placed.tracker if placed is not None else None
        elif views:
            sender.send(views)
        else:
            time.sleep(0.0005)
        del views
    trackers.clear()
    loans.clear()
    while sender.outs:  # the sinks end, having seen the same flag
        sender.look()
        time.sleep(0.0005)
    if many:
        sender.outbox.close()
    empty(lambda: shared.stats().in_use)
    sender.outbox.close()


def empty(in_use):
    start = time.monotonic()
    while in_use():
        if time.monotonic() > start + 1:
            raise AssertionError(f"{shared.stats()} a second after the last peer had gone")
        time.sleep(0.002)


def run_relay(source, outs, board, number, rng, many):
    shared.set_limit(LIMIT)
    receiver = Receiver(source, board, number, rng)
    sender = Sender(outs, many)
    try:
        while not board.stop:
            sender.look()
            if not sender.outs:
                break
            views = receiver.receive()
            if views:
                sender.send(views)
    except EOFError:
        pass
    views = None
    receiver.end()
    source.close()
    while sender.outs and board.stop:
        sender.look()
        time.sleep(0.0005)
    sender.outbox.close()
    nothing_left()


def run_sink(source, board, number, rng):
    receiver = Receiver(source, board, number, rng)
    try:
        while not board.stop:
            receiver.receive()
    except EOFError:
        pass
    receiver.end()
    eof = not board.stop
    source.close()
    if eof:
        nothing_left()


def nothing_left():
    """The sender has gone, or goes: nothing of it stays here."""
    lane = process.current()
    gc.collect()

    def left():
        lane.guard.run(lane.settle)
        lane.guard.run(lane.arena.trim, float("inf"))
        return ours()

    start = time.monotonic()
    while left():
        if time.monotonic() > start + 5:
            raise AssertionError(f"left behind: {ours()}")
        time.sleep(0.002)


class Cycle:
    """One run of some processes to some of their deaths."""

    def __init__(self, seed):
        self.rng = rng = random.Random(seed)
        self.many = rng.random() < 0.4
        self.relay = rng.random() < 0.25
        self.sinks = rng.choice([1, 1, 2, 3])
        self.board = Board(2 + self.sinks)
        self.pids = {}

    def start(self):
        pair = lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # noqa: E731
        sinks = [pair() for _ in range(self.sinks)]
        ends = {"source": [near for near, _ in sinks]}
        plans = {"source": lambda rng: run_source(ends["source"], self.board, 0, rng, self.many)}
        if self.relay:
            near, far = pair()
            ends["relay"] = [far, *ends["source"]]
            ends["source"] = [near]
            plans["relay"] = lambda rng: run_relay(far, ends["relay"][1:], self.board, 1, rng, self.many)
        for index, (_, far_end) in enumerate(sinks):
            name = f"sink {index}"
            ends[name] = [far_end]
            plans[name] = lambda rng, far_end=far_end, index=index: run_sink(far_end, self.board, 2 + index, rng)
        for name, plan in plans.items():
            seed = self.rng.randrange(1 << 30)
            pid = os.fork()
            if pid:
                self.pids[name] = pid
                continue
            status = 1
            try:
                for other, sockets in ends.items():
                    if other != name:
                        for one in sockets:
                            if one not in ends[name]:
                                one.close()
                plan(random.Random(seed))
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        for sockets in ends.values():
            for one in sockets:
                one.close()

    def good(self, name):
        return self.board.get(2 + int(name.split()[1]), GOOD)

    def run(self):
        self.start()
        names = list(self.pids)
        time.sleep(self.rng.uniform(0.0, self.rng.choice([0.03, 0.2])))
        victims = self.rng.choice(
            [
                ["source"],
                [name for name in names if name != "source"][:1],
                names[-1:],
                names,
                self.rng.sample(names, self.rng.randrange(1, len(names) + 1)),
            ]
        )
        for name in victims:
            os.kill(self.pids[name], signal.SIGKILL)
        for name in victims:
            os.waitpid(self.pids.pop(name), 0)
        alive = [name for name in self.pids if name.startswith("sink")]
        feeds = "source" in self.pids and (not self.relay or "relay" in self.pids)
        if feeds and alive:
            before = {name: self.good(name) for name in alive}
            self.wait(
                lambda: all(self.good(name) >= before[name] + 3 for name in alive), "a live sink received no more"
            )
        if feeds:
            self.board.words[0] = 1
        elif "source" in self.pids and self.relay:
            pass  # its only peer has gone; it sees that for itself
        self.wait(self.all_ended, f"{list(self.pids)} hang")
        sinks = range(1, 2 + self.sinks)
        if bad := sum(self.board.get(number, BAD) for number in sinks):
            raise AssertionError(f"{bad} corrupt arrays")
        refused = sum(self.board.get(number, REFUSED) for number in sinks)
        if refused and not self.many and not {"source", "relay"} & set(victims):
            raise AssertionError(f"{refused} messages refused, point to point, of a sender that lived")
        return Counter(
            cycles=1,
            verified=sum(self.board.get(number, GOOD) for number in sinks),
            held=sum(self.board.get(number, HELD) for number in sinks),
            refused=refused,
            killed=len(victims),
            **{("publish" if self.many else "point to point"): 1, "relay": int(self.relay)},
        )

    def all_ended(self):
        for name, pid in list(self.pids.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self.pids[name]
                if status:
                    raise AssertionError(f"{name} failed; its traceback is above")
        return not self.pids

    def wait(self, condition, what, seconds=15.0):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(what)
            time.sleep(0.001)

    def end(self):
        for pid in self.pids.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def run(cycles, seed, report=0):
    """Run so many cycles; the sums. Raises AssertionError, with the seed of the cycle that failed."""
    totals = Counter()
    for number in range(cycles):
        cycle = Cycle(f"{seed}.{number}")
        try:
            totals += cycle.run()
        except AssertionError as error:
            raise AssertionError(f"cycle {seed}.{number}: {error}") from error
        finally:
            cycle.end()
        if report and (number + 1) % report == 0:
            print(dict(totals), flush=True)
    return totals


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    print(dict(run(arguments.cycles, arguments.seed, report=100)), f"{time.monotonic() - began:.0f} s")
    sys.exit(0)

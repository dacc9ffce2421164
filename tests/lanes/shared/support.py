"""What the lane's tests share: waiting, other processes, looking for what was left behind."""

import multiprocessing
import os
import signal
import time
import traceback
from contextlib import contextmanager


def ours():
    """Descriptors and maps of this process that are the lane's."""
    links = []
    for number in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:  # the listing's own
            pass
    with open("/proc/self/maps") as maps:
        return [text for text in [*links, *maps] if "memfd:oobpickle" in text]


def give_up(lane):
    """Close all that a lane keeps for later."""
    lane.guard.run(lane.arena.trim, float("inf"))
    for attachment in list(lane.attachments.all.values()):
        if not attachment.leases:
            lane.guard.run(lane.attachments.drop, attachment)
    while lane.boards:
        lane.boards.pop().close()
    lane.attachments.close_pagemap()


def until(condition, seconds=10.0):
    """Wait for it."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.001)


class Peer:
    """Another process, that runs `work(connection)`; what it sends, `ask` and `receive` give."""

    def __init__(self, work):
        self.connection, theirs = multiprocessing.Pipe()
        self.pid = os.fork()
        if not self.pid:
            status = 1
            try:
                self.connection.close()
                work(theirs)
                status = 0
            except EOFError:  # the test has ended: nothing more is asked
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        theirs.close()

    def ask(self, *question):
        self.connection.send(question)
        return self.receive()

    def receive(self, seconds=20.0):
        assert self.connection.poll(seconds), "no answer"
        return self.connection.recv()

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pid = 0

    def end(self):
        self.connection.close()
        if self.pid:
            _, status = os.waitpid(self.pid, 0)
            assert status == 0, "it failed; its traceback is above"


@contextmanager
def peer(work):
    other = Peer(work)
    try:
        yield other
    except BaseException:
        if other.pid:
            other.kill()
        other.connection.close()
        raise
    other.end()

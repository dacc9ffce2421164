"""A fork, in a sender or a receiver, corrupts nothing and unlocks nothing."""

import gc
import os
import subprocess
import sys

import numpy as np
import pytest
from tests.lanes.shared.support import ours, peer, until

from oobpickle import shared
from oobpickle.lanes import open_inbox, open_outbox
from oobpickle.lanes.shared import locks, process

MB = 1 << 20


def in_child(work):
    """What work(connection) sends, once it has come to its end without an error."""
    with peer(work) as other:
        return other.receive()


@pytest.fixture
def outbox():
    outbox = open_outbox(shared=True, receivers="one")
    yield outbox
    outbox.close()


@pytest.fixture
def inbox():
    inbox = open_inbox(shared=True)
    yield inbox
    inbox.close()


def received(outbox, inbox, fill, readonly=False):
    array = np.full(MB, fill, np.uint8)
    (view,) = inbox.follow(outbox.place([memoryview(array)]).references, [MB], readonly=readonly)
    return np.frombuffer(view, np.uint8)


def overwrite(outbox, lane):
    """Send enough to use every slot again that is free."""
    for _ in range(40):
        outbox.cancel(outbox.place([memoryview(np.full(MB, 99, np.uint8))]))


@pytest.mark.parametrize("readonly", [False, True])
def test_a_child_keeps_what_its_parent_received_and_lets_go(outbox, inbox, lane, readonly):
    array = received(outbox, inbox, 7, readonly)

    def work(connection):
        connection.send("ready")
        connection.recv()
        connection.send(set(array))
        connection.recv()

    with peer(work) as child:
        assert child.receive() == "ready"
        del array
        assert lane.arena.stats().blocks == 1  # the child has it
        overwrite(outbox, lane)
        assert child.ask() == {7}
        child.kill()
        assert lane.arena.stats().blocks == 0


def test_a_child_lets_go_of_its_own(outbox, inbox, lane):
    arrays = [received(outbox, inbox, 7)]

    def work(connection):
        arrays.clear()
        lane = process.current()
        connection.send((len(ours()), lane.attachments.leases))
        connection.recv()

    with peer(work) as child:
        files, leases = child.receive()
        assert leases == 0
        assert lane.arena.stats().blocks == 1
        overwrite(outbox, lane)
        assert set(arrays[0]) == {7}
        arrays.clear()
        assert lane.arena.stats().blocks == 0


def test_writes_of_the_child_are_its_own(outbox, inbox, lane):
    got, loaned = received(outbox, inbox, 7), shared.full(MB, 5, np.uint8)
    got[0], loaned[0] = 8, 6

    def work(connection):
        seen = got[0], got[1], loaned[0], loaned[1]
        got[:], loaned[:] = 1, 2
        connection.send((seen, set(got), set(loaned)))

    assert in_child(work) == ((8, 7, 6, 5), {1}, {2})
    assert (set(got[1:]), set(loaned[1:])) == ({7}, {5})
    assert (got[0], loaned[0]) == (8, 6)


def test_a_child_s_loaned_array_is_not_used_again_under_it(outbox, lane):
    loaned = shared.full(MB, 5, np.uint8)

    def work(connection):
        connection.send("ready")
        connection.recv()
        connection.send(set(loaned))
        connection.recv()

    with peer(work) as child:
        child.receive()
        del loaned
        assert lane.arena.stats().blocks == 1
        overwrite(outbox, lane)
        assert child.ask() == {5}
        child.connection.send("end")
        os.waitpid(child.pid, 0)
        child.pid = 0
        assert lane.arena.stats().blocks == 0


def test_a_child_frees_its_loaned_array(lane):
    arrays = [shared.full(MB, 5, np.uint8)]

    def work(connection):
        arrays.clear()
        gc.collect()
        connection.send(None)
        connection.recv()

    with peer(work) as child:
        child.receive()
        (segment,) = lane.arena.segments
        assert not locks.is_locked(segment.fd, 0)  # the child's lease is gone, the parent's array is not
        assert lane.arena.stats().blocks == 1
        assert set(arrays[0]) == {5}
        child.connection.send(None)
        arrays.clear()


def test_a_child_can_send_what_it_inherited(outbox, inbox, lane):
    loaned = shared.full(MB, 5, np.uint8)

    def work(connection):
        mine, theirs = open_outbox(shared=True, receivers="one"), open_inbox(shared=True)
        placed = mine.place([memoryview(loaned)])
        in_use = shared.stats().in_use  # by reference: nothing was copied into the child's arena
        connection.send((in_use, placed.references))
        connection.recv()
        loaned[3] = 0
        placed = mine.place([memoryview(loaned)])
        in_use = shared.stats().in_use
        connection.send((in_use, placed.references))
        connection.recv()
        mine.close()
        theirs.close()

    with peer(work) as child:
        in_use, packed = child.receive()
        assert in_use == 0
        assert set(np.frombuffer(inbox.follow(packed, [MB])[0], np.uint8)) == {5}
        in_use, packed = child.ask()
        assert in_use == MB
        assert np.frombuffer(inbox.follow(packed, [MB])[0], np.uint8)[2:5].tolist() == [5, 0, 5]
        child.connection.send(None)
    del loaned


def test_a_child_has_an_arena_of_its_own(outbox, lane):
    outbox.place([memoryview(np.ones(MB, np.uint8))])

    def work(connection):
        empty = shared.stats()
        mine = open_outbox(shared=True, receivers="one")
        placed = mine.place([memoryview(np.ones(MB, np.uint8))])
        connection.send((empty, bool(placed.shared), shared.stats().in_use))
        mine.close()

    empty, placed, in_use = in_child(work)
    assert (empty.in_use, empty.free, empty.blocks) == (0, 0, 0)
    assert (placed, in_use) == (True, MB)
    assert lane.arena.stats().in_use == MB


def test_the_parent_s_ends_do_nothing_in_a_child(outbox, inbox, lane):
    loaned = shared.zeros(MB, np.uint8)
    placed = outbox.place([memoryview(loaned)])
    inbox.follow(placed.references, [MB])
    pending = outbox.place([memoryview(loaned)])

    def work(connection):
        answer = (outbox.place([memoryview(np.ones(MB, np.uint8))]).shared, outbox.in_flight, pending.tracker.done)
        outbox.cancel(pending)
        outbox.peer_gone(0)
        outbox.close()
        inbox.close()
        connection.send(answer)

    assert in_child(work) == ((), 0, True)
    assert outbox.in_flight == 1
    assert not pending.tracker.done
    outbox.cancel(pending)


def test_the_parent_s_death_releases_what_it_had(lane):
    """A child that lives on must not keep its parent's locks."""

    def work(connection):
        inbox = open_inbox(shared=True)
        arrays = [np.frombuffer(inbox.follow(connection.recv(), [MB])[0], np.uint8)]
        if os.fork():
            connection.send("ready")
            connection.recv()
        else:
            arrays.clear()
            gc.collect()
            connection.send(os.getpid())
            connection.recv()
            os._exit(0)

    outbox = open_outbox(shared=True, receivers="one")
    array = np.ones(MB, np.uint8)
    with peer(work) as reader:
        reader.connection.send(outbox.place([memoryview(array)]).references)
        answers = {reader.receive(), reader.receive()}
        (grandchild,) = answers - {"ready"}
        outbox.close()
        assert lane.arena.stats().blocks == 1
        reader.kill()
        assert lane.arena.stats().blocks == 0
        os.kill(grandchild, 0)  # it lives
        reader.connection.send(None)


def test_a_grandchild(outbox, inbox, lane):
    array, loaned = received(outbox, inbox, 7), shared.full(MB, 5, np.uint8)

    def work(connection):
        with peer(lambda inner: inner.send((set(array), set(loaned)))) as grandchild:
            connection.send(grandchild.receive())

    assert in_child(work) == ({7}, {5})


def test_a_fork_while_another_thread_sends(outbox, inbox):
    import threading

    stop = threading.Event()

    def send():
        while not stop.is_set():
            received(outbox, inbox, 3)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        for _ in range(20):

            def work(connection):
                mine = open_outbox(shared=True, receivers="one")
                connection.send(bool(mine.place([memoryview(np.ones(MB, np.uint8))]).shared))
                mine.close()

            assert in_child(work)
    finally:
        stop.set()
        thread.join()


def test_no_descriptors_for_the_child_s_leases(outbox, inbox, lane, monkeypatch):
    """Then they are never let go: bytes are safe, memory is not got back."""
    array, loaned = received(outbox, inbox, 7), shared.full(MB, 5, np.uint8)

    def fail(fd, *, writable):
        raise OSError(24, "Too many open files")

    def work(connection):
        monkeypatch.undo()
        loaned[0] = 1
        connection.send((set(array), set(loaned[1:])))

    real = locks.reopen
    calls = iter([fail, fail])
    monkeypatch.setattr(locks, "reopen", lambda fd, writable: next(calls, real)(fd, writable=writable))
    assert in_child(work) == ({7}, {5})
    monkeypatch.undo()
    assert loaned[0] == 5
    lease = next(lease for attachment in lane.attachments.all.values() for lease in attachment.leases.values())
    assert lease.holders == 2  # the view's arrival, and what is never let go
    lane.guard.run(lease.drop)
    (block,) = [block for segment in lane.arena.segments for block in segment.loaned()]
    assert block.holders == 2
    lane.guard.run(block.drop)


def test_a_subprocess_inherits_nothing(outbox, inbox, lane):
    array = received(outbox, inbox, 7)
    listing = (
        "import os; print([os.readlink('/proc/self/fd/' + n) for n in os.listdir('/proc/self/fd') if n > '2'][:-1])"
    )
    out = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, close_fds=False)
    assert "memfd:oobpickle" not in out.stdout, out
    assert set(array) == {7}

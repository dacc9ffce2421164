import fcntl
import os

import pytest
from tests.lanes.shared.support import peer

from oobpickle.lanes.shared import locks


@pytest.fixture
def file():
    fd = os.memfd_create("locks")
    opened = [locks.reopen(fd, writable=True) for _ in range(3)]
    yield opened
    for one in [fd, *opened]:
        os.close(one)


def test_exclusive_keeps_all_others_out(file):
    assert locks.lock_exclusive(file[0], 5)
    assert not locks.lock_exclusive(file[1], 5)
    assert not locks.lock_shared(file[1], 5)
    assert locks.lock_exclusive(file[1], 4)
    locks.unlock(file[0], 5)
    assert locks.lock_exclusive(file[1], 5)


def test_shared_keeps_exclusive_out(file):
    assert locks.lock_shared(file[0], 5)
    assert locks.lock_shared(file[1], 5)
    assert not locks.lock_exclusive(file[2], 5)
    locks.unlock(file[0], 5)
    assert not locks.lock_exclusive(file[2], 5)
    locks.unlock(file[1], 5)
    assert locks.lock_exclusive(file[2], 5)


def test_a_range_is_taken_whole_or_not_at_all(file):
    assert locks.lock_shared(file[0], 7)
    assert not locks.lock_exclusive(file[1], 0, 10)
    assert locks.lock_exclusive(file[2], 0, 7)


def test_they_do_not_count(file):
    locks.lock_shared(file[0], 5)
    locks.lock_shared(file[0], 5)
    locks.unlock(file[0], 5)
    assert locks.lock_exclusive(file[1], 5)


def test_is_locked(file):
    assert not locks.is_locked(file[0], 5)
    locks.lock_shared(file[1], 5)
    assert locks.is_locked(file[0], 5)
    assert not locks.is_locked(file[0], 5, exclusively=True)
    assert not locks.is_locked(file[1], 5)  # one's own is none
    locks.unlock(file[1], 5)
    locks.lock_exclusive(file[1], 5)
    assert locks.is_locked(file[0], 5, exclusively=True)


def test_beyond_the_end_and_far_out(file):
    assert locks.lock_exclusive(file[0], 1 << 62)
    assert not locks.lock_shared(file[1], 1 << 62)


def test_a_killed_holder_holds_nothing(file):
    def work(connection):
        fd = locks.reopen(file[0], writable=True)
        connection.send(locks.lock_shared(fd, 5))
        connection.recv()

    with peer(work) as other:
        assert other.receive()
        assert not locks.lock_exclusive(file[0], 5)
        other.kill()
        assert locks.lock_exclusive(file[0], 5)


def test_a_reader_cannot_lock_exclusively(file):
    fd = locks.reopen(file[0], writable=False)
    assert fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    assert locks.lock_shared(fd, 1)
    with pytest.raises(OSError):
        locks.lock_exclusive(fd, 1)
    os.close(fd)

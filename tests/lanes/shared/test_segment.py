import fcntl
import mmap
import os

import pytest

from oobpickle.lanes.shared import locks
from oobpickle.lanes.shared.segment import ALIVE, HEADER, SMALLEST, Segment, slot_size_for, start_of


@pytest.fixture
def segment():
    segment = Segment.of(1 << 20)
    yield segment
    if not segment.closed:
        assert segment.close()


@pytest.fixture
def reader(segment):
    fd = locks.reopen(segment.fd, writable=False)
    yield fd
    os.close(fd)


def test_slot_sizes():
    assert [slot_size_for(length) for length in (1, 64, 65, 4096, 4097, 1 << 30)] == [64, 64, 128, 4096, 8192, 1 << 30]
    assert SMALLEST == 64


@pytest.mark.parametrize("slot_size", [64, 4096, 1 << 20, 1 << 27])
def test_slots_are_aligned_and_do_not_overlap(slot_size):
    segment = Segment.of(slot_size)
    alignment = min(slot_size, mmap.PAGESIZE)
    offsets = [segment.offset(slot) for slot in range(segment.slot_count)]
    assert all((segment.address + offset) % alignment == 0 for offset in offsets)
    assert all(after - before == slot_size for before, after in zip(offsets, offsets[1:]))
    assert offsets[0] >= HEADER.size + 8 * segment.slot_count
    assert offsets[-1] + slot_size == segment.size
    assert segment.close()


def test_it_is_sealed(segment):
    fd = locks.reopen(segment.fd, writable=True)
    for size in (0, segment.size * 2):
        with pytest.raises(PermissionError):
            os.ftruncate(fd, size)
    with pytest.raises(PermissionError):
        os.pwrite(fd, b"x", 0)
    with pytest.raises(PermissionError):
        mmap.mmap(fd, segment.size)
    with pytest.raises(PermissionError):
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, 0x8)
    segment.memory[segment.start] = 5  # the owner's own map writes on
    assert os.pread(fd, 1, segment.start) == b"\5"
    os.close(fd)


def test_memory_is_taken_as_far_as_it_is_written(segment):
    assert segment.growth(3, 5000) == 8192
    segment.written[3] = 8192
    assert segment.resident() == 8192
    assert [segment.growth(3, length) for length in (1, 8192, 8193, 20000)] == [0, 0, 4096, 12288]


def test_a_turn_changes_the_generation(segment):
    assert [segment.turn(3), segment.turn(3), segment.turn(2)] == [1, 2, 1]
    assert list(segment.generations[:4]) == [0, 0, 1, 2]


def test_a_reader_forbids_a_turn(segment, reader):
    assert segment.turn(3)
    locks.lock_shared(reader, 3)
    assert segment.turn(3) == 0
    assert segment.generations[3] == 1
    assert segment.turn(4) == 1
    locks.unlock(reader, 3)
    assert segment.turn(3) == 2


def test_a_turn_leaves_nothing_locked(segment, reader):
    segment.turn(3)
    assert locks.lock_shared(reader, 3)


def test_alive_as_long_as_it_is_open(segment, reader):
    assert locks.is_locked(reader, ALIVE, exclusively=True)
    assert segment.close()
    assert not locks.is_locked(reader, ALIVE, exclusively=True)


def test_a_reader_forbids_to_close(segment, reader):
    locks.lock_shared(reader, segment.slot_count - 1)
    assert not segment.close()
    locks.unlock(reader, segment.slot_count - 1)
    assert segment.close()


def test_closing_makes_references_stale(segment, reader):
    segment.turn(0)
    segment.unused = 1
    kept = mmap.mmap(reader, 4096, prot=mmap.PROT_READ)
    assert kept[HEADER.size] == 1
    assert segment.close()
    assert kept[HEADER.size] == 2
    kept.close()


def test_the_header_page_is_enough_for_the_generations():
    assert start_of(1) == start_of(400) == 4096
    assert start_of(4096) >= HEADER.size + 8 * 4096

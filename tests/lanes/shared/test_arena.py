import os
import time

import numpy as np
import pytest

from oobpickle.lanes.shared import arena as arena_module
from oobpickle.lanes.shared import locks, segment
from oobpickle.lanes.shared.address import AddressBook
from oobpickle.lanes.shared.arena import Arena
from oobpickle.lanes.shared.blocks import Loan

MB = 1 << 20


@pytest.fixture
def arena():
    settled = []
    arena = Arena(os.getpid(), 100 * MB, AddressBook(), lambda pressing: settled.append(pressing))
    arena.settled = settled
    arena.users = 1
    yield arena
    assert not any(owner.blocks for owner in arena.segments)
    arena.trim(float("inf"))
    assert arena.segments == []
    assert arena.resident == 0


def backed(arena, length):
    block = arena.allocate(length)
    if block is not None:
        block.back()
    return block


def reader_of(block):
    fd = locks.reopen(block.segment.fd, writable=False)
    assert locks.lock_shared(fd, block.slot)
    return fd


def test_blocks_do_not_overlap(arena):
    blocks = [arena.allocate(length) for length in [1, 64, 65, 5000, 100_000, MB, 1, 64] * 3]
    spans = []
    for number, block in enumerate(blocks):
        memory = np.frombuffer(block.memory, np.uint8)
        assert memory.size == block.length
        assert memory.ctypes.data % (4096 if block.length > 2048 else 64) == 0
        memory[:] = number
        spans.append((memory.ctypes.data, memory.ctypes.data + memory.size))
    spans.sort()
    assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:]))
    for number, block in enumerate(blocks):
        assert set(bytes(block.memory)) == {number}
        block.drop()


def test_a_free_slot_is_used_again_with_another_generation(arena):
    first = backed(arena, MB)
    first.drop()
    again = backed(arena, MB - 5)
    assert (again.segment, again.slot) == (first.segment, first.slot)
    assert again.generation == first.generation + 1 == again.segment.generations[again.slot]
    assert arena.resident == MB
    again.drop()


def test_the_longest_free_comes_first(arena):
    blocks = [arena.allocate(MB) for _ in range(3)]
    for block in (blocks[1], blocks[0], blocks[2]):
        block.drop()
    order = [arena.allocate(MB) for _ in range(3)]
    assert [block.slot for block in order] == [1, 0, 2]
    for block in order:
        block.drop()


def test_warm_ones_are_those_let_go_last_that_no_reader_has(arena):
    blocks = [arena.allocate(MB) for _ in range(4)]
    reader = reader_of(blocks[2])
    for block in (blocks[1], blocks[0], blocks[3], blocks[2]):
        block.drop()
    order = [arena.allocate(MB, warm=True) for _ in range(2)]
    assert [block.slot for block in order] == [3, 0]
    os.close(reader)
    order += [arena.allocate(MB, warm=True) for _ in range(3)]
    assert [block.slot for block in order] == [3, 0, 2, 1, 4]
    for block in order:
        block.drop()


def test_a_stream_to_one_receiver_stays_in_its_slots(arena):
    for block in [backed(arena, MB) for _ in range(5)]:
        block.drop()  # a burst
    slots = set()
    before = arena.allocate(MB, warm=True)
    for _ in range(20):
        block = arena.allocate(MB, warm=True)
        slots.add(block.slot)
        before.drop()
        before = block
    before.drop()
    assert len(slots) == 2


def test_a_reader_keeps_its_slot(arena):
    block = backed(arena, MB)
    reader = reader_of(block)
    block.drop()
    others = [backed(arena, MB) for _ in range(5)]
    assert block.slot not in [other.slot for other in others]
    assert arena.stats().in_use == 6 * MB
    for other in others:
        other.drop()
    assert arena.stats()[:2] == (MB, 5 * MB)
    os.close(reader)
    assert arena.stats()[:2] == (0, 6 * MB)
    again = [backed(arena, MB) for _ in range(6)]
    assert arena.resident == 6 * MB
    for other in again:
        other.drop()


def test_memory_is_there_before_it_is_written(arena):
    block = arena.allocate(5 * MB)
    assert os.fstat(block.segment.fd).st_blocks * 512 < MB
    block.back()
    block.back()
    assert os.fstat(block.segment.fd).st_blocks * 512 >= 5 * MB
    block.drop()
    larger = arena.allocate(7 * MB)  # in the same slot
    assert larger.growth == 2 * MB == arena.resident - 5 * MB
    larger.back()
    assert os.fstat(block.segment.fd).st_blocks * 512 >= 7 * MB
    larger.drop()


def test_holders_are_counted(arena):
    block = arena.allocate(MB)
    block.hold()
    block.drop()
    assert arena.stats().blocks == 1
    block.drop()
    assert arena.stats().blocks == 0


def test_the_limit_holds(arena):
    arena.set_limit(10 * MB)
    blocks = [arena.allocate(MB) for _ in range(20)]
    kept = [block for block in blocks if block]
    assert len(kept) == 10
    assert arena.stats()[:3] == (10 * MB, 0, 10 * MB)
    assert True in arena.settled  # it looked before it gave up
    kept.pop().drop()
    assert arena.allocate(MB) is not None
    for block in [block for owner in arena.segments for block in list(owner.blocks.values())]:
        block.drop()


def test_a_limit_of_nothing(arena):
    arena.set_limit(0)
    assert arena.allocate(1) is None
    assert arena.segments == []


def test_room_is_made_of_idle_memory_of_another_size(arena):
    arena.set_limit(10 * MB)
    small = [backed(arena, MB) for _ in range(10)]
    for block in small:
        block.drop()
    large = backed(arena, 8 * MB)
    assert large is not None
    assert arena.resident == 8 * MB
    large.drop()


def test_a_larger_slot_is_better_than_none(arena):
    arena.set_limit(10 * MB)
    held = backed(arena, 2 * MB)
    free = backed(arena, 2 * MB)
    rest = [backed(arena, MB) for _ in range(6)]
    free.drop()
    block = backed(arena, MB)
    assert (block.segment, block.slot) == (free.segment, free.slot)
    for one in (held, block, *rest):
        one.drop()


def test_a_lower_limit_gives_back_what_is_idle(arena):
    blocks = [backed(arena, 8 * MB) for _ in range(4)]
    for block in blocks:
        block.drop()
    arena.set_limit(MB)
    assert arena.stats() == (0, 0, MB, 0)


def test_a_full_arena_is_not_searched_each_time(arena):
    arena.set_limit(MB)
    block = arena.allocate(MB)
    for _ in range(100):
        assert arena.allocate(MB) is None
    assert len(arena.settled) < 100
    block.drop()


def test_idle_segments_are_given_back(arena, monkeypatch):
    backed(arena, MB).drop()
    monkeypatch.setattr(arena_module, "IDLE_SECONDS", -1.0)
    arena._next_trim = 0.0
    other = backed(arena, 8 * MB)
    other.drop()
    assert arena.resident == 0


def test_without_a_user_what_is_idle_is_given_back_at_once(arena):
    arena.users = 0
    first, second = backed(arena, MB), backed(arena, MB)
    reader = reader_of(second)
    first.drop()
    second.drop()
    assert arena.resident == 2 * MB  # one segment, in which a reader has a lease
    os.close(reader)
    assert arena.stats()[:2] == (0, 0)


def test_what_a_reader_has_is_not_given_back(arena):
    block = backed(arena, MB)
    reader = reader_of(block)
    block.drop()
    arena.trim(float("inf"))
    assert arena.resident == MB
    os.close(reader)
    arena.trim(float("inf"))
    assert arena.resident == 0


def test_no_descriptors_left_is_as_full(arena, monkeypatch):
    def fail(slot_size):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(segment.Segment, "of", fail)
    assert arena.allocate(MB) is None


def test_no_memory_left(arena, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    block = arena.allocate(MB)
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", fail)
        with pytest.raises(OSError):
            block.back()
    block.drop()
    assert arena.resident == 0
    block = arena.allocate(MB)
    block.back()
    block.drop()
    assert arena.resident == MB


def test_settling_a_loan(arena):
    block = arena.allocate(MB)
    loan = Loan(block)
    generation = block.generation
    block.hold()
    assert not block.settle(generation)  # a send refers to it
    block.drop()
    reader = reader_of(block)
    assert not block.settle(generation)  # a reader has it
    os.close(reader)
    assert block.settle(generation)
    assert block.generation == generation + 1 == block.segment.generations[block.slot]
    assert block.settle(generation)
    assert arena.loans == 1
    loan.drop()
    assert block.settle(block.generation)
    assert arena.loans == 0


def test_a_send_without_its_array_is_not_settled_away(arena):
    block = arena.allocate(MB)
    loan = Loan(block)
    block.hold()
    loan.drop()  # the user let the array go; the send is not over
    assert not block.settle(block.generation)
    block.drop()


def test_many_small_blocks(arena):
    start = time.perf_counter()
    blocks = [arena.allocate(100) for _ in range(10_000)]
    assert len(arena.segments) == 3
    for block in blocks:
        block.drop()
    assert arena.stats().blocks == 0
    assert time.perf_counter() - start < 30

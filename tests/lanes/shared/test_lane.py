"""Outbox and inbox together: what is placed is followed, and what is let go is free."""

import contextlib
import ctypes
import gc
import os
import threading

import numpy as np
import pytest

from oobpickle import shared
from oobpickle.errors import LaneError, Timeout
from oobpickle.lanes import INLINE, open_inbox, open_outbox
from oobpickle.lanes.shared import arena as arena_module
from oobpickle.lanes.shared import acks, attach, inbox, memfd
from oobpickle.lanes.shared import outbox as outbox_module
from oobpickle.lanes.shared.acks import Board
from oobpickle.lanes.shared.blocks import Block
from oobpickle.lanes.shared.guard import Guard
from oobpickle.lanes.shared.placing import EACH_FROM, REFER_FROM
from oobpickle.lanes.shared.sends import Awaited
from oobpickle.lanes.shared.written import Pagemap

KB, MB = 1 << 10, 1 << 20


@pytest.fixture
def one():
    outbox = open_outbox(shared=True, receivers="one")
    yield outbox
    outbox.close()


@pytest.fixture
def many():
    outbox = open_outbox(shared=True, receivers="many", retain=0)
    yield outbox
    outbox.close()


@pytest.fixture
def reader():
    reader = open_inbox(shared=True)
    yield reader
    reader.close()


def buffers(*sizes):
    random = np.random.default_rng(0)
    return [random.integers(0, 256, size, np.uint8) for size in sizes]


def views(arrays):
    return [memoryview(array).cast("B") for array in arrays]


def follow(reader, placed, arrays, **options):
    """The shared ones of the arrays, as they arrive, in order."""
    lengths = [arrays[index].nbytes for index in sorted(placed.shared)]
    return [np.frombuffer(view, np.uint8) for view in reader.follow(placed.references, lengths, **options)]


@pytest.mark.parametrize(
    "sizes", [[64 * KB + 1], [MB], [5 * MB + 3], [MB, 2 * MB], [20 * KB] * 200, [100, MB, 5000, 70 * KB]]
)
@pytest.mark.parametrize("readonly", [False, True])
def test_what_arrives_is_what_was_sent(one, reader, sizes, readonly):
    arrays = buffers(*sizes)
    placed = one.place(views(arrays))
    assert set(placed.shared) == {index for index, size in enumerate(sizes) if size >= EACH_FROM}
    got = follow(reader, placed, arrays, readonly=readonly)
    for index, array in zip(sorted(placed.shared), got, strict=True):
        assert np.array_equal(array, arrays[index])
        assert array.flags.writeable is not readonly
        assert array.ctypes.data % 16 == 0


def test_what_is_small_stays_inline(one):
    assert one.place(views(buffers(100, 4000, 60 * KB))) == INLINE
    assert one.place([]).shared == ()
    assert one.place(views(buffers(0))).shared == ()


def test_mid_size_buffers_go_into_blocks_together_and_large_ones_alone(one, lane):
    one.place(views(buffers(*[20 * KB] * 40)))
    assert lane.arena.stats().blocks == 1
    one.place(views(buffers(2 * MB, 3 * MB)))
    assert lane.arena.stats().blocks == 3


def test_holding_one_does_not_pin_the_other(one, reader, lane):
    arrays = buffers(2 * MB, 3 * MB)
    first, second = follow(reader, one.place(views(arrays)), arrays)
    del first
    assert lane.arena.stats().blocks == 1
    assert np.array_equal(second, arrays[1])


def test_read_only_arrives_read_only(one, reader):
    arrays = buffers(MB, MB, 10 * KB, 10 * KB)
    for index in (1, 3):
        arrays[index].flags.writeable = False
    got = follow(reader, one.place(views(arrays)), arrays)
    assert [array.flags.writeable for array in got] == [True, False, True, False]


def test_writing_to_what_arrived_is_seen_by_nobody_else(one, many, reader):
    arrays = buffers(MB)
    placed = one.place(views(arrays))
    mine, other, third = (follow(reader, placed, arrays)[0] for _ in range(3))
    plain = follow(reader, placed, arrays, readonly=True)[0]
    mine[:] = 1
    other[:] = 2
    assert np.array_equal(third, arrays[0])
    assert np.array_equal(plain, arrays[0])
    assert set(mine) == {1}
    assert set(other) == {2}


def test_what_was_written_is_forgotten(one, reader, lane):
    arrays = buffers(MB)
    got = follow(reader, one.place(views(arrays)), arrays)[0]
    slot = next(iter(lane.attachments.all.values())).leases
    assert len(slot) == 1
    got[::5000] = 0
    del got
    again = buffers(MB)
    again[0] += 1
    got = follow(reader, one.place(views(again)), again)[0]
    assert lane.arena.resident == MB  # it is the same slot
    assert np.array_equal(got, again[0])


def test_where_nothing_was_written_nobody_looks(one, reader, lane, monkeypatch):
    looked = []
    monkeypatch.setattr(Pagemap, "written", lambda *_: looked.append(1) or [])
    arrays = buffers(MB)
    for _ in range(100):
        got = follow(reader, one.place(views(arrays)), arrays)[0]
        assert got.flags.writeable
        del got
    assert len(looked) < 90  # some page faults are other things'


@pytest.mark.parametrize("on_fault", [0, 1], ids=["at once", "on fault"])
def test_maps_that_are_locked_in_memory_show_no_old_bytes(one, reader, lane, on_fault):
    """As mlockall(2) does it to all: the kernel gives a private map its own pages, or keeps those that were written."""
    libc = ctypes.CDLL(None, use_errno=True)
    locked = []
    for number in range(12):
        arrays = buffers(MB)
        arrays[0] += number
        got = follow(reader, one.place(views(arrays)), arrays)[0]
        assert np.array_equal(got, arrays[0]), number
        got[::2] = 0
        del got
        (attachment,) = lane.attachments.all.values()
        for layer in attachment.layers:
            if layer.address not in locked:
                locked.append(layer.address)
                if libc.mlock2(ctypes.c_void_p(layer.address), ctypes.c_size_t(len(layer.memory)), on_fault):
                    pytest.skip(f"may not lock memory: {os.strerror(ctypes.get_errno())}")
    assert not attachment.leases


def test_a_block_and_its_echo_are_one_block(one, reader, lane):
    """A loaned array that a peer sent back, sent on beside the array itself."""
    array = shared.full(MB, 7, np.uint8)
    placed = one.place([memoryview(array)])
    (echo,) = reader.follow(placed.references, [MB])
    both = [memoryview(array), echo]
    placed = one.place(both)
    assert len(placed.shared) == 2 or not placed.shared
    got = reader.follow(placed.references, [MB] * len(placed.shared)) if placed.shared else both
    assert [bytes(view) for view in got] == [bytes(array)] * 2


def test_more_arrivals_of_a_block_than_there_are_layers_are_copied(one, reader, lane):
    arrays = buffers(MB)
    placed = one.place(views(arrays))
    got = [follow(reader, placed, arrays)[0] for _ in range(attach.MOST_LAYERS + 3)]
    for number, array in enumerate(got):
        array[:] = number
    assert [set(array) for array in got] == [{number} for number in range(len(got))]
    assert len(next(iter(lane.attachments.all.values())).layers) == attach.MOST_LAYERS


def test_views_outlive_both_ends():
    one, reader = open_outbox(shared=True, receivers="one"), open_inbox(shared=True)
    arrays = buffers(MB)
    got = follow(reader, one.place(views(arrays)), arrays)[0]
    one.close()
    reader.close()
    del one, reader
    gc.collect()
    assert np.array_equal(got, arrays[0])


def test_a_closed_inbox_follows_without_acknowledging(one, reader, lane):
    arrays = buffers(MB)
    placed = one.place(views(arrays))
    reader.close()
    assert np.array_equal(follow(reader, placed, arrays)[0], arrays[0])
    assert one.in_flight == 1


def test_in_flight_until_acknowledged(one, reader, lane):
    arrays = buffers(MB)
    placed = one.place(views(arrays))
    assert placed.tracker is None
    assert (one.in_flight, one.wait(0)) == (1, False)
    got = follow(reader, placed, arrays)
    assert (one.in_flight, one.wait(0)) == (0, True)
    assert lane.arena.stats().in_use == MB
    del got
    assert lane.arena.stats().in_use == 0


def test_wait_sees_an_acknowledgement_that_comes_meanwhile(one, reader):
    arrays = buffers(MB)
    placed = one.place(views(arrays))
    thread = threading.Timer(0.05, lambda: follow(reader, placed, arrays))
    thread.start()
    assert one.wait(10)
    thread.join()


def test_a_publisher_waits_for_those_who_are_on_their_way(many, lane, monkeypatch):
    monkeypatch.setattr(outbox_module, "CATCH_UP", 1000.0)
    messages = [many.place(views(buffers(MB))).references for _ in range(3)]
    first, second = open_inbox(shared=True), open_inbox(shared=True)
    assert many.lingers(2)  # nobody has anything yet
    first.follow(messages[2], [MB])
    assert many.lingers(2)
    assert not many.lingers(1)
    second.skip(messages[1], 1)
    assert many.lingers(2)
    assert many.lingers(1), "one that is known is waited for, also when nobody says how many there are"
    second.skip(messages[2], 1)
    assert not many.lingers(2)
    first.close()
    second.close()


def test_a_publisher_does_not_wait_for_those_who_do_not_move(many, monkeypatch):
    monkeypatch.setattr(outbox_module, "CATCH_UP", 0.01)
    many.place(views(buffers(MB)))
    assert many.lingers(1)
    assert many.wait(10, peers=1)


def test_a_message_that_is_skipped_is_over(one, reader):
    placed = one.place(views(buffers(MB)))
    assert one.bytes_in_flight == 0  # it waits to be sent
    one.went(placed)
    assert one.bytes_in_flight == MB
    reader.skip(b"nonsense", 1)
    reader.skip(placed.references, 2)
    assert one.in_flight == 1
    reader.skip(placed.references, 1)
    assert (one.in_flight, one.bytes_in_flight) == (0, 0)


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_snapshot_of_a_loaned_array(one, reader, snapshot):
    array = shared.empty(MB, "u1")
    array[:] = 1
    placed = one.place(views([array]), snapshot=snapshot)
    assert (placed.tracker is None) is snapshot
    array[:] = 2
    (view,) = reader.follow(placed.references, [MB])
    assert view[0] == (1 if snapshot else 2)


def test_a_small_block_is_copied_out_and_free_at_once(one, reader, lane):
    arrays = buffers(inbox.COPY_UP_TO)
    got = follow(reader, one.place(views(arrays)), arrays)
    assert one.wait(0)
    assert lane.arena.stats().in_use == 0
    assert np.array_equal(got[0], arrays[0])


def test_cancelled(one, many, lane):
    for outbox in (one, many):
        placed = outbox.place(views(buffers(MB)))
        assert lane.arena.stats().blocks == 1
        outbox.cancel(placed)
        assert (outbox.in_flight, lane.arena.stats().blocks) == (0, 0)
        outbox.cancel(outbox.place(views(buffers(5))))


def test_closed(lane):
    outbox = open_outbox(shared=True, receivers="one")
    placed = outbox.place(views(buffers(MB)))
    outbox.close()
    outbox.close()
    assert lane.arena.stats()[:2] == (0, 0)
    assert outbox.place(views(buffers(MB))).shared == ()
    outbox.cancel(placed)


def test_dropped_without_closing(lane):
    open_outbox(shared=True, receivers="one").place(views(buffers(MB)))
    gc.collect()
    assert lane.arena.stats().blocks == 0


def test_published_messages_are_kept_while_they_are_new(reader, lane):
    outbox = open_outbox(shared=True, receivers="many", retain=3 * MB)
    sent = [buffers(MB)[0] + number for number in range(6)]
    placed = [outbox.place([memoryview(array)]) for array in sent]
    assert (outbox.in_flight, outbox.bytes_in_flight, outbox.wait(0)) == (0, 0, True)
    for index in range(3, 6):
        assert np.array_equal(follow(reader, placed[index], [sent[index]])[0], sent[index])
    late = 0
    for index in range(3):  # free, and used again or not: the right bytes or none
        try:
            assert np.array_equal(follow(reader, placed[index], [sent[index]])[0], sent[index])
        except LaneError:
            late += 1
    assert late == 2  # of six sends two used a free slot again
    outbox.close()


# Loaned arrays


def test_a_loaned_array_is_not_copied(one, reader, lane):
    array = shared.empty(5 * MB, np.uint8)
    array[:] = buffers(5 * MB)[0]
    placed = one.place([memoryview(array), memoryview(array)[MB : 2 * MB].toreadonly()])
    assert lane.arena.stats().in_use == array.nbytes
    got, part = follow(reader, placed, [array, array[MB : 2 * MB]])
    assert np.array_equal(got, array)
    assert np.array_equal(part, array[MB : 2 * MB])
    assert not part.flags.writeable
    got[:] = 0
    assert array.any()


def test_its_tracker_is_done_when_nobody_has_it(one, reader):
    array = shared.zeros(MB, np.uint8)
    placed = one.place([memoryview(array)])
    assert not placed.tracker.done
    got = follow(reader, placed, [array])
    assert not placed.tracker.done
    with pytest.raises(Timeout):
        placed.tracker.wait(0.01)
    del got
    placed.tracker.wait(0)
    assert placed.tracker.done


def test_what_is_written_after_the_tracker_is_done_no_late_reader_sees(many, reader):
    array = shared.zeros(MB, np.uint8)
    placed = many.place([memoryview(array)])
    newer = many.place([memoryview(array)[: MB // 2]])
    assert not placed.tracker.done  # the newer send refers to it
    many.place(views(buffers(MB)))  # retain=0: takes the place of both
    placed.tracker.wait(0)
    newer.tracker.wait(0)
    array[:] = 1
    with pytest.raises(LaneError, match="too late"):
        follow(reader, placed, [array])


def test_a_loaned_array_can_be_sent_again_and_again(one, reader):
    array = shared.zeros(MB, np.uint8)
    for number in range(20):
        array[:] = number
        placed = one.place([memoryview(array)])
        got = follow(reader, placed, [array])
        assert set(got[0]) == {number}
        del got
        placed.tracker.wait(1)


def test_a_tracker_that_is_kept_keeps_no_memory(lane):
    from tests.lanes.shared.support import ours

    before = len(ours())
    one = open_outbox(shared=True, receivers="one")
    array = shared.zeros(MB, np.uint8)
    tracker = one.place([memoryview(array)]).tracker
    one.close()
    assert len(ours()) > before
    del array  # the segment is closed while its last view is dying
    assert len(ours()) == before
    assert tracker.done


def test_a_loaned_array_may_die_in_flight(one, reader, lane):
    array = shared.zeros(MB, np.uint8)
    expected = array.copy()
    placed = one.place([memoryview(array)])
    del array
    others = [shared.zeros(MB, np.uint8) + 1 for _ in range(3)]
    assert np.array_equal(follow(reader, placed, [expected])[0], expected)
    del others


def test_overlapping_views_arrive_as_memory_of_their_own(one, reader):
    array = shared.empty(4 * MB, np.uint8)
    array[:] = buffers(4 * MB)[0]
    parts = [array, array[:MB], array[2 * MB :], array[MB : 3 * MB]]
    placed = one.place(views(parts))
    got = follow(reader, placed, parts)
    assert all(np.array_equal(a, b) for a, b in zip(got, parts, strict=True))
    got[0][:] = 0
    assert all(np.array_equal(a, b) for a, b in zip(got[1:], parts[1:], strict=True))


def test_many_parts_of_one_array_in_any_order(one, reader):
    array = shared.empty(4 * MB, np.uint8)
    array[:] = buffers(4 * MB)[0]
    parts = [array[start : start + 8 * KB] for start in range(0, 4 * MB, 8 * KB)][::-1]
    placed = one.place(views(parts))
    assert len(placed.references) < 17 * len(parts)  # one block
    got = follow(reader, placed, parts)
    assert all(np.array_equal(a, b) for a, b in zip(got, parts, strict=True))


# Relay


@pytest.mark.parametrize("readonly", [False, True])
def test_relay_refers_to_the_first_sender_s_memory(one, many, reader, lane, readonly):
    arrays = buffers(MB)
    first = follow(reader, one.place(views(arrays)), arrays, readonly=readonly)[0]
    second = follow(reader, many.place([memoryview(first)]), arrays, readonly=readonly)[0]
    assert lane.arena.stats().in_use == MB
    assert np.array_equal(second, arrays[0])
    del first
    assert np.array_equal(second, arrays[0])


def test_relay_of_a_written_array_copies_it(one, many, reader, lane):
    arrays = buffers(MB)
    first = follow(reader, one.place(views(arrays)), arrays)[0]
    first[500_000] ^= 1
    second = follow(reader, many.place([memoryview(first)]), arrays)[0]
    assert np.array_equal(second, first)
    assert lane.arena.stats().blocks == 2
    untouched = first[600_000:]
    third = follow(reader, many.place([memoryview(untouched)]), [untouched])[0]
    assert np.array_equal(third, untouched)


def test_a_relayed_block_stays_for_its_receiver(one, reader, lane):
    arrays = buffers(MB)
    first = follow(reader, one.place(views(arrays)), arrays)[0]
    placed = one.place([memoryview(first)])
    del first
    assert lane.arena.stats().in_use == MB
    for _ in range(3):  # nothing takes its slot
        one.cancel(one.place(views(buffers(MB))))
    assert np.array_equal(follow(reader, placed, arrays)[0], arrays[0])


# No room


def test_a_full_arena_sends_inline_and_comes_back(one, reader, lane, monkeypatch):
    monkeypatch.setattr(arena_module, "_RETRY_AFTER", 0.0)
    lane.guard.run(lane.arena.set_limit, 10 * MB)
    arrays = buffers(MB)
    kept = []
    for number in range(30):
        placed = one.place(views(arrays))
        kept.append(follow(reader, placed, arrays) if placed.shared else None)
        assert lane.arena.resident <= 10 * MB
    assert [bool(part) for part in kept] == [True] * 10 + [False] * 20
    kept.clear()
    assert one.place(views(arrays)).shared


def test_a_part_that_does_not_fit_stays_inline(one, reader, lane):
    lane.guard.run(lane.arena.set_limit, 10 * MB)
    arrays = buffers(2 * MB, 20 * MB, 3 * MB)
    placed = one.place(views(arrays))
    assert set(placed.shared) == {0, 2}
    got = follow(reader, placed, arrays)
    assert np.array_equal(got[1], arrays[2])


def test_no_words_left(one, lane, monkeypatch):
    one.place(views(buffers(MB)))
    free, lane.boards[-1]._free = lane.boards[-1]._free, type(lane.boards[-1]._free)()
    lane.boards[-1]._in_flight += 1 << 16
    assert one.place(views(buffers(MB))).shared == ()
    assert lane.arena.stats().blocks == 1
    lane.boards[-1]._in_flight -= 1 << 16
    lane.boards[-1]._free = free


def test_loaned_arrays_are_referred_to_from_a_size_up(one, lane):
    small, large = (memoryview(shared.zeros(size, np.uint8)) for size in (REFER_FROM - 1, REFER_FROM))
    assert one.place([small]) is INLINE
    assert set(one.place([large]).shared) == {0}
    assert set(one.place([small, large, small]).shared) == {1}
    assert one.in_flight == 2


def test_words_are_found_again_when_loaned_arrays_are_sent(one, reader, lane):
    """All that a board has are taken, and then acknowledged: the next send finds that out."""
    array = shared.zeros(REFER_FROM, np.uint8)
    placed = [one.place([memoryview(array)]) for _ in range(acks.WORDS)]
    assert not one.place([memoryview(array)]).shared
    for message in placed:
        reader.skip(message.references, 1)
    assert one.place([memoryview(array)]).shared


def test_a_peer_that_takes_nothing_keeps_only_its_own(one, reader, lane):
    """What others have taken is found however many sends lie at a peer that takes none."""
    array = shared.zeros(REFER_FROM, np.uint8)
    stuck = [one.place([memoryview(array)]) for _ in range(100)]
    for _ in range(2000):
        reader.skip(one.place([memoryview(array)]).references, 1)
    assert one._sends._pending and len(one._sends._pending) < 3 * len(stuck)


def test_an_interrupt_while_an_array_is_referred_to_gives_it_back(one, lane, monkeypatch):
    array = shared.zeros(MB, np.uint8)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(outbox_module.references, "pack_one", interrupted)
    with pytest.raises(KeyboardInterrupt):
        one.place([memoryview(array)])
    assert one.in_flight == 0
    assert next(iter(lane.arena.segments[-1].blocks.values())).holders == 1  # the loan


def test_a_board_that_is_used_up_is_replaced(one, reader, lane):
    first = one.place(views(buffers(MB)))
    lane.boards[-1]._free.clear()
    second = one.place(views(buffers(MB)))
    assert second.shared
    assert len(lane.boards) == 2
    for placed in (first, second):
        follow(reader, placed, buffers(MB))
    assert one.wait(0)
    lane.guard.run(lane.settle)
    assert len(lane.boards) == 1


def test_publishers_that_keep_more_than_there_is_share_on(lane, monkeypatch):
    monkeypatch.setattr(arena_module, "_RETRY_AFTER", 0.0)
    outboxes = [open_outbox(shared=True, receivers="many", retain=100 * MB) for _ in range(3)]
    lane.guard.run(lane.arena.set_limit, 12 * MB)
    for _ in range(30):
        for outbox in outboxes:
            assert outbox.place(views(buffers(MB))).shared
    assert lane.arena.resident <= 12 * MB
    for outbox in outboxes:
        outbox.close()


def test_no_memory_to_copy_into(one, lane, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", fail)
    assert one.place(views(buffers(MB))).shared == ()
    assert not shared.is_shared(shared.empty(MB, np.uint8))
    assert lane.arena.resident == 0


@pytest.mark.parametrize("what", ["close", "peer_gone", "press"])
@pytest.mark.parametrize("count", [1, 2])
def test_nothing_ends_a_send_while_it_is_copied(lane, reader, monkeypatch, what, count):
    """Its block would be another's while it is still being written."""
    outbox = open_outbox(shared=True, receivers="many" if what == "press" else "one")
    real = Block.back

    def back(self):
        if what == "close":
            outbox.close()
        elif what == "peer_gone":
            outbox.peer_gone(0)
        else:
            for sends in list(lane.sending):
                lane.guard.run(sends.press)
        assert lane.arena.stats().blocks == count
        real(self)

    monkeypatch.setattr(Block, "back", back)
    arrays = buffers(*[MB] * count)
    placed = outbox.place(views(arrays))
    assert len(placed.shared) == (0 if what == "close" else count)
    if placed.shared:
        assert all(map(np.array_equal, follow(reader, placed, arrays), arrays))
    outbox.close()
    assert lane.arena.stats().blocks == 0


def test_the_mutex_is_free_while_memory_is_got_and_copied_into(one, lane, monkeypatch):
    real = os.posix_fallocate

    def watched(*args):
        assert not lane.guard.mutex.locked()
        real(*args)

    monkeypatch.setattr(os, "posix_fallocate", watched)
    assert one.place(views(buffers(MB))).shared
    assert shared.is_shared(shared.empty(MB))


def test_what_the_dead_left_is_let_go(lane, reader):
    from tests.lanes.shared.support import ours, peer

    def work(connection):
        outbox = open_outbox(shared=True, receivers="one")
        connection.send(outbox.place([memoryview(np.ones(MB, np.uint8))]).references)
        connection.recv()

    with peer(work) as other:
        view = reader.follow(other.receive(), [MB])[0]
        other.kill()
    reader.peer_gone()
    assert len([text for text in ours() if not text.startswith("/")]) == 2  # a view holds it: its two maps
    del view
    reader.peer_gone()
    assert ours() == []


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("kind", "name", "error"),
    [
        (Block, "back", KeyboardInterrupt),
        (Block, "back", OSError),
        (Block, "reference", KeyboardInterrupt),
        (Awaited, "add", KeyboardInterrupt),
        (Board, "take", KeyboardInterrupt),
        (outbox_module, "Placed", KeyboardInterrupt),
        (Guard, "drain", KeyboardInterrupt),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_copy_that_fails_leaves_nothing(one, lane, monkeypatch, count, kind, name, error, when):
    real = getattr(kind, name)

    def fail(*args):
        if when == "after":
            real(*args)
        patch.setattr(kind, name, real)
        raise error

    one._lane.guard._queue.append(lambda: None)  # something to drain
    with monkeypatch.context() as patch:
        patch.setattr(kind, name, fail)
        if error is OSError:
            assert one.place(views(buffers(*[MB] * count))) is INLINE
        else:
            with pytest.raises(error):
                one.place(views(buffers(*[MB] * count)))
    assert (lane.arena.stats().blocks, one.in_flight, one.bytes_in_flight) == (0, 0, 0)
    one.close()
    for _ in range(2):  # and its slot is nobody's but the next one's
        with contextlib.closing(open_outbox(shared=True, receivers="one")) as other:
            assert len(other.place(views(buffers(MB))).shared) == lane.arena.stats().blocks == 1


def test_a_kernel_that_cannot_tell_of_pages(one, reader, lane, monkeypatch):
    monkeypatch.setattr(Pagemap, "written", lambda self, start, stop: [(start, stop)])
    for number in range(5):
        arrays = buffers(MB)
        arrays[0] += number
        got = follow(reader, one.place(views(arrays)), arrays)[0]
        assert np.array_equal(got, arrays[0])
        got[:] = 0
        del got


def test_where_descriptors_run_out(one, reader, lane, monkeypatch):
    arrays = buffers(MB)
    placed = one.place(views(arrays))

    def fail(*args, **kwargs):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(memfd.locks, "reopen", fail)
        with pytest.raises(LaneError, match="Too many open files"):
            follow(reader, placed, arrays)
    assert np.array_equal(follow(reader, placed, arrays)[0], arrays[0])


def test_many_threads_through_one_arena(lane):
    failures = []

    def work(seed):
        try:
            random = np.random.default_rng(seed)
            outbox, inbox_ = open_outbox(shared=True, receivers="one"), open_inbox(shared=True)
            kept = []
            for _ in range(150):
                array = random.integers(0, 256, int(random.integers(70_000, 400_000)), np.uint8)
                got = follow(inbox_, outbox.place([memoryview(array)]), [array])[0]
                kept.append((array, got))
                if len(kept) > 5:
                    array, got = kept.pop(int(random.integers(5)))
                    assert np.array_equal(array, got)
                    got[::1000] = 0
            outbox.close()
            inbox_.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_descriptors_do_not_grow(one, reader):
    arrays = buffers(MB, 100 * KB, 3 * MB)

    def once():
        follow(reader, one.place(views(arrays)), arrays)

    once()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(200):
        once()
    assert len(os.listdir("/proc/self/fd")) == before

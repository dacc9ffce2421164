"""References that a peer made to do harm, every field of them: LaneError, and nothing of another kind is opened or mapped."""

import fcntl
import mmap
import os
import socket
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.lanes.shared.support import ours

from oobpickle import shared
from oobpickle.errors import LaneError
from oobpickle.lanes import open_inbox, open_outbox
from oobpickle.lanes.shared import acks, locks, memfd, references, segment
from oobpickle.lanes.shared.references import BLOCK, BUFFER, NO_ACK, AckReference, BlockReference, unpack

MB = 1 << 20
SIZE = 300_000


@pytest.fixture
def message():
    """A message with two blocks, honestly made: (references, lengths, arrays)."""
    outbox = open_outbox(shared=True, receivers="one")
    arrays = [np.full(MB, 1, np.uint8), np.full(SIZE, 2, np.uint8), np.full(SIZE, 3, np.uint8)]
    placed = outbox.place([memoryview(array) for array in arrays])
    yield unpack(placed.references, 3), [array.nbytes for array in arrays], arrays
    outbox.close()


@pytest.fixture
def inbox():
    inbox = open_inbox(shared=True)
    yield inbox
    inbox.close()


def pack(refs):
    return references.pack(
        refs.acknowledge,
        [BLOCK.pack(*block) for block in refs.blocks],
        [BUFFER.pack(*buffer) for buffer in refs.buffers],
    )


def refused(inbox, refs, lengths, match=None):
    with pytest.raises(LaneError, match=match):
        inbox.follow(pack(refs), lengths)


def with_block(refs, number, **fields):
    blocks = list(refs.blocks)
    blocks[number] = blocks[number]._replace(**fields)
    return refs._replace(blocks=blocks)


def with_buffer(refs, number, *fields):
    buffers = list(refs.buffers)
    buffers[number] = fields
    return refs._replace(buffers=buffers)


def test_the_honest_one_is_followed(message, inbox):
    refs, lengths, arrays = message
    got = inbox.follow(pack(refs), lengths)
    assert [bytes(view) for view in got] == [array.tobytes() for array in arrays]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"pid": 0}, "process 0"),
        ({"pid": 0xFFFFFFFF}, "pid namespace"),
        ({"pid": 1}, "process 1"),
        ({"fd": 0xFFFFFFFF}, "no descriptor"),
        ({"fd": 0}, "no memory of oobpickle"),
        ({"token": 0}, "stale"),
        ({"token": 2**64 - 1}, "stale"),
        ({"slot": 0xFFFFFFFF}, "does not exist"),
        ({"slot": 4000}, "does not exist"),
        ({"slot": 30}, "too late"),
        ({"generation": 0}, "too late"),
        ({"generation": 2}, "too late"),
        ({"generation": 2**64 - 1}, "too late"),
    ],
)
def test_a_block_s_fields(message, inbox, lane, number, fields, match):
    refs, lengths, _ = message
    refused(inbox, with_block(refs, number, **fields), lengths, match)
    assert lane.attachments.leases == 0


@pytest.mark.parametrize("start", [1 << 20, (1 << 20) - SIZE + 1, 2**64 - 1, 2**63])
def test_a_buffer_beyond_its_block(message, inbox, lane, start):
    refs, lengths, _ = message
    refused(inbox, with_buffer(refs, 1, 1, 0, start), lengths, "beyond its block")
    assert lane.attachments.leases == 0


@pytest.mark.parametrize("length", [2**62 - 1, (1 << 20) + 1])
def test_a_length_beyond_its_block(message, inbox, length):
    refs, lengths, _ = message
    refused(inbox, refs, [length, *lengths[1:]], "beyond its block")


def test_writable_buffers_that_overlap(message, inbox):
    refs, lengths, _ = message
    refused(inbox, with_buffer(refs, 2, 1, 0, 100), lengths, "overlap")
    assert len(inbox.follow(pack(with_buffer(refs, 2, 1, 1, 100)), lengths)) == 3  # read-only ones may


def test_a_block_named_twice(message, inbox, lane):
    refs, lengths, _ = message
    refused(inbox, with_block(refs, 1, **refs.blocks[0]._asdict()), lengths, "twice")
    twin = os.dup(refs.blocks[0].fd)  # the same under another number
    refused(inbox, with_block(refs, 1, **refs.blocks[0]._replace(fd=twin)._asdict()), lengths, "twice")
    os.close(twin)
    assert lane.attachments.leases == 0


@pytest.mark.parametrize("field", ["pid", "fd", "word", "token"])
def test_an_acknowledgement_s_fields(message, inbox, lane, field):
    refs, lengths, _ = message
    wrong = refs.acknowledge._replace(**{field: 0xFFFFFFF})
    refused(inbox, refs._replace(acknowledge=wrong), lengths)
    assert lane.attachments.leases == 0


def test_an_acknowledgement_into_a_segment_or_from_it(message, inbox):
    refs, lengths, _ = message
    block, acknowledge = refs.blocks[0], refs.acknowledge
    before = os.pread(block.fd, 8 * MB, 0)
    refused(
        inbox,
        refs._replace(acknowledge=acknowledge._replace(fd=block.fd, token=block.token)),
        lengths,
        "not the sender's",
    )
    assert os.pread(block.fd, 8 * MB, 0) == before
    refused(inbox, with_block(refs, 0, fd=acknowledge.fd, token=acknowledge.token), lengths, "not sealed")


def files():
    """(name, something that a descriptor can be): none of them is memory of ours."""
    read, write = os.pipe()
    yield "pipe", read
    yield "pipe", write
    near, far = socket.socketpair()
    yield "socket", near.detach()
    yield "socket", far.detach()
    yield "file", os.open(__file__, os.O_RDONLY)
    yield "folder", os.open("/", os.O_RDONLY)
    yield "device", os.open("/dev/null", os.O_RDWR)
    yield "handle", os.open("/dev/zero", os.O_PATH)
    yield "eventfd", os.eventfd(0)
    yield "memfd of another's", os.memfd_create("something", os.MFD_ALLOW_SEALING)
    unsealed = os.memfd_create(memfd.NAME, os.MFD_ALLOW_SEALING)
    os.ftruncate(unsealed, 8 * MB)
    yield "unsealed", unsealed
    yield "cannot be sealed", os.memfd_create(memfd.NAME)
    shrinks = os.memfd_create(memfd.NAME, os.MFD_ALLOW_SEALING)
    os.ftruncate(shrinks, 8 * MB)
    fcntl.fcntl(shrinks, fcntl.F_ADD_SEALS, 0x4 | 0x10)
    yield "can shrink", shrinks
    empty = os.memfd_create(memfd.NAME, os.MFD_ALLOW_SEALING)
    fcntl.fcntl(empty, fcntl.F_ADD_SEALS, memfd.OWNER_WRITES)
    yield "empty", empty


def test_descriptors_of_anything_else(message, inbox, lane):
    refs, lengths, _ = message
    opened = []
    before = ours()
    for name, number in files():
        opened.append(number)
        here = {"pid": os.getpid(), "fd": number}
        refused(inbox, with_block(refs, 0, **here), lengths)
        refused(inbox, refs._replace(acknowledge=refs.acknowledge._replace(**here)), lengths)
    with open("/proc/self/maps") as maps:
        mapped = [line for line in maps if "memfd" in line]
    assert all("memfd:oobpickle" in line for line in mapped)
    for number in opened:
        os.close(number)
    kept = len([text for text in ours() if "-s " in text or "r--s" in text])
    assert kept <= len(before) + 2, ours()  # the sender's own, and the honest block's


def test_a_fifo_is_not_opened(message, inbox, tmp_path):
    """To open one for reading would wake a writer."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    handle = os.open(path, os.O_PATH)
    refs, lengths, _ = message
    refused(inbox, with_block(refs, 0, fd=handle), lengths, "no memory of oobpickle")
    with pytest.raises(OSError):  # ENXIO: nobody has it open for reading
        os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.close(handle)


def forged(header, size, seals=memfd.OWNER_WRITES):
    fd = os.memfd_create(memfd.NAME, os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    os.pwrite(fd, header, 0)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


@pytest.mark.parametrize(
    ("slot_size", "slot_count", "size"),
    [
        (MB, 100, MB),  # slots beyond the end of the file
        (MB, 8, 8 * MB),  # the last reaches beyond it, by the header
        (0, 8, 8 * MB),
        (3000, 8, 8 * MB),  # no power of two
        (32, 8, 8 * MB),
        (2**63, 2, 8 * MB),
        (2**63, 2**63, 8 * MB),
        (64, 0, 8 * MB),
        (64, 2**64 - 1, 8 * MB),
        (64, segment.MOST_SLOTS + 1, 8 * MB),
        (MB, 1, 64),  # no room for the header
    ],
)
def test_a_segment_that_is_not_laid_out_as_it_says(inbox, slot_size, slot_count, size):
    before = len(ours())
    fd = forged(segment.HEADER.pack(segment.MAGIC, 7, slot_size, slot_count), size)
    refs = references.References(NO_ACK, [BlockReference(os.getpid(), fd, 7, 0, 0)], [(0, 0, 0)])
    if size < 100:
        os.close(fd)
        fd = forged(b"", 10)
        refs = references.References(NO_ACK, [BlockReference(os.getpid(), fd, 7, 0, 0)], [(0, 0, 0)])
    refused(inbox, refs, [1])
    os.close(fd)
    assert len(ours()) == before


def test_a_board_that_is_not_laid_out_as_it_says(message, inbox):
    refs, lengths, _ = message
    for words, size in [(1 << 40, 8 * MB), (2**64 - 1, 8 * MB), (100, 4096), (2**61, 4096)]:
        fd = forged(acks.HEADER.pack(acks.MAGIC, 7, words), size, memfd.FIXED_SIZE)
        refused(inbox, refs._replace(acknowledge=AckReference(os.getpid(), fd, 0, 1, 7)), lengths)
        os.close(fd)


def test_a_sparse_segment_costs_the_reader_nothing(inbox, lane):
    """A slot of 1 TB that is a hole: viewed, or refused, but not copied."""
    size = 1 << 40
    fd = forged(segment.HEADER.pack(segment.MAGIC, 7, size, 1), 4096 + size)
    locks.lock_exclusive(fd, segment.ALIVE)
    refs = references.References(NO_ACK, [BlockReference(os.getpid(), fd, 7, 0, 0)], [(0, 0, 0)])
    views = []
    with pytest.raises(LaneError, match="more memory than there is"):
        while True:
            views += inbox.follow(pack(refs), [size])
    assert len(views) == 8
    views[0][size // 2] = 1
    assert views[1][size // 2] == 0
    views.clear()
    (attachment,) = lane.attachments.all.values()
    lane.guard.run(lane.attachments.drop, attachment)
    os.close(fd)


def test_only_so_many_segments_are_attached(inbox, lane, monkeypatch):
    from oobpickle.lanes.shared import attachments

    monkeypatch.setattr(attachments, "MOST", 4)
    monkeypatch.setattr(attachments, "_MOST_KEYS", 16)
    fds = []
    for number in range(40):
        fd = forged(segment.HEADER.pack(segment.MAGIC, number, 4096, 4), 8 * 4096)
        locks.lock_exclusive(fd, segment.ALIVE)
        fds.append(fd)
    held = []

    def follow(number):
        refs = references.References(NO_ACK, [BlockReference(os.getpid(), fds[number], number, 0, 0)], [(0, 0, 0)])
        return inbox.follow(pack(refs), [10])

    for number in range(40):
        follow(number)
        assert len(lane.attachments.all) <= 4
        assert len(lane.attachments._keys) <= 16
    monkeypatch.setattr("oobpickle.lanes.shared.inbox.COPY_UP_TO", 0)
    for number in range(4):
        held += follow(number)
    with pytest.raises(LaneError, match="held already"):
        follow(5)
    held.pop()
    held.clear()
    follow(5)
    for attachment in list(lane.attachments.all.values()):
        lane.guard.run(lane.attachments.drop, attachment)
    for fd in fds:
        os.close(fd)


def test_only_so_many_boards(inbox, monkeypatch):
    monkeypatch.setattr("oobpickle.lanes.shared.boards.MOST_BOARDS", 3)
    boards = [acks.Board(os.getpid()) for _ in range(10)]
    outbox = open_outbox(shared=True, receivers="many")
    array = np.ones(MB, np.uint8)
    refs = unpack(outbox.place([memoryview(array)]).references, 1)
    for board in boards:
        word = board.take()
        inbox.follow(pack(refs._replace(acknowledge=word)), [MB])
        assert board.reader(word)
        assert len(inbox._boards) <= 3
    for board in boards:
        board.close()
    outbox.close()


def test_a_refused_message_is_over_for_its_sender(inbox):
    outbox = open_outbox(shared=True, receivers="one")
    array = np.ones(MB, np.uint8)
    refs = unpack(outbox.place([memoryview(array)]).references, 1)
    refused(inbox, with_block(refs, 0, generation=99), [MB])
    assert outbox.in_flight == 0
    outbox.close()


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_byte_changed(message, inbox, lane, data):
    refs, lengths, arrays = message
    raw = bytearray(pack(refs._replace(acknowledge=NO_ACK)))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        views = inbox.follow(bytes(raw), lengths)
    except LaneError:
        assert lane.attachments.leases == 0
        return
    assert [view.nbytes for view in views] == lengths  # of memory that the sender has shared
    del views
    assert lane.attachments.leases == 0


def test_a_header_that_changes_after_it_was_checked(inbox, lane):
    """The sender can write its header: what was checked is a copy."""
    fd = os.memfd_create(memfd.NAME, os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 8 * 4096)
    writable = mmap.mmap(fd, 8 * 4096)
    writable[: segment.HEADER.size] = segment.HEADER.pack(segment.MAGIC, 7, 4096, 4)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, memfd.OWNER_WRITES)
    locks.lock_exclusive(fd, segment.ALIVE)
    refs = references.References(NO_ACK, [BlockReference(os.getpid(), fd, 7, 3, 0)], [(0, 0, 0)])
    inbox.follow(pack(refs), [10])
    writable[: segment.HEADER.size] = segment.HEADER.pack(segment.MAGIC, 7, 2**62, 2**62)
    inbox.follow(pack(refs), [10])
    refused(inbox, with_block(refs, 0, slot=4), [10])
    refused(inbox, with_buffer(refs, 0, 0, 0, 4096), [10])
    (attachment,) = lane.attachments.all.values()
    lane.guard.run(lane.attachments.drop, attachment)
    writable.close()
    os.close(fd)


def test_a_reader_cannot_write_to_a_sender(inbox, message):
    refs, lengths, arrays = message
    views = inbox.follow(pack(refs), lengths, readonly=True)
    with pytest.raises(TypeError):
        views[0][0] = 1
    with pytest.raises(PermissionError):
        fd = os.open(f"/proc/{refs.blocks[0].pid}/fd/{refs.blocks[0].fd}", os.O_RDWR)
        try:
            mmap.mmap(fd, 4096)
        finally:
            os.close(fd)


def test_empty_parts_hold_nothing(message, inbox, lane):
    refs, lengths, _ = message
    refs = with_buffer(with_buffer(refs, 0, 0, 1, 0), 2, 0, 0, 5)  # read-only and large, and writable and empty
    views = inbox.follow(pack(refs), [lengths[0], lengths[1], 0])
    assert [view.nbytes for view in views] == [*lengths[:2], 0]
    views.clear()
    assert lane.attachments.leases == 0
    assert all(not layer.slots for attachment in lane.attachments.all.values() for layer in attachment.layers)


def test_stats_are_of_this_process(message):
    assert shared.stats().blocks == 2


def test_struct_sizes_are_as_documented():
    assert (references.HEADER.size, BLOCK.size, BUFFER.size) == (28, 28, 16)
    assert struct.calcsize("P") == 8

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobpickle.errors import LaneError
from oobpickle.lanes.shared.references import (
    BLOCK,
    BUFFER,
    HEADER,
    NO_ACK,
    AckReference,
    pack,
    pack_one,
    unpack,
    unpack_one,
)

ACK = AckReference(11, 12, 13, 14, 15)
BLOCKS = [(1, 2, 3, 4, 5), (6, 7, 8, 9, 10)]
BUFFERS = [(0, 0, 100), (1, 1, 200), (0, 0, 300)]


def packed(acknowledge=ACK, blocks=BLOCKS, buffers=BUFFERS):
    return pack(acknowledge, [BLOCK.pack(*block) for block in blocks], [BUFFER.pack(*buffer) for buffer in buffers])


def test_round_trip():
    refs = unpack(packed(), 3)
    assert refs.acknowledge == ACK
    assert refs.blocks == BLOCKS
    assert refs.buffers == BUFFERS
    assert unpack(packed(NO_ACK), 3).acknowledge == NO_ACK


def test_the_bytes_are_as_written_down():
    assert packed(blocks=BLOCKS[:1], buffers=BUFFERS[:1]).hex() == (
        "01000100" "0b000000" "0c000000" "0d000000" "0e000000" "0f00000000000000"
        "01000000" "02000000" "0300000000000000" "04000000" "0500000000000000"
        "0000" "0000" "00000000" "6400000000000000"
    )  # fmt: skip


def test_a_copy_is_taken():
    memory = bytearray(packed())
    refs = unpack(memoryview(memory), 3)
    memory[:] = bytes(len(memory))
    assert refs.blocks == BLOCKS


@pytest.mark.parametrize("length", range(len(packed())))
def test_truncated(length):
    with pytest.raises(LaneError):
        unpack(packed()[:length], 3)


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        (packed() + b"\0", 3),
        (packed(), 2),
        (packed(), 4),
        (b"\0" + packed()[1:], 3),  # another version
        (packed(buffers=[(0, 0, 1), (2, 0, 1)]), 2),  # a block that is not there
        (packed(buffers=[(0, 0, 1)]), 1),  # a block that nobody uses
        (packed(buffers=[(0, 2, 1), (1, 0, 1)]), 2),  # an unknown flag
        (packed(blocks=[], buffers=[]), 3),
    ],
)
def test_not_what_pack_makes(raw, count):
    with pytest.raises(LaneError):
        unpack(raw, count)


@given(st.binary(max_size=200), st.integers(0, 5))
def test_any_bytes_raise_or_parse(raw, count):
    try:
        refs = unpack(raw, count)
    except LaneError:
        return
    assert len(refs.buffers) == count
    assert len(raw) == HEADER.size + BLOCK.size * len(refs.blocks) + BUFFER.size * count


@pytest.mark.parametrize("read_only", [False, True])
def test_one_block_with_one_buffer_is_packed_alike_both_ways(read_only):
    one = packed(blocks=BLOCKS[:1], buffers=[(0, int(read_only), 100)])
    assert pack_one(ACK, BLOCK.pack(*BLOCKS[0]), read_only=read_only, start=100) == one
    assert unpack_one(one) == [*ACK, *BLOCKS[0], 0, int(read_only), 100]
    assert unpack_one(packed()) is None


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4))
def test_the_quick_way_takes_nothing_that_the_other_refuses(header, buffer):
    raw = packed(blocks=BLOCKS[:1], buffers=BUFFERS[:1])
    for damaged in (header + raw[4:], raw[:-16] + buffer + raw[-12:], header + raw[4:-16] + buffer + raw[-12:]):
        one = unpack_one(damaged)
        if one is not None:
            refs = unpack(damaged, 1)
            assert one == [*refs.acknowledge, *refs.blocks[0], *refs.buffers[0]]

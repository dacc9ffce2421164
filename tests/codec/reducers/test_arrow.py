"""pyarrow in the data codec: from its buffers, which keep their memory; validated in full; a slice sends what it shows."""

import numpy as np
import pytest

from oobpickle import DataCodec, DecodeError
from tests.alike import assert_alike

pa = pytest.importorskip("pyarrow")

CODEC = DataCodec()


def test_numbers_are_not_copied():
    array = pa.array(np.arange(50_000))
    stream, buffers = CODEC.encode(array)
    assert any(np.shares_memory(np.frombuffer(b, "u1"), array.to_numpy()) for b in buffers)
    memory = [bytearray(b) for b in buffers]
    got = CODEC.decode(stream, memory)
    assert_alike(got, array)
    assert any(np.shares_memory(np.frombuffer(b, "u1"), got.to_numpy()) for b in memory)


def test_a_slice_sends_what_it_shows():
    table = pa.table({"n": np.arange(1_000_000), "t": ["text"] * 1_000_000})
    stream, buffers = CODEC.encode(table.slice(5000, 10))
    assert len(stream) + sum(b.nbytes for b in buffers) < 5000
    assert_alike(CODEC.decode(stream, buffers), table.slice(5000, 10))


@pytest.mark.parametrize("offset", [-1, 2**30, 100])
def test_offsets_that_lead_elsewhere(offset):
    """Whatever is wrong with them, it is seen before Arrow follows them."""
    texts = pa.array(["a" * n for n in range(9000)])
    stream, buffers = CODEC.encode(texts)
    found = 0
    for place, buffer in enumerate(buffers):
        if buffer.nbytes == 4 * 9001:
            memory = [bytearray(b) for b in buffers]
            np.frombuffer(memory[place], "<i4")[5000] = offset
            with pytest.raises(DecodeError):
                CODEC.decode(stream, memory)
            found += 1
    assert found == 1


def test_texts_that_are_no_utf_8():
    stream, buffers = CODEC.encode(pa.array(["x" * 50_000]))
    memory = [bytearray(b) for b in buffers]
    max(memory, key=len)[7] = 0xFF
    with pytest.raises(DecodeError):
        CODEC.decode(stream, memory)

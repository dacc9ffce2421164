import numpy as np
import pytest

from oobpickle.lanes.shared.copying import PIECE, copy


@pytest.mark.parametrize(
    "length", [1, 1000, (256 << 10) - 1, 256 << 10, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 5]
)
def test_every_byte_arrives_and_none_beside(length):
    source = np.random.default_rng(length).integers(0, 256, length, dtype=np.uint8)
    around = np.zeros(length + 128, np.uint8)
    copy(around[64:-64].data, source.data.toreadonly())
    assert np.array_equal(around[64:-64], source)
    assert not around[:64].any()
    assert not around[-64:].any()

"""scipy.sparse in the data codec: the values keep their memory; the indices are copied, then checked."""

import numpy as np
import pytest

from oobpickle import DataCodec, DecodeError
from tests.alike import assert_alike
from tests.hostile.libraries import Call, case_of

sparse = pytest.importorskip("scipy.sparse")

CODEC = DataCodec()
SOME = sparse.csr_array(np.array([[1.0, 0, 2], [0, 0, 3], [4, 5, 0]]))


def damaged(obj, **parts):
    """A message of obj, some of its arrays replaced by others of as many elements."""
    CODEC.encode(obj)
    rebuilder, arguments = CODEC._vocabulary.reducers[type(obj)](obj)
    changed = []
    for argument in arguments:
        for name, value in parts.items():
            old = np.asarray(getattr(obj, name))
            if isinstance(argument, np.ndarray) and argument.shape == old.shape and np.array_equal(argument, old):
                argument = np.array(value, argument.dtype)
        changed.append(argument)
    assert any(a is not b for a, b in zip(arguments, changed, strict=True))
    return case_of(Call(rebuilder, tuple(changed)))


def test_values_are_not_copied():
    big = sparse.random_array((2000, 2000), density=0.02, format="csr", rng=np.random.default_rng(1))
    stream, buffers = CODEC.encode(big)
    assert len(stream) < 1000
    assert any(np.shares_memory(np.frombuffer(b, "u1"), big.data) for b in buffers)
    memory = [bytearray(b) for b in buffers]
    got = CODEC.decode(stream, memory)
    assert_alike(got, big)
    assert any(np.shares_memory(np.frombuffer(b, "u1"), got.data) for b in memory)
    assert not any(
        np.shares_memory(np.frombuffer(b, "u1"), got.indices) for b in memory
    )  # a peer may still change those


@pytest.mark.parametrize("indices", [[0, 3, 2, 0, 1], [0, -1, 2, 0, 1], [0, 2, 2**31 - 1, 0, 1]])
@pytest.mark.parametrize("format", ["csr", "csc", "bsr"])
def test_indices_out_of_range(format, indices):
    obj = SOME.asformat(format) if format != "bsr" else sparse.bsr_array(SOME, blocksize=(1, 1))
    case = damaged(obj, indices=indices)
    with pytest.raises(DecodeError):
        CODEC.decode(case.stream, case.buffers)


@pytest.mark.parametrize("starts", [[0, 2, 3, 6], [0, 3, 2, 5], [1, 2, 3, 5], [-1, 2, 3, 5], [0, 2**30, 3, 5]])
def test_starts_that_are_none(starts):
    case = damaged(SOME, indptr=starts)
    with pytest.raises(DecodeError):
        CODEC.decode(case.stream, case.buffers)

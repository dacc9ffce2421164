"""`Unpickler` in the place of pickle's. (tests/cpython has CPython's own tests of it.)"""

import io
import pickle

import numpy as np
import pytest

from oobpickle import Pickler, Unpickler

A = np.arange(1000.0)


def test_arrays_are_views_of_the_buffers():
    file, buffers = io.BytesIO(), []
    Pickler(file, 5, buffer_callback=buffers.append).dump({"a": A, "b": A[::2]})
    memory = [bytearray(buffer) for buffer in buffers]
    got = Unpickler(io.BytesIO(file.getvalue()), buffers=memory).load()
    for array, buffer in zip(got.values(), memory, strict=True):
        assert np.shares_memory(array, np.frombuffer(buffer, "u1"))
        assert array.flags.writeable
        with pytest.raises(BufferError):
            buffer.clear()


def test_arguments_as_pickles():
    stream = pickle.dumps("text", 2)
    for make in (
        lambda file: Unpickler(file),
        lambda file: Unpickler(file, fix_imports=True, encoding="ASCII", errors="strict", buffers=None),
        lambda file: Unpickler(file, encoding="bytes"),
    ):
        assert make(io.BytesIO(stream)).load() == "text"


def test_missing_buffers_are_pickles_error():
    file, buffers = io.BytesIO(), []
    Pickler(file, 5, buffer_callback=buffers.append).dump([A, A + 1])
    for given in (None, [], buffers[:1]):
        with pytest.raises(pickle.UnpicklingError):
            Unpickler(io.BytesIO(file.getvalue()), buffers=given).load()

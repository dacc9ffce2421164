"""Over 4 GiB: lengths that 32 bits do not hold, in the stream, in the head, in frames and in files."""

import zlib

import numpy as np
import pytest

import oobpickle
from tests.conftest import SECONDS

SIZE = (1 << 32) + 12_345


def available():
    """Bytes of memory that may be had without swapping."""
    try:
        with open("/proc/meminfo") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable"))
    except OSError:
        return 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(available() < 4 * SIZE, reason="less than 17 GiB of memory free; half of that is used"),
]


@pytest.fixture
def array():
    """Every 64 KiB differ from the others; filled in place."""
    a = np.empty(SIZE, "u1")
    a[: SIZE // 65536 * 65536].reshape(-1, 65536)[:] = np.arange(65536, dtype="u1")
    a[:: 1 << 16] = np.arange(0, SIZE, 1 << 16) // (1 << 16) % 251
    a[-100:] = 7
    return a


@pytest.mark.parametrize("codec", ["pickle"])
def test_an_array_over_tcp(array, codec, make_sockets):
    pair = make_sockets("blocking", "tcp")
    tracker = oobpickle.send(pair.left, {"a": array, "n": 1}, codec=codec)
    got = oobpickle.recv(pair.right, codec=codec)
    tracker.wait(SECONDS)
    assert got["n"] == 1
    assert got["a"].shape == (SIZE,)
    assert zlib.crc32(got["a"]) == zlib.crc32(array)


@pytest.mark.parametrize("codec", ["pickle"])
@pytest.mark.parametrize("kind", ["bytes", "array"])
def test_in_a_file(array, tmp_path, kind, codec):
    check = zlib.crc32(array)
    path = tmp_path / "huge.oob"
    if kind == "bytes":
        obj = array.tobytes()
        array.resize(0, refcheck=False)
    else:
        obj = array
    oobpickle.dump([obj, "last"], path, codec=codec)
    del obj
    array.resize(0, refcheck=False)
    got, last = oobpickle.load(path, codec=codec)
    assert last == "last"
    assert len(got) == SIZE
    assert zlib.crc32(got) == check

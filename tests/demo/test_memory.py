"""`Fresh`: sees memory that was not there before, also where it is freed or recycled."""

import pytest

from oobpickle.demo.memory import ONE_ARENA, Fresh

pytestmark = pytest.mark.skipif(Fresh().nbytes() is None, reason="peak memory cannot be measured on this system")

MEASURE = """
import sys, threading
import numpy as np
from oobpickle.demo.memory import Fresh

SIZE = 32 << 20
source = np.ones(SIZE, np.uint8)

def read():
    source.sum()

def copy(piece):
    copies = [source[:piece].tobytes() for _ in range(SIZE // piece)]

def copy_in_a_thread(piece):
    thread = threading.Thread(target=copy, args=(piece,))
    thread.start()
    thread.join()

for _ in range(3):  # from the second on malloc has the memory, and would give it out warm
    fresh = Fresh()
    step
    print(fresh.nbytes() / SIZE)
"""


def measured(python, step):
    code = MEASURE.replace("    step\n", f"    {step}\n")
    return list(map(float, python(code, environment=ONE_ARENA).split()))


def test_reading_is_nothing(python):
    assert max(measured(python, "read()")) < 0.01


@pytest.mark.parametrize("piece", [32 << 20, 1 << 20, 100_000], ids=lambda n: f"{n} bytes")
@pytest.mark.parametrize("where", ["copy", "copy_in_a_thread"])
def test_a_copy_is_one_although_it_is_gone_again(python, where, piece):
    shares = measured(python, f"{where}({piece})")
    assert 0.95 < min(shares)
    assert max(shares) < 1.1

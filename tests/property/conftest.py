import numpy as np
import pytest


@pytest.fixture(autouse=True, scope="package")
def arrays_that_can_be_shown():
    """Of arrays of random bytes numpy's repr raises: what is no code point, or a datetime without a unit."""
    shown = "<array of {0.dtype}, shape {0.shape}, strides {0.strides}, {0.flags.num:#x}>"
    with np.printoptions(override_repr=shown.format):
        yield

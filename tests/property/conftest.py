import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Deadlines measure the machine; the leak fixture runs once a test, not once an example, which is what it is for.
settings.register_profile(
    "tests",
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("tests")


@pytest.fixture(autouse=True, scope="package")
def arrays_that_can_be_shown():
    """Of arrays of random bytes numpy's repr raises: what is no code point, or a datetime without a unit."""
    shown = "<array of {0.dtype}, shape {0.shape}, strides {0.strides}, {0.flags.num:#x}>"
    with np.printoptions(override_repr=shown.format):
        yield

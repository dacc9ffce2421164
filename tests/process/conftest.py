"""Start the processes of a test, and see that they end with it."""

import pytest

from tests.process.running import End, begin


@pytest.fixture(autouse=True, scope="session")
def fork_server():
    begin()


@pytest.fixture
def start():
    ends = []

    def begin(name, **arguments):
        ends.append(End(name, **arguments))
        return ends[-1]

    yield begin
    for end in ends:
        end.kill()

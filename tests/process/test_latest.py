"""latest=True beside a camera of its own process: how old is what a slow viewer gets?"""

import mmap
import time

import pytest

from oobpickle import Subscriber


@pytest.fixture
def newest(tmp_path):
    """Where the camera writes the number of its newest frame, and how that is read here."""
    path = tmp_path / "newest"
    path.write_bytes(bytes(8))
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 8) as memory, memoryview(memory) as view:
        with view.cast("Q") as numbers:
            yield path, lambda: numbers[0]


def behind(sub, newest):
    """By how many frames the one that is taken now is behind what the camera had sent when it was asked for.

    (Not when it is here: on a machine that does other things we may lose the processor in between.)
    """
    sent = newest()
    return sent - sub.recv(timeout=30)[1][0]


def test_what_is_taken_after_a_pause_is_new(start, ipc, newest):
    """The camera is far ahead of what a queue holds, and nobody has looked for a while."""
    path, number = newest
    start("frames", address=ipc, path=str(path), rate=5000, size=1000)
    with Subscriber(connect=ipc, latest=True, high_water_mark=10) as sub:
        first = sub.recv(timeout=30)[1][0]
        while number() < first + 2000:
            time.sleep(0.01)
        assert behind(sub, number) < 1000
        assert sub.stats.skipped > 1000
        assert sub.stats.missed < 1000


def test_no_pause_stops_the_gathering(start, ipc, newest):
    """Each pause after a message: whatever of the calls before it used the socket last, the thread hears of the next one."""
    path, number = newest
    start("frames", address=ipc, path=str(path), rate=5000, size=1000)
    with Subscriber(connect=ipc, latest=True, high_water_mark=10) as sub:
        ages = []
        for _ in range(60):
            taken = sub.recv(timeout=30)[1][0]
            while number() < taken + 150:
                time.sleep(0.001)
            ages.append(behind(sub, number))
        assert max(ages) < 100, ages


@pytest.mark.slow  # it measures, so it wants a machine with a core to spare
def test_a_viewer_of_50_ms_a_frame_is_at_most_three_behind_a_camera_of_1_khz(start, ipc, newest):
    path, number = newest
    start("frames", address=ipc, path=str(path), rate=1000, size=64 * 1024)
    with Subscriber(connect=ipc, latest=True) as sub:
        sub.recv(timeout=30)
        ages = []
        for _ in range(4):
            time.sleep(5)
            ages.append(behind(sub, number))
            for _ in range(100):
                time.sleep(0.05)
                ages.append(behind(sub, number))
        after_a_pause = ages[::101]
        ages.sort()
        print(f"behind: p50 {ages[202]}, p99 {ages[399]}, most {ages[-1]}; after 5 s: {after_a_pause}; {sub.stats}")
        assert ages[399] <= 3
        assert max(after_a_pause) <= 3
        assert sub.stats.missed == 0

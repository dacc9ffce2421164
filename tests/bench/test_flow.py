import threading
from multiprocessing import Pipe

import pytest

from oobpickle.bench import flow
from oobpickle.bench.flow import FARS_MOST, MOST, WINDOW, Credits, Lost, window


@pytest.mark.parametrize("fars", [1, 2, 20])
@pytest.mark.parametrize("nbytes", [8, 1024, 1 << 16, 1 << 20, 1 << 24, 1 << 28, 1 << 30])
def test_the_window_is_bounded_in_bytes_and_messages(nbytes, fars):
    messages, each = window(nbytes, fars)
    assert 2 <= messages <= MOST
    assert messages * nbytes <= max(WINDOW * min(fars, FARS_MOST), 2 * nbytes)
    assert 1 <= each <= messages


def test_credit_of_all_far_ends_is_waited_for():
    pairs = [Pipe(), Pipe()]
    credit = Credits([near for near, _ in pairs], 1 << 28)
    assert credit.allowed(0) == 2
    assert credit.allowed(1) == 2
    allowed = []
    waiting = threading.Thread(target=lambda: allowed.append(credit.allowed(2)))
    waiting.start()
    pairs[0][1].send_bytes(b"")
    waiting.join(0.05)
    assert waiting.is_alive()  # the other far end still holds the first
    pairs[1][1].send_bytes(b"")
    waiting.join(10)
    assert allowed == [3]
    for _, far in pairs:
        far.send_bytes(b"")
    credit.settle(2)
    assert not any(near.poll() for near, _ in pairs)
    for near, far in pairs:
        near.close()
        far.close()


def test_a_message_that_was_lost_is_told(monkeypatch):
    monkeypatch.setattr(flow, "PATIENCE", 0.01)
    near, far = Pipe()
    with near, far:
        credit = Credits([near], 1 << 28)
        with pytest.raises(Lost, match="after 0 messages"):
            credit.allowed(2)

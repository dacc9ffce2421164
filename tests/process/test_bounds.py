"""A sender's memory is bounded by max_bytes, whatever its receiver does."""

import pytest

from oobpickle import Publisher, Puller, Pusher, Subscriber

MB = 2**20


@pytest.mark.parametrize(
    ("sends", "max_bytes"),
    [
        pytest.param(60, 50 * MB, id="short"),
        pytest.param(10_000, 200 * MB, id="whole", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("lane", ["inline", "shared"])
@pytest.mark.parametrize(("sender", "receiver"), [(Pusher, Puller), (Publisher, Subscriber)])
def test_messages_of_10_mb_to_a_receiver_that_sleeps(start, ipc, sender, receiver, lane, sends, max_bytes):
    sending = start("sending", kind=sender, address=ipc, sends=sends, size=10 * MB, max_bytes=max_bytes, lane=lane)
    assert sending.said() == "bound"
    sleeping = start("sleeping", kind=receiver, address=ipc)
    assert sleeping.said() == "ready"
    seen = sending.said(1200)
    assert seen["took"] < max_bytes + 100 * MB
    assert seen["in_flight"] <= max_bytes
    if (sender, lane) != (Publisher, "shared"):  # which drops nothing: it takes the oldest one's place
        assert seen["refused"] >= sends - max_bytes // (10 * MB) - 10, "it was not full: the test shows nothing"
    sending.ends_well()

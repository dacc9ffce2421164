"""The slow joiner: what is sent after wait_for_subscribers arrives, start after start."""

import pytest

from oobpickle import Publisher, Subscriber

STARTS = [pytest.param(25, id="short"), pytest.param(500, id="whole", marks=pytest.mark.slow)]


@pytest.mark.parametrize("starts", STARTS)
@pytest.mark.parametrize("first", ["publisher", "subscriber"])
def test_one_message_after_each_start(start, tmp_path_factory, first, starts):
    """The publisher is started in this process, by turns on tcp and ipc; in the other one a subscriber waits or comes."""
    folder = tmp_path_factory.mktemp("s")
    addresses = ["tcp://127.0.0.1:*", f"ipc://{folder}/s"]
    listener = start("join", addresses=addresses if first == "subscriber" else [])
    here = "connect" if first == "subscriber" else "bind"
    bound = listener.said()
    for number in range(starts):
        address = (bound or addresses)[number % 2]
        with Publisher(**{here: address}, insecure=True) as pub:
            if not bound:
                listener.tell(pub.addresses[0])
            pub.wait_for_subscribers(timeout=30)
            pub.send("a", number)
            assert listener.said() == ("a", number)
    listener.tell(None)
    listener.ends_well()

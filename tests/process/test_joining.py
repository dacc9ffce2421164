"""The slow joiner: what is sent after wait_for_subscribers arrives, start after start."""

import pytest

from oobpickle import Publisher

STARTS = [pytest.param(10, id="short"), pytest.param(500, id="whole", marks=pytest.mark.slow)]


@pytest.fixture(params=["tcp", "ipc"])
def address(request, ipc):
    return "tcp://127.0.0.1:*" if request.param == "tcp" else ipc


@pytest.mark.parametrize("starts", STARTS)
def test_one_message_after_each_start_of_a_publisher_that_connects(start, address, starts):
    listener = start("hear", bind=address)
    bound = listener.said()
    for number in range(starts):
        with Publisher(connect=bound, insecure=True) as pub:
            pub.wait_for_subscribers(timeout=30)
            pub.send("a", number)
        assert listener.said() == ("a", number)


@pytest.mark.parametrize("starts", STARTS)
def test_one_message_after_each_start_of_a_publisher_that_binds(start, address, starts):
    with Publisher(bind=address, insecure=True) as pub:
        (address,) = pub.addresses
    listener = start("hear", connect=address)
    listener.said()
    for number in range(starts):
        with Publisher(bind=address, insecure=True) as pub:
            pub.wait_for_subscribers(timeout=30)
            pub.send("a", number)
        assert listener.said() == ("a", number)

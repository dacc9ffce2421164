"""A listener hears everybody and loads nobody."""

import os

import numpy as np
import pytest
import zmq

from oobpickle import PickleCodec, Timeout
from oobpickle.codec.data_codec import DataCodec
from oobpickle.endpoints.pubsub import Publisher
from oobpickle.tail.listener import Listener
from tests.same import assert_same
from tests.until import until

OBJECT = {"a": np.arange(100_000.0), "b": "text"}


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("codec", [PickleCodec(), DataCodec()], ids=["pickle", "data"])
def test_messages_come_as_they_are(codec):
    with (
        Publisher(bind="tcp://127.0.0.1:*", codec=codec, insecure=True) as publisher,
        Listener(connect=publisher.addresses[0], topics=["a", "b"]) as listener,
    ):
        publisher.wait_for_subscribers(2, timeout=30)
        publisher.send("a/1", OBJECT)
        publisher.send("c", OBJECT)
        publisher.send("b", 1)
        message = listener.recv_message(timeout=30)
        assert (message.topic, message.sequence, message.obj.codec) == ("a/1", 1, codec.number)
        assert_same(codec.decode(message.obj.stream, message.obj.buffers), OBJECT)
        assert listener.recv_message(timeout=30).topic == "b"
        del message


def test_nothing_is_loaded(tmp_path):
    with (
        Publisher(bind="tcp://127.0.0.1:*", insecure=True, codec=PickleCodec()) as publisher,
        Listener(connect=publisher.addresses[0]) as listener,
    ):
        publisher.wait_for_subscribers(1, timeout=30)
        publisher.send("a", Touch(str(tmp_path / "made")))
        message = listener.recv_message(timeout=30)
        assert b"mkdir" in bytes(message.obj.stream)
    assert not (tmp_path / "made").exists()


def test_a_plain_pickle_and_a_malformed_message():
    context = zmq.Context()
    with context.socket(zmq.XPUB) as socket:
        socket.bind("tcp://127.0.0.1:*")
        with Listener(connect=socket.last_endpoint.decode()) as listener:
            assert socket.recv() == b"\x01"
            socket.send(b"no topic at all")
            socket.send(b"topic\0nonsense")
            socket.send(b"topic\0\x80\x05N.")
            message = listener.recv_message(timeout=30)
            assert (message.topic, bytes(message.obj.stream)) == ("topic", b"\x80\x05N.")
            assert listener.stats.malformed == 2
    context.term()


def test_it_may_bind():
    with (
        Listener(bind="tcp://127.0.0.1:*") as listener,
        Publisher(connect=listener.addresses[0], codec=DataCodec()) as publisher,
    ):

        def heard():
            with pytest.raises(Timeout):  # a bound socket subscribes with a new peer when it is used
                listener.recv_message(timeout=0.05)
            return publisher.subscribed("a")

        until(heard)
        publisher.send("a", 1)
        assert listener.recv_message(timeout=30).topic == "a"
        with pytest.raises(NotImplementedError):
            listener._codec.encode(1)

"""oobpickle.endpoints.security: CURVE, with real sockets and wrong keys."""

import contextlib
import os
import stat
import threading
import time

import pytest
import zmq
import zmq.auth

from oobpickle.endpoints.pubsub import Publisher, Subscriber
from oobpickle.endpoints.pushpull import Puller, Pusher
from oobpickle.endpoints.request import Client, Server
from oobpickle.endpoints.security import Curve, create_keys
from oobpickle.errors import InsecureEndpoint, Timeout
from tests.endpoints.conftest import until


@pytest.fixture
def keys(tmp_path):
    """A server, a client that it knows, and a stranger. Gives curve(name, ...)."""
    for folder, name in (("private", "server"), ("known", "client"), ("strangers", "stranger")):
        create_keys(tmp_path / folder, name)

    class Keys:
        server = Curve(tmp_path / "private/server.key_secret", clients=tmp_path / "known")
        client = Curve(tmp_path / "known/client.key_secret", server=tmp_path / "private/server.key")
        stranger = Curve(tmp_path / "strangers/stranger.key_secret", server=tmp_path / "private/server.key")
        confused = Curve(tmp_path / "known/client.key_secret", server=tmp_path / "strangers/stranger.key")
        folder = tmp_path

    return Keys


def test_known_clients_get_in_with_the_pickle_codec_over_tcp(keys):
    with (
        Publisher(bind="tcp://127.0.0.1:*", codec="pickle", curve=keys.server) as pub,
        Subscriber(connect=pub.addresses, codec="pickle", curve=keys.client) as sub,
    ):
        pub.wait_for_subscribers(timeout=5)
        pub.send("a", 1)
        assert sub.recv(timeout=5) == ("a", 1)


@pytest.mark.parametrize("who", ["stranger", "confused", None])
def test_others_do_not_and_both_ends_say_so(keys, who, caplog):
    curve = getattr(keys, who) if who else None
    with (
        Puller(bind="tcp://127.0.0.1:*", curve=keys.server, codec="pickle") as pull,
        Pusher(connect=pull.addresses, curve=curve, insecure=True, linger=0) as push,
    ):
        push.send("let me in")
        with pytest.raises(Timeout) as caught:
            pull.recv(timeout=0.4)
        refused = "the handshake at " + pull.addresses[0]
        if who != "confused":  # a server cannot read what was meant for another
            assert refused in str(caught.value)
        until(lambda: push.stats.handshakes_failed)
        until(lambda: pull.stats.handshakes_failed)
        (event,) = [e for e in push.events() if e.kind == "refused"][:1]
        assert event.address == pull.addresses[0]
        expected = {"stranger": "does not take this key", "confused": "", None: "one side uses CURVE"}[who]
        assert expected in event.detail
        assert refused in caplog.text
        assert pull.stats.messages == 0


def test_a_request_that_is_refused_says_why(keys):
    with (
        Server(bind="tcp://127.0.0.1:*", curve=keys.server, codec="pickle") as server,
        Client(connect=server.addresses, curve=keys.stranger, codec="pickle") as client,
    ):
        with pytest.raises(Timeout, match="does not take this key"):
            client.request(1, timeout=0.5)


def test_a_curve_client_of_a_plain_server(keys):
    with (
        Puller(bind="tcp://127.0.0.1:*", insecure=True) as pull,
        Pusher(connect=pull.addresses, curve=keys.client, linger=0) as push,
    ):
        until(lambda: push.stats.handshakes_failed)


def test_servers_with_different_clients_share_a_context_and_one_authenticator(keys):
    before = threading.active_count()
    strangers_only = Curve(keys.folder / "private/server.key_secret", clients=keys.folder / "strangers")
    with Puller(bind="tcp://127.0.0.1:*", curve=keys.server) as one:
        with Puller(bind="tcp://127.0.0.1:*", curve=strangers_only) as two:
            assert threading.active_count() == before + 1
            for pull, good, bad in ((one, keys.client, keys.stranger), (two, keys.stranger, keys.client)):
                with (
                    Pusher(connect=pull.addresses, curve=bad, linger=0) as refused,
                    Pusher(connect=pull.addresses, curve=good) as push,
                ):
                    refused.send("no")
                    until(lambda: refused.stats.handshakes_failed)
                    push.send("yes")
                    assert pull.recv(timeout=5) == "yes"
                    assert pull.stats.messages == 1
    assert threading.active_count() == before


def test_the_server_may_connect(keys):
    with (
        Pusher(bind="tcp://127.0.0.1:*", curve=keys.client) as push,
        Puller(connect=push.addresses, curve=keys.server) as pull,
    ):
        push.send(1)
        assert pull.recv(timeout=5) == 1


def test_without_an_authenticator_nobody_gets_in(keys):
    """libzmq's default would be everybody."""
    with (
        Puller(bind="tcp://127.0.0.1:*", curve=keys.server) as pull,
        Pusher(connect=pull.addresses, curve=keys.client, linger=0) as push,
        contextlib.ExitStack() as late,
    ):
        from oobpickle.endpoints.security import _authenticators

        _authenticators[pull.socket.context].stop()

        def is_refused():
            # Whoever comes before libzmq has closed the authenticator's socket asks it in vain, and waits.
            late.enter_context(Pusher(connect=pull.addresses, curve=keys.client, linger=0)).send(1)
            time.sleep(0.05)
            return pull.stats.handshakes_failed

        push.send(1)
        until(is_refused)
        with pytest.raises(Timeout):
            while True:
                pull.recv(timeout=0.3)
                assert pull.stats.messages <= 1  # push may have been in before


def test_another_authenticator_in_the_context_is_told_of(keys):
    context = zmq.Context.instance()
    with context.socket(zmq.REP) as taken:
        taken.bind("inproc://zeromq.zap.01")
        with pytest.raises(zmq.ZMQError):
            Puller(bind="tcp://127.0.0.1:*", curve=keys.server)


def test_curve_does_not_excuse_the_other_side(keys):
    with pytest.raises(InsecureEndpoint):
        Puller(bind="tcp://127.0.0.1:*", codec="pickle")
    assert "server" in repr(keys.server)
    assert "client" in repr(keys.client)


def test_what_a_curve_needs(keys):
    secret, public = keys.folder / "known/client.key_secret", keys.folder / "private/server.key"
    for wrong in ({}, {"clients": keys.folder, "server": public}):
        with pytest.raises(ValueError):
            Curve(secret, **wrong)
    with pytest.raises(ValueError):
        Curve(public, clients=keys.folder)  # no secret in it
    with pytest.raises(OSError):
        Curve(keys.folder / "nothing", clients=keys.folder)
    with pytest.raises(OSError):
        Curve(secret, clients=keys.folder / "nothing")


def test_keys_are_made_once_and_the_secret_is_secret(tmp_path):
    public, secret = create_keys(tmp_path / "new", "me")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert zmq.auth.load_certificate(secret)[0] == zmq.auth.load_certificate(public)[0]
    assert zmq.auth.load_certificate(public)[1] is None
    before = secret.read_bytes()
    with pytest.raises(FileExistsError):
        create_keys(tmp_path / "new", "me")
    os.remove(public)
    with pytest.raises(FileExistsError):
        create_keys(tmp_path / "new", "me")
    assert secret.read_bytes() == before

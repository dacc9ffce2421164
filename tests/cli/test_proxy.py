"""``oobpickle proxy``: a process of its own between real endpoints, also when it is fed garbage."""

import random
import signal
import subprocess

import numpy as np
import pytest
import zmq

from oobpickle import Curve, Publisher, Puller, Pusher, Subscriber, Timeout
from oobpickle.endpoints.security import create_keys
from tests.cli.commands import ENVIRONMENT, OOBPICKLE, run_here
from tests.conftest import until


@pytest.fixture
def proxy():
    """Start one with these arguments; gives its two addresses."""
    started = []

    def start(*arguments):
        child = subprocess.Popen(
            [*OOBPICKLE, "proxy", *map(str, arguments)], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        started.append(child)
        return [child.stdout.readline().split()[1] for _ in range(2)]

    yield start
    for child in started:
        assert child.poll() is None, "it ended"
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)
        assert child.returncode == 130


def test_publish_and_subscribe_through_it(proxy):
    front, back = proxy("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
    with (
        Publisher(connect=front, insecure=True) as pub,
        Subscriber(connect=back, topics="a", insecure=True) as one,
        Subscriber(connect=back, topics=["a", "b"], insecure=True) as two,
    ):
        pub.wait_for_subscribers(1, "a", timeout=10)
        pub.wait_for_subscribers(1, "b", timeout=10)
        array = np.arange(100_000.0)
        # The proxy has asked for both; whether it has heard both subscribers shows when their messages come.
        until(lambda: pub.send("a", 0) and all(arrives(sub) for sub in (one, two)))
        pub.send("a", array)
        pub.send("b", array)
        assert not pub.subscribed("c")
        for sub, topics in ((one, ["a"]), (two, ["a", "b"])):
            for topic in topics:
                while isinstance((got := sub.recv(timeout=5))[1], int):
                    pass
                assert got[0] == topic
                np.testing.assert_array_equal(got[1], array)
        assert one.stats.missed == two.stats.missed == 0


def arrives(sub):
    try:
        return sub.recv(timeout=0.05)
    except Timeout:
        return None


def test_a_pipeline_through_it(proxy, tmp_path):
    front, back = proxy("--pattern", "pipeline", f"ipc://{tmp_path}/in", f"ipc://{tmp_path}/out")
    with Pusher(connect=front) as push, Puller(connect=back) as pull:
        for n in range(100):
            push.send((n, bytes(50_000)))
        assert [pull.recv(timeout=10)[0] for _ in range(100)] == list(range(100))


def test_garbage_does_not_end_it(proxy):
    front, back = proxy("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
    rng = random.Random(1)
    context = zmq.Context.instance()
    with (
        Publisher(connect=front, insecure=True) as pub,
        Subscriber(connect=back, insecure=True) as sub,
        context.socket(zmq.XPUB) as bad_sender,
        context.socket(zmq.XSUB) as bad_receiver,
    ):
        bad_sender.connect(front)
        bad_receiver.connect(back)
        pub.wait_for_subscribers(timeout=10)
        for socket in (bad_sender, bad_receiver):
            socket.linger = 0
        until(lambda: bad_sender.poll(0))
        for n in range(100):
            for _ in range(10):
                frames = [rng.randbytes(rng.randrange(200)) for _ in range(rng.randrange(1, 5))]
                bad_sender.send_multipart(frames)
                bad_receiver.send_multipart([bytes([rng.choice([0, 1, 2, 255])]) + f for f in frames])
            pub.send("good", n)
            assert sub.recv(timeout=10) == ("good", n)
        assert sub.stats.malformed > 0


def test_only_known_clients(proxy, tmp_path):
    for folder, name in (("proxy", "proxy"), ("clients", "me"), ("strangers", "stranger")):
        create_keys(tmp_path / folder, name)
    front, back = proxy(
        "--pattern", "pipeline", "--key", tmp_path / "proxy/proxy.key_secret", "--clients", tmp_path / "clients",
        "tcp://127.0.0.1:*", "tcp://127.0.0.1:*",
    )  # fmt: skip
    me = Curve(tmp_path / "clients/me.key_secret", server=tmp_path / "proxy/proxy.key")
    stranger = Curve(tmp_path / "strangers/stranger.key_secret", server=tmp_path / "proxy/proxy.key")
    with (
        Pusher(connect=front, curve=me) as push,
        Puller(connect=back, curve=me) as pull,
        Pusher(connect=front, curve=stranger, linger=0) as refused,
    ):
        refused.send("no")
        push.send("yes")
        assert pull.recv(timeout=10) == "yes"
        until(lambda: refused.stats.handshakes_failed)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["tcp://127.0.0.1:*", "nonsense://x"], 1),
        (["tcp://127.0.0.1:*", "tcp://127.0.0.1:65536"], 1),
        (["tcp://127.0.0.1:*"], 2),
        (["--pattern", "other", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*"], 2),
        (["--high-water-mark", "99999999999", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*"], 2),
        (["--key", "x", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*"], 2),
        (["--key", "/nowhere", "--clients", "/nowhere", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*"], 2),
    ],
)
def test_wrong_arguments(arguments, status):
    done = run_here("proxy", *arguments)
    assert done.returncode == status
    assert done.stderr
    assert "Traceback" not in done.stderr

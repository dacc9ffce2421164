"""``oobpickle keygen``."""

import stat
import subprocess

import numpy as np
import pytest

from oobpickle import Curve, Puller, Pusher
from oobpickle.endpoints.security import create_keys
from tests.cli.commands import ENVIRONMENT, OOBPICKLE, run


def test_what_it_makes_lets_the_two_talk(tmp_path):
    for name, folder in (("server", "server"), ("laptop", "clients")):
        done = run("keygen", name, "--folder", tmp_path / folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"{tmp_path}/{folder}/{name}.key_secret" in done.stdout
    secret = tmp_path / "server/server.key_secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    with (
        Puller(bind="tcp://127.0.0.1:*", curve=Curve(secret, clients=tmp_path / "clients")) as pull,
        Pusher(
            connect=pull.addresses,
            curve=Curve(tmp_path / "clients/laptop.key_secret", server=tmp_path / "server/server.key"),
        ) as push,
    ):
        push.send(1)
        assert pull.recv(timeout=10) == 1


@pytest.fixture
def keys(tmp_path):
    """The options of a server and of one who joins it."""
    for name, folder in (("server", "server"), ("laptop", "clients")):
        create_keys(tmp_path / folder, name)
    return (
        ["--key", str(tmp_path / "server/server.key_secret"), "--clients", str(tmp_path / "clients")],
        ["--key", str(tmp_path / "clients/laptop.key_secret"), "--server-key", str(tmp_path / "server/server.key")],
    )


@pytest.mark.parametrize("command", [["tail", "--once"], ["inspect"]])
def test_a_stream_behind_curve_is_sent_and_looked_at(command, keys, tmp_path):
    np.save(tmp_path / "frame.npy", np.ones(1000))
    ours, theirs = keys
    sending = [*OOBPICKLE, "pub", "tcp://127.0.0.1:*", "camera", str(tmp_path / "frame.npy"), *ours]
    with subprocess.Popen(sending, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as pub:
        try:
            address = pub.stderr.readline().split()[-1]
            name, *rest = command
            done = run(name, address, *rest, "--timeout", 60, *theirs)
            assert (done.returncode, done.stderr) == (0, "")
            assert "camera" in done.stdout and "float64 (1000,)" in done.stdout
            assert pub.wait(60) == 0
        finally:
            pub.kill()


@pytest.mark.parametrize(
    "command", [["tail", "tcp://127.0.0.1:1"], ["pub", "tcp://127.0.0.1:*", "t", "f"], ["inspect", "x"]]
)
def test_keys_that_do_not_go_together(command, keys, tmp_path):
    (_, secret, _, clients), (_, _, _, server) = keys
    for options in (
        ["--key", secret],
        ["--clients", clients],
        ["--key", secret, "--clients", clients, "--server-key", server],
    ):
        done = run(*command, *options)
        assert (done.returncode, done.stdout) == (2, "")
        assert "--key goes together with --clients" in " ".join(done.stderr.replace("│", " ").split())
    assert run(*command, "--key", tmp_path / "none", "--server-key", server).returncode == 2


def test_a_key_is_not_overwritten(tmp_path):
    assert run("keygen", "me", "--folder", tmp_path).returncode == 0
    before = (tmp_path / "me.key_secret").read_bytes()
    done = run("keygen", "me", "--folder", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is there already" in done.stderr
    assert (tmp_path / "me.key_secret").read_bytes() == before


@pytest.mark.parametrize("name", ["a/b", "", "."])
def test_names_that_are_none(name, tmp_path):
    done = run("keygen", name, "--folder", tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())

"""``oobpickle keygen``."""

import stat

import pytest

from oobpickle import Curve, Puller, Pusher
from tests.cli.commands import run


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

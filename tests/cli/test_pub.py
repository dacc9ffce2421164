"""``oobpickle pub`` as a user meets it."""

import re
import signal
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest

import oobpickle
from oobpickle.codec.data_codec import DataCodec
from oobpickle.endpoints.pubsub import Subscriber
from tests.cli.commands import ENVIRONMENT, OOBPICKLE, run, run_here
from tests.same import assert_same


@contextmanager
def publishing(*arguments):
    """``oobpickle pub``, and its address."""
    command = [*OOBPICKLE, "pub", "tcp://127.0.0.1:*", "topic", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as child:
        try:
            waiting = child.stderr.readline()
            assert waiting.startswith("waiting for a subscriber of topic at tcp://127.0.0.1:")
            yield child, waiting.split()[-1]
        finally:
            child.kill()


def received(address, count, codec=None, **options):
    with Subscriber(connect=address, codec=codec or DataCodec(), **options) as subscriber:
        return [subscriber.recv(timeout=60) for _ in range(count)]


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(50_000.0))
    np.savez(tmp_path / "b.npz", x=np.eye(3), y=np.arange(4))
    (tmp_path / "c.csv").write_text("n,x\n1,2.5\n3,4\n")
    (tmp_path / "d.bin").write_bytes(b"\0\1\2")
    with open(tmp_path / "e.oob", "wb") as file:
        for obj in ({"n": 1}, {"n": np.arange(3)}):
            oobpickle.dump(obj, file, codec=DataCodec())
    return tmp_path


def test_every_kind_of_file(files):
    with publishing(files / "a.npy", files / "b.npz", files / "d.bin", files / "e.oob") as (child, address):
        found = received(address, 5)
        out, errors = child.communicate(timeout=60)
    assert [topic for topic, _ in found] == ["topic"] * 5
    assert_same(
        [obj for _, obj in found],
        [np.arange(50_000.0), {"x": np.eye(3), "y": np.arange(4)}, b"\0\1\2", {"n": 1}, {"n": np.arange(3)}],
    )
    assert (child.returncode, errors) == (0, "")
    assert out.startswith("5 messages, 39")


def test_repeated(files):
    with publishing(files / "d.bin", "--repeat", 7, "--interval", 0.001) as (child, address):
        assert len(received(address, 7)) == 7
        out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert out.startswith("7 messages")


def test_a_subscriber_that_leaves_is_told_of(files):
    with publishing(files / "d.bin", "--repeat", 20, "--interval", 0.05) as (child, address):
        received(address, 1)
        out, errors = child.communicate(timeout=60)
    assert (child.returncode, out.startswith("20 messages")) == (1, True)
    assert re.search(r"1?\d of them had no subscriber any more", errors)


def test_by_pickle(files):
    with publishing(files / "a.npy", "--codec", "pickle", "--insecure") as (child, address):
        ((_, a),) = received(address, 1, codec="pickle", insecure=True)
        child.communicate(timeout=60)
    assert_same(a, np.arange(50_000.0))
    assert child.returncode == 0


def test_connecting(files):
    with Subscriber(bind="tcp://127.0.0.1:*", codec=DataCodec()) as subscriber:
        command = [*OOBPICKLE, "pub", subscriber.addresses[0], "topic", str(files / "d.bin"), "--connect"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as child:
            assert subscriber.recv(timeout=60) == ("topic", b"\0\1\2")
            child.communicate(timeout=60)
    assert child.returncode == 0


def test_interrupted(files):
    with publishing(files / "d.bin") as (child, _):
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["tcp://127.0.0.1:*"], 2, "TOPIC"),
        (["tcp://127.0.0.1:*", "t"], 2, "FILE"),
        (["nonsense", "t", __file__], 1, "'nonsense' is no address: write tcp://host:port"),
        (["tcp://127.0.0.1:*", "t", __file__, "--timeout", "0.1"], 1, "oobpickle: no subscriber within 0.1 s"),
        (["tcp://127.0.0.1:*", "t", __file__, "--codec", "pickle"], 1, "--codec data, or --key with"),
        (["tcp://127.0.0.1:*", "x" * 300, __file__], 1, "topic"),
        (["tcp://127.0.0.1:*", "t", __file__, "--repeat", "0"], 2, "--repeat"),
        (["tcp://127.0.0.1:*", "t", __file__, "--repeat", "2", "--interval", "inf"], 2, "--interval"),
        (["tcp://127.0.0.1:*", "t", __file__, "--codec", "json"], 2, "--codec"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)
def test_wrong_arguments(arguments, status, words):
    done = run_here("pub", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("path", "words"), [("/nowhere/x", "No such file"), ("/", "directory")])
def test_a_file_that_is_none(path, words):
    done = run("pub", "tcp://127.0.0.1:*", "t", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_topic_is_refused_before_a_subscriber_is_waited_for(files):
    done = run_here("pub", "tcp://127.0.0.1:*", "x" * 300, files / "d.bin")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("oobpickle: a topic of 300 bytes")


def cut_off(path):
    """A file of two messages, the second of which is not whole."""
    with open(path, "wb") as file:
        for obj in (1, np.arange(3)):
            oobpickle.dump(obj, file, codec=DataCodec())
        file.truncate(file.tell() - 70)


def pickled(path):
    """A file that is whole, of a codec that is not asked for."""
    oobpickle.dump({1j}, path, codec="pickle")


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("bad.npy", lambda path: path.write_bytes(b"no array"), "cannot be read as .npy"),
        ("bad.csv", lambda path: path.touch(), "cannot be read as .csv"),
        ("bad.oob", cut_off, "ends within a message"),
        ("bad.oob", pickled, "codec"),
        ("bad.oob", lambda path: path.touch(), "the file is empty"),
    ],
    ids=["npy", "csv", "cut off", "pickled", "empty"],
)
def test_a_bad_file_is_named_before_the_first_is_sent(files, name, make, words):
    make(files / name)
    done = run_here("pub", "tcp://127.0.0.1:*", "t", files / "a.npy", files / name)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"oobpickle: {files / name}: ")  # and nothing of waiting for subscribers
    assert done.stderr.count(name) == 1
    assert words in done.stderr


def test_help():
    done = run_here("pub", "--help")
    assert done.returncode == 0
    assert "oobpickle pub tcp://127.0.0.1:5555 camera/left frame.npy" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80

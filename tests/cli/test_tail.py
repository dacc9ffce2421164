"""``oobpickle tail`` as a user meets it: a process, its output, its status."""

import json
import os
import pty
import re
import signal
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest
import zmq

import oobpickle
from oobpickle.codec.data_codec import DataCodec
from oobpickle.endpoints.pubsub import Publisher
from tests.cli.commands import ENVIRONMENT, OOBPICKLE, run_here
from tests.same import assert_same
from tests.until import until

IMAGE = np.zeros((480, 640, 3), "u1")


@pytest.fixture
def publisher():
    with Publisher(bind="tcp://127.0.0.1:*", codec=DataCodec(), linger=5) as publisher:
        yield publisher


@contextmanager
def tailing(publisher, *arguments, **options):
    """``oobpickle tail`` of a publisher, subscribed."""
    command = [*OOBPICKLE, "tail", publisher.addresses[0], *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": ENVIRONMENT, **options}
    with subprocess.Popen(command, **pipes) as child:
        try:
            publisher.wait_for_subscribers(1, timeout=60)
            yield child
        finally:
            child.kill()


def test_once(publisher):
    with tailing(publisher, "--once", "camera/") as child:
        publisher.send("lidar", 1)
        publisher.send("camera/left", {"image": IMAGE, "exposure": 0.1})
        out, errors = child.communicate(timeout=60)
    assert (child.returncode, errors) == (0, "")
    first, *rest = out.splitlines()
    assert re.fullmatch(r"camera/left  number 1, 900\.\d KB, data codec, .* (us|ms|s) on its way", first)
    assert rest == ["   900.0 KB  obj['image']  uint8 (480, 640, 3)"]


def test_json(publisher):
    with tailing(publisher, "--json", "--count", 3) as child:
        for number in range(3):
            publisher.send("camera", {"image": IMAGE, "number": number})
        out, errors = child.communicate(timeout=60)
    assert (child.returncode, errors) == (0, "")
    messages = [json.loads(line) for line in out.splitlines()]
    assert [message["sequence"] for message in messages] == [1, 2, 3]
    for message in messages:
        assert (message["topic"], message["missed"], message["codec"]) == ("camera", 0, "data")
        assert 0 <= message["latency"] < 60
        assert message["nbytes"] > IMAGE.nbytes
        assert message["what"] == "uint8 (480, 640, 3)"
        (item,) = message["items"]
        assert item == {
            "path": "obj['image']",
            "type": "numpy.ndarray",
            "description": "uint8 (480, 640, 3)",
            "nbytes": IMAGE.nbytes,
        }


def test_saving(publisher, tmp_path):
    objects = [{"image": IMAGE + number, "number": number} for number in range(3)]
    with tailing(publisher, "--save", tmp_path / "rec", "--count", 3) as child:
        for obj in objects:
            publisher.send("camera/left", obj)
        child.communicate(timeout=60)
    assert child.returncode == 0
    found = list(oobpickle.iter_file(tmp_path / "rec" / "camera%2Fleft.oob", codec=DataCodec()))
    assert_same(found, objects)
    del found


def test_lines_when_it_is_no_terminal(publisher):
    with tailing(publisher, "--count", 5) as child:
        for _ in range(4):
            publisher.send("camera", IMAGE)
        publisher.send("status", "well")
        out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert "\x1b" not in out
    heading, *rows = out.splitlines()
    assert heading.split() == ["topic", "what", "msg/s", "GB/s", "latency", "missed"]
    assert any(re.match(r"camera +uint8 \(480, 640, 3\) +[\d.,]+ +[\d.]+ +[\d.]+ (us|ms|s) +0$", row) for row in rows)
    assert any(row.startswith("status") and "'well'" in row for row in rows)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    ("content", "what"), [(IMAGE, "uint8"), ("[red] text " * 50, "'[red] te")], ids=["array", "text"]
)
def test_a_live_table_in_a_terminal(publisher, width, content, what):
    main, terminal = pty.openpty()
    environment = {**ENVIRONMENT, "COLUMNS": str(width), "LINES": "24", "TERM": "xterm-256color"}
    with tailing(publisher, "--count", 3, stdout=terminal, env=environment, text=False) as child:
        os.close(terminal)
        for _ in range(3):
            publisher.send("camera/" + "x" * 100, content)
        out = b""
        try:
            while piece := os.read(main, 65536):
                out += piece
        except OSError:  # the other end is closed
            pass
        assert child.wait(60) == 0
    os.close(main)
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.decode()).splitlines()
    assert max(map(len, lines)) <= width
    numbers = r"…? +[\d.,]+ +[\d.]+ +[\d.]+ (us|ms|s) +0( +[\d.]+ (us|ms|s) +3)? *$"
    assert any("camera/x" in line and "…" in line and what in line and re.search(numbers, line) for line in lines)
    assert ("messages" in lines[0]) == (width == 120)


def test_missed_messages():
    context = zmq.Context()
    with context.socket(zmq.XPUB) as socket:
        socket.bind("tcp://127.0.0.1:*")
        command = [*OOBPICKLE, "tail", socket.last_endpoint.decode(), "--json", "--count", "2"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as child:
            assert socket.poll(60_000)
            for sequence in (1, 5):
                (head,) = oobpickle.wire.pack(
                    0, *oobpickle.PickleCodec().encode(None), epoch=9, sequence=sequence, sent_at=1
                )
                socket.send(b"a\0" + head)
            out, _ = child.communicate(timeout=60)
    context.term()
    assert [json.loads(line)["missed"] for line in out.splitlines()] == [0, 3]


def test_a_topic_that_would_paint_the_terminal(publisher):
    with tailing(publisher, "--once") as child:
        publisher.send("\x1b[31mred", "\x1b[0m")
        out, _ = child.communicate(timeout=60)
    assert "\\x1b[31mred" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["table", "json"])
def test_interrupted(publisher, arguments):
    with tailing(publisher, *arguments) as child:
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in errors


def test_a_reader_that_goes_away(publisher):
    with tailing(publisher, "--json") as child:
        child.stdout.close()
        until(lambda: publisher.send("a", 1) and child.poll() is not None)
        assert "Traceback" not in child.stderr.read()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "ADDRESS"),
        (["nonsense://x"], 1, "use tcp://host:port, ipc://path"),
        (["tcp://127.0.0.1:1", "--once", "--timeout", "0.1"], 1, "nothing within 0.1 s"),
        (["tcp://127.0.0.1:1", "x" * 300, "--once"], 1, "topic"),
        (["tcp://127.0.0.1:1", "--count", "0"], 2, "--count"),
        (["tcp://127.0.0.1:1", "--nonsense"], 2, "No such option"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_wrong_arguments(arguments, status, words):
    done = run_here("tail", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("path", "words"), [("file", "File exists"), ("file/x", "Not a directory"), ("", "No such file")]
)
def test_a_directory_that_cannot_be_written(tmp_path, monkeypatch, path, words):
    """It is said at once: nobody publishes here."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    done = run_here("tail", "tcp://127.0.0.1:1", "--save", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{path}: {words}" in done.stderr
    assert "Traceback" not in done.stderr


def test_help():
    done = run_here("tail", "--help")
    assert done.returncode == 0
    assert "oobpickle tail tcp://127.0.0.1:5555" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80

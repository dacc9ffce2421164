"""``oobpickle inspect`` as a user meets it: a process, its output, its status."""

import os
import pickle
import pty
import re
import signal
import subprocess

import numpy as np
import pytest
import zmq

import oobpickle
from tests.cli.commands import ENVIRONMENT, OOBPICKLE, run, run_here


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "scan.oob"
    with open(path, "wb") as file:
        oobpickle.dump({"image": np.zeros((200, 300)), "pose": np.eye(4), "name": "left"}, file)
        oobpickle.dump(list(range(500)), file)
    return path


def test_a_file(path):
    done = run("inspect", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{path}: message 1 of 2" in done.stdout
    assert "data codec" in done.stdout
    assert "0  468.8 KB  frame 1        obj['image']  float64 (200, 300)" in done.stdout
    assert "oobpickle.codec.reducers.numpy.array_table" in done.stdout
    assert "NEXT_BUFFER  buffer 0 (468.8 KB, frame 1): obj['image'] float64 (200, 300)" in done.stdout
    assert "\x1b" not in done.stdout


def test_the_second_message_and_few_opcodes(path):
    done = run("inspect", path, "--message", 2, "--opcodes", 10)
    assert done.returncode == 0
    assert "  500 more: --opcodes 510" in done.stdout
    assert len(done.stdout.splitlines()) < 20
    assert "opcodes" not in run("inspect", path, "-m", 2, "-o", 0).stdout


def test_a_pickle_that_would_run_code(tmp_path):
    mark = tmp_path / "mark"
    (tmp_path / "evil.pkl").write_bytes(b"cos\nsystem\n(S'touch " + str(mark).encode() + b"'\ntR.")
    done = run("inspect", tmp_path / "evil.pkl")
    assert done.returncode == 0
    assert "os.system  (at 0)" in done.stdout
    assert not mark.exists()


def test_a_name_that_would_paint_the_terminal(tmp_path):
    (tmp_path / "p").write_bytes(b"c\x1b[31mos\nsys\x1b]0;x\x07\n.")
    done = run("inspect", tmp_path / "p")
    assert "\\x1b[31mos.sys\\x1b]0;x\\x07" in done.stdout
    assert "\x1b" not in done.stdout


def test_what_is_wrong_is_said_last(tmp_path):
    (tmp_path / "p").write_bytes(pickle.dumps([1, 2])[:-1])
    done = run("inspect", tmp_path / "p")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("WRONG: truncated: there is no STOP")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "FILE"),
        ([__file__], 1, "neither a file of messages nor a pickle"),
        (["nonsense://x"], 1, "oobpickle: "),
        (["tcp://127.0.0.1:1", "--timeout", "0.1"], 1, "nothing within 0.1 s"),
        (["tcp://127.0.0.1:1", "--pattern", "req"], 2, "--pattern"),
        (["tcp://127.0.0.1:1", "--timeout", "inf"], 2, "--timeout"),
        (["tcp://127.0.0.1:1", "--timeout", "1e12"], 2, "--timeout"),
        (["x", "--message", "0"], 2, "--message"),
        (["x", "--message", "99999999999999999999"], 2, "--message"),
        ([__file__, "--opcodes", "99999999999999999999"], 2, "--opcodes"),
        (["x", "--nonsense"], 2, "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments(arguments, status, words):
    done = run_here("inspect", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("name", "said"), [("/nowhere/x", "/nowhere/x"), ("", "''")])
def test_a_file_that_is_not_there(name, said):
    done = run("inspect", name)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"oobpickle: {said}: No such file or directory\n"


def test_a_message_that_is_not_there(path):
    done = run_here("inspect", path, "--message", 3)
    assert done.returncode == 2
    assert "fewer messages" in done.stderr


def test_help():
    done = run_here("inspect", "--help")
    assert done.returncode == 0
    assert "oobpickle inspect scan.oob" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_next_message_at_an_address():
    context = zmq.Context()
    with context.socket(zmq.XPUB) as socket:
        socket.bind("tcp://127.0.0.1:*")
        address = socket.last_endpoint.decode()
        command = [*OOBPICKLE, "inspect", address, "--topic", "camera/", "--timeout", "30"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as child:
            assert socket.poll(30_000)
            assert socket.recv() == b"\x01camera/"
            frames = oobpickle.dumps({"image": np.zeros((200, 300))})
            socket.send_multipart([b"camera/left\0" + frames[0], *frames[1:]])
            out, _ = child.communicate(timeout=60)
    context.term()
    assert child.returncode == 0
    assert "topic       camera/left" in out
    assert "obj['image']  float64 (200, 300)" in out


def test_interrupted():
    context = zmq.Context()
    with context.socket(zmq.XPUB) as socket:
        socket.bind("tcp://127.0.0.1:*")
        command = [*OOBPICKLE, "inspect", socket.last_endpoint.decode()]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        ) as child:
            assert socket.poll(30_000)  # it listens
            child.send_signal(signal.SIGINT)
            out, errors = child.communicate(timeout=60)
    context.term()
    assert child.returncode == 130
    assert "Traceback" not in errors


@pytest.mark.parametrize("width", [80, 120])
def test_in_a_terminal_lines_are_cut_to_its_width(path, width):
    main, terminal = pty.openpty()
    environment = {**ENVIRONMENT, "COLUMNS": str(width), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen([*OOBPICKLE, "inspect", path], stdout=terminal, env=environment) as child:
        os.close(terminal)
        out = b""
        try:
            while piece := os.read(main, 65536):
                out += piece
        except OSError:  # the other end is closed
            pass
    os.close(main)
    assert child.returncode == 0
    text = out.decode()
    assert "\x1b[" in text
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.endswith("…") for line in lines) or width == 120

"""`oobpickle bench`, as it is seen."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.cli.commands import ENVIRONMENT, OOBPICKLE, run, run_here, words
from tests.until import until

LITTLE = ("--rounds", 2, "--seconds", 0.01)


def test_figures_as_json_and_nothing_else_on_the_output():
    done = run(
        "bench",
        "--size",
        "64KB",
        "--transport",
        "ipc",
        "--peer",
        "oobpickle",
        "--peer",
        "recipe",
        *LITTLE,
        "--json",
        "-",
    )
    assert done.returncode == 0
    (case,) = json.loads(done.stdout)["cases"]
    assert case["nbytes"] == 1 << 16
    assert set(case["peers"]) == {"oobpickle", "recipe"}
    assert case["peers"]["oobpickle"]["ratios"]["recipe"]["value"] > 0
    assert "64 KB, one way, ipc" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_markdown_a_picture_and_the_users_own_things(tmp_path):
    pytest.importorskip("matplotlib")
    np.save(tmp_path / "a.npy", np.arange(10_000))
    (tmp_path / "mine.py").write_text("import numpy as np\ndef make():\n    return [np.ones((100, 100)), 'text']\n")
    peers = ("--peer", "oobpickle", "--peer", "memcpy")
    arguments = ("--file", tmp_path / "a.npy", "--object", "mine:make", "--transport", "tcp", *peers, *LITTLE)
    done = run(
        "bench",
        *arguments,
        "--markdown",
        tmp_path / "a.md",
        env={**ENVIRONMENT, "PYTHONPATH": f"{ENVIRONMENT['PYTHONPATH']}{os.pathsep}{tmp_path}"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "a.md").read_text()
    assert "mine:make, 78.1 KB, one way, tcp" in text
    assert "a.npy" in text
    assert "oobpickle bench" in text
    drawn = run(
        "bench", "--size", "1KB", "--size", "64KB", "--transport", "ipc", *peers, *LITTLE, "--plot", tmp_path / "a.svg"
    )
    assert drawn.returncode == 0
    assert (tmp_path / "a.svg").stat().st_size > 10_000


def test_an_object_from_the_current_directory(tmp_path):
    """By the console script, which unlike ``python -m`` does not have that directory on its path."""
    (tmp_path / "mine.py").write_text(
        "import numpy as np\ndef make():\n    return np.ones(1000)\n\ndef fails():\n    raise KeyError('a\\nb')\n"
    )
    script = [sys.executable, "-P", "-c", "from oobpickle.cli.main import run; run()", "bench"]
    options = {"cwd": tmp_path, "env": ENVIRONMENT, "capture_output": True, "text": True, "timeout": 60}
    common = ["--transport", "ipc", "--peer", "oobpickle", *map(str, LITTLE)]
    done = subprocess.run([*script, "--object", "mine:make", *common], **options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "mine:make, 7.81 KB, one way, ipc" in done.stdout
    assert "FAILED" not in done.stdout
    done = subprocess.run([*script, "--object", "mine:fails", *common], **options)
    assert (done.returncode, done.stdout) == (2, "")
    assert "mine:fails: KeyError: 'a\\nb'" in " ".join(done.stderr.replace("│", "").split())
    assert "Traceback" not in done.stderr


def test_a_peer_of_a_module_that_is_no_python(tmp_path):
    (tmp_path / "mine.py").write_text("def f(:")
    done = run("bench", "--peer", "mine:x", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no peer 'mine:x': SyntaxError: " in words(done.stderr)
    assert "Traceback" not in done.stderr


def test_an_object_of_a_class_that_its_module_registers(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\nimport oobpickle\n"
        "@oobpickle.register\n@dataclass\nclass Shot:\n    number: int\n\ndef make():\n    return Shot(1)\n"
    )
    peers = ("--peer", "oobpickle", "--peer", "oobpickle, shared")
    done = run("bench", "--object", "mine:make", "--transport", "ipc", *peers, *LITTLE, "--json", "-", cwd=tmp_path)
    assert done.returncode == 0
    (case,) = json.loads(done.stdout)["cases"]
    assert set(case["peers"]) == {"oobpickle", "oobpickle, shared"}


@pytest.mark.slow
def test_quick_is_quick_and_fits_a_narrow_terminal():
    began = time.monotonic()
    done = run("bench", "--quick")
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - began < 40  # 20 on a machine that does nothing else
    assert max(map(len, done.stdout.splitlines())) <= 80
    for line in ("1 KB, one way, ipc", "16 MB, one way, ipc", "8 B, round trip, ipc"):
        assert line in done.stdout


def test_all_columns_fit_a_narrow_terminal():
    peers = ("--peer", "oobpickle", "--peer", "memcpy", "--peer", "recipe")
    done = run("bench", "--size", "16MB", "--transport", "ipc", *peers, *LITTLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "16 MB, one way, ipc" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_codecs():
    done = run("bench", "--codecs", "--rounds", 1, "--seconds", 0.001, "--json", "-")
    assert done.returncode == 0
    assert {one["subject"] for one in json.loads(done.stdout)["codecs"]} >= {"arrays, 4 MB", "1,000 nested records"}


def test_a_wrong_delivery_is_the_exit_status():
    done = run("bench", "--size", "64KB", "--transport", "ipc", "--peer", "tests.bench.strange:damages", *LITTLE)
    assert done.returncode == 1
    assert "FAILED: tests.bench.strange:damages: Wrong:" in " ".join(done.stdout.split())


def test_list():
    done = run_here("bench", "--list")
    assert done.returncode == 0
    assert "    send_pyobj: one way, round trip, fan-out; tcp, ipc, inproc\n" in done.stdout
    assert "The plain pickle-5 recipe: what a pyzmq user writes by hand" in done.stdout
    assert done.stdout.count("oobpickle's endpoints: ") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--size", "much"), "is no size"),
        (("--size", "7"), "the least is 8 bytes"),
        (("--size", "1MB", "--object", "no_such_module:x"), "sizes are of our own arrays"),
        (("--size", "1MB", "--file", "/no/such.npy"), "sizes are of our own arrays"),
        (("--peer", "nobody"), "there is no peer"),
        (("--peer", "no_such_module:x"), "there is no peer"),
        (("--peer", ":"), "Empty module name"),
        (("--seconds", "inf"), "--seconds"),
        (("--pattern", "sideways"), "is none of"),
        (("--transport", "pigeon"), "is none of"),
        (("--plot", "a.gif"), "neither .png nor .svg"),
        (("--plot", "/no/such/a.svg"), "/no/such/a.svg: there is no such folder"),
        (("--json", "/"), "/: is a directory"),
        (("--markdown", "/no/a.md"), "/no/a.md: there is no such folder"),
        (("--pattern", "fan-out", "--plot", "a.svg"), "to draw"),
        (("--codecs", "--plot", "a.svg"), "to draw"),
        (("--object", "nothing"), "names no callable"),
        (("--object", "no_such_module:x"), "No module named"),
        (("--file", "/no/such.npy"), "No such file"),
        (("--memory", "lots"), "is no size"),
    ],
)
def test_wrong_arguments(arguments, said):
    done = run_here("bench", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.replace("│", "").split())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything")
def test_a_file_that_may_not_be_written(tmp_path):
    (tmp_path / "a.json").touch(0o400)
    done = run_here("bench", "--json", tmp_path / "a.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "may not be written" in " ".join(done.stderr.replace("│", "").split())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_write_that_fails_leaves_the_others(tmp_path):
    arguments = ("--size", "64KB", "--transport", "ipc", "--peer", "oobpickle", *LITTLE)
    done = run("bench", *arguments, "--json", "/dev/full", "--markdown", tmp_path / "a.md")
    assert (done.returncode, done.stderr) == (1, "oobpickle: /dev/full: No space left on device\n")
    assert "64 KB" in (tmp_path / "a.md").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ctrl_c_in_the_middle(tmp_path):
    """As at a terminal: the signal goes to all processes of the foreground. Nothing is left."""
    with subprocess.Popen(
        [*OOBPICKLE, "bench", "--size", "1MB", "--transport", "ipc", "--peer", "oobpickle", "--seconds", "100"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, "TMPDIR": str(tmp_path)},
        process_group=0,
    ) as process:
        try:
            until(lambda: list(tmp_path.glob("*/socket")))
            os.killpg(process.pid, signal.SIGINT)
            output, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, errors) == (130, "")
    assert "Traceback" not in output
    until(lambda: not list(tmp_path.iterdir()))
    until(lambda: not using(tmp_path))


def using(directory):
    """Processes that were told of this directory."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as environment:
                if os.fsencode(f"TMPDIR={directory}") in environment.read().split(b"\0"):
                    found.append(pid)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found

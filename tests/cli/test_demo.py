"""`oobpickle demo`, as it is seen."""

import os
import re
import select
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from oobpickle.demo.things import THINGS
from tests.cli.commands import ENVIRONMENT, OOBPICKLE, run, run_code, words
from tests.until import until

LINE = re.compile(r"(tcp|ipc|shared) +([\d,.]+) +([\d.]+) +([\d.]+|-) +right *$", re.M)
"""What a line of the table ends with: over, msg/s, GB/s, copies, arrived."""


def test_all_things_and_the_named_files(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(300_000.0))
    np.savez(tmp_path / "b.npz", x=np.arange(3), y=np.ones((4, 4)))
    (tmp_path / "c.csv").write_text("x,y\n1,2\n3,4\n")
    names = ["a.npy", "b.npz", "c.csv", "[d].npy"]
    os.link(tmp_path / "a.npy", tmp_path / "[d].npy")  # looks like markup
    places = tmp_path / "temporary"
    places.mkdir()
    began = time.monotonic()
    done = run("demo", *(tmp_path / name for name in names), "--seconds", 1, env={**ENVIRONMENT, "TMPDIR": str(places)})
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - began < 30
    for title in [*THINGS, *names]:
        assert title in done.stdout
    lines = LINE.findall(done.stdout)
    transports = ["tcp", "ipc", "shared"] if sys.platform == "linux" else ["tcp", "ipc"]
    assert [over for over, *_ in lines] == transports * (len(THINGS) + len(names))
    if sys.platform == "linux":
        large = lines[: 3 * len(THINGS)]
        assert all(float(copies) < 0.1 for over, *_, copies in large if over != "shared")
    assert "All arrived right" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert not list(places.iterdir())


def test_a_file_that_turns_out_bad(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}]), allow_pickle=True)
    done = run("demo", tmp_path / "a.npy")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pickled Python objects" in words(done.stderr)


ONE_THING = """
import sys
from oobpickle.cli import demo
from oobpickle.cli.main import run
from tests.demo import faulty

demo.THINGS = {{"image stack": demo.THINGS["image stack"]}}
demo.TRANSPORTS = {transports}
sys.argv = ["oobpickle", "demo", "--seconds", "0.1"]
run()
"""


def test_what_is_wrong_is_shown_and_is_the_exit_status():
    done = run_code(ONE_THING.format(transports="faulty.Damages(), faulty.Refuses()"))
    assert (done.returncode, done.stderr) == (1, "")
    said = words(done.stdout)
    assert "WRONG: image stack over damages: the checksum of what arrived is not that of what was sent" in said
    assert "WRONG: image stack over refuses: the producer: oobpickle.errors.EncodeError: not today" in said
    assert "right" not in said


def test_one_fault_in_several_places_is_told_once():
    done = run_code(ONE_THING.format(transports="faulty.Refuses(), faulty.Refuses()"))
    assert done.returncode == 1
    assert words(done.stdout).count("not today") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_in_the_middle(tmp_path):
    """As at a terminal: the signal goes to all processes of the foreground. Nothing is left of any of them."""
    with subprocess.Popen(
        [*OOBPICKLE, "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, "TMPDIR": str(tmp_path)},
        process_group=0,
    ) as process:
        until(lambda: list(tmp_path.glob("*/socket")))
        ends = children(process.pid)
        assert len(ends) == 2 or sys.platform != "linux"
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")
    assert not any(os.path.exists(f"/proc/{end}") for end in ends)
    assert not list(tmp_path.iterdir())


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return file.read().split()
    except FileNotFoundError:  # not Linux
        return []


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals")
def test_on_a_terminal_it_has_colour_and_a_progress_bar():
    shown = on_a_terminal([sys.executable, "-c", ONE_THING.format(transports="demo.TRANSPORTS")])
    assert re.search(COLOUR, shown)
    assert "image stack over tcp" in shown  # what the bar says
    assert "━" in shown
    assert "All arrived right" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals")
def test_no_colour_when_it_is_not_wanted():
    shown = on_a_terminal([*OOBPICKLE, "--help"], NO_COLOR="1")
    assert "Usage" in shown
    assert not re.search(COLOUR, shown)


COLOUR = r"\x1b\[[\d;]*3[1-7]m"


def on_a_terminal(command, **environment):
    """All that a command writes to a terminal of 80 columns."""
    import pty

    master, slave = pty.openpty()
    environment = {**ENVIRONMENT, "TERM": "xterm", "COLUMNS": "80", "LINES": "40", **environment}
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment) as process:
        os.close(slave)
        shown = b""
        while select.select([master], [], [], 60)[0]:
            try:
                shown += os.read(master, 1 << 16)
            except OSError:  # the other side is closed
                break
        process.wait(60)
    os.close(master)
    return shown.decode()

"""The pair of processes: what it says when something is wrong, and that nothing of it is left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from oobpickle.demo.files import BadFile
from oobpickle.demo.pair import DemoFailed, Pair
from oobpickle.demo.things import THINGS
from oobpickle.demo.transports import TRANSPORTS, Tcp
from tests.demo import faulty
from tests.until import until

STACK = "image stack"


@pytest.fixture
def pair(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Pair() as pair:
        yield pair
    assert not list(tmp_path.iterdir())


def test_everything_over_everything(pair):
    for index, title in enumerate(THINGS):
        thing = pair.prepare(title)
        assert thing.title == title
        assert thing.in_band < 10_000
        assert thing.out_of_band <= thing.size + 10_000
        for transport in TRANSPORTS:
            outcome = pair.run(index, thing, transport, 0.05)
            assert (outcome.transport, outcome.wrong) == (transport.name, "")
            assert outcome.rate > 0


def test_a_small_thing_has_no_count_of_copies(pair, tmp_path_factory):
    path = tmp_path_factory.mktemp("f") / "small.npy"
    np.save(path, np.arange(10))
    outcome = pair.run(0, pair.prepare(str(path)), Tcp(), 0.05)
    assert not outcome.wrong
    assert outcome.copies is None


@pytest.mark.parametrize(
    ("transport", "words"),
    [
        (faulty.Damages(), "checksum"),
        (faulty.Loses(), "messages"),
        (faulty.Refuses(), "the producer: oobpickle.errors.EncodeError: not today"),
        (faulty.SaysNothing(), "the consumer: zmq.error.Again"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_fault_is_told_and_does_not_spoil_the_next_run(pair, transport, words):
    stack = pair.prepare(STACK)
    outcome = pair.run(0, stack, transport, 0.2)
    assert words in outcome.wrong
    assert not pair.run(0, stack, Tcp(), 0.05).wrong


def test_an_end_that_dies_is_told(pair):
    stack = pair.prepare(STACK)
    for transport in (faulty.Kills(), Tcp()):
        assert pair.run(0, stack, transport, 0.05).wrong == "the producer has ended (exit status 3)"


def test_a_bad_file_is_told(pair):
    with pytest.raises(BadFile, match="No such file"):
        pair.prepare("/nowhere.npy")


def test_what_has_no_name_is_told(pair):
    with pytest.raises(DemoFailed, match="the producer: AttributeError"):
        pair._producer.do("whatever")


def test_no_place_for_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError):
        Pair().__enter__()


SENDS_FOR_EVER = """
import sys, tempfile
from oobpickle.demo.pair import Pair
from oobpickle.demo.transports import TRANSPORTS
tempfile.tempdir = sys.argv[1]
with Pair() as pair:
    stack = pair.prepare("image stack")
    print(pair._producer._process.pid, pair._consumer._process.pid, flush=True)
    pair.run(0, stack, TRANSPORTS[-1], 1000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_nothing_is_left_of_a_process_that_is_killed(tmp_path, signal_):
    with subprocess.Popen(
        [sys.executable, "-c", SENDS_FOR_EVER, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        ends = process.stdout.readline().split()
        until(lambda: list(tmp_path.glob("*/socket")))
        process.send_signal(signal_)
        process.wait(30)
    until(lambda: not any(os.path.exists(f"/proc/{end}") for end in ends))
    until(lambda: not list(tmp_path.iterdir()))

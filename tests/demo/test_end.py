"""An end on its own: a process that answers orders, and that ends when nobody can give it any."""

import pickle
import subprocess
import sys

import pytest

from oobpickle.demo.files import BadFile
from tests.documents import ROOT

START = [sys.executable, "-c", "from oobpickle.demo import end; end.main()"]


@pytest.fixture
def end(tmp_path):
    """A producer, with a folder of its own."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with subprocess.Popen(
        [*START, "producer", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        yield process
        process.kill()


def ask(end, *order):
    pickle.dump(order, end.stdin)
    end.stdin.flush()
    return pickle.load(end.stdout)


def test_an_answer_has_the_number_of_its_order(end):
    number, done, thing = ask(end, 17, "prepare", ("image stack",))
    assert (number, done, thing.title, thing.size) == (17, True, "image stack", 16 << 20)


def test_what_goes_wrong_is_an_answer_too(end):
    number, done, error = ask(end, 1, "prepare", ("nowhere.npy",))
    assert (number, done, type(error)) == (1, False, BadFile)
    assert ask(end, 2, "send_one", (5,)) == (2, False, "IndexError: list index out of range")


class Chatty:
    """Pickled as an order to print something."""

    def __reduce__(self):
        return print, ("hello",)


def test_what_it_prints_does_not_get_among_the_answers(end):
    assert ask(end, 1, "prepare", (Chatty(),))[:2] == (1, False)
    assert ask(end, 2, "close", ()) == (2, True, None)


def test_it_ends_and_cleans_up_when_its_orders_end(end, tmp_path):
    ask(end, 1, "prepare", ("image stack",))
    end.stdin.close()
    assert end.wait(30) == 0
    assert not (tmp_path / "folder").exists()

"""The command line as a whole: version, help, and what it says to wrong arguments."""

import re

import pytest

import oobpickle
from tests.cli.commands import run, run_here, words


def test_version():
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"oobpickle {oobpickle.__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["demo", "--help"], ["demo", "-h"]], ids=" ".join)
def test_help_has_examples_and_no_colour(arguments):
    done = run_here(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"oobpickle demo \S+\.npy", done.stdout)
    assert "Exit status: 0" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_help_lists_every_command():
    from oobpickle.cli.app import app

    listed = run_here("--help").stdout
    for command in app.registered_commands:
        assert (command.name or command.callback.__name__) in listed


def test_without_a_command_it_shows_what_there_is():
    done = run()
    assert done.returncode == 2
    assert "Usage" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command"),
        (["--nonsense"], "No such option"),
        (["demo", "--nonsense"], "No such option"),
        (["demo", "--seconds", "0"], "--seconds"),
        (["demo", "--seconds", "long"], "--seconds"),
        (["demo", "--seconds", "1000"], "--seconds"),
        (["demo", "/nowhere/a.npy"], "No such file"),
        (["demo", __file__], "the demo takes"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments(arguments, said):
    done = run_here(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in words(done.stderr)
    assert "Traceback" not in done.stderr

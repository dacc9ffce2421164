"""The README: its set-up lines are the promised ones, its code runs and prints what it says, its links lead somewhere."""

import re

from tests.documents import ROOT, code_of, dead_ends

README = ROOT / "README.md"
SET_UP = [
    "python3 -m venv .venv && .venv/bin/pip install -e '.[cli]' && .venv/bin/oobpickle demo",
    "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/python -m pytest",
]


def test_the_two_lines_that_set_everything_up():
    (block,) = re.findall(r"^```sh\n(.*?)^```", README.read_text(), re.S | re.M)
    assert block.splitlines() == SET_UP


def test_the_code_runs_and_prints_what_the_readme_says(python):
    printed = python(code_of(README))
    expected = r"134,217,728 bytes arrived over tcp; Python and numpy allocated [\d,]+ for it"
    assert re.fullmatch(expected + r"\n", printed)
    assert re.search(expected, README.read_text())


def test_the_example_is_short():
    lines = [line for line in code_of(README).splitlines() if line.strip()]
    assert len(lines) <= 16


def test_links():
    assert not dead_ends(README)

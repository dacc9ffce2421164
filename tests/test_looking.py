"""docs/looking.md: its code runs and prints what stands below it; its example of a message is what inspect prints."""

import re
import subprocess

import numpy as np

import oobpickle
from tests.cli.commands import OOBPICKLE, ENVIRONMENT
from tests.documents import ROOT

PAGE = (ROOT / "docs" / "looking.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.S | re.M)


def test_the_code_prints_what_the_page_says(python):
    expected = re.findall(r"^```python\n(?:(?!^```).)*^```\n\n```text\n(.*?)^```", PAGE, re.S | re.M)
    assert len(expected) == len(blocks("python")) == 2
    assert python("\n".join(blocks("python")), environment={"COLUMNS": "80"}) == "".join(expected)


def test_the_message_that_is_shown(tmp_path):
    oobpickle.dump({"image": np.zeros((480, 640, 3), "u1"), "depth": np.zeros((60, 80), "f4")}, tmp_path / "scan.oob")
    shown = next(block for block in blocks("text") if block.startswith("scan.oob"))
    done = subprocess.run(
        [*OOBPICKLE, "inspect", "scan.oob"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith(shown)


def test_every_command_that_is_shown_is_one():
    from oobpickle.cli.app import app

    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    used = set(re.findall(r"^\$ oobpickle (\w+)", PAGE, re.M))
    assert {"inspect", "tail", "pub"} <= used <= known

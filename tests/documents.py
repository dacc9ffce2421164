"""What the tests of documents and programs share: the code in a page, where its links lead, a program by itself."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAMED_FILE = re.compile(r"\b(?:benchmarks|docs|examples|oobpickle|tests)/[\w./-]+\.(?:md|py)\b")


def run_alone(*arguments, folder, seconds=60):
    """Run a Python program in a folder, with nothing of our environment but the package."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def code_of(page):
    """The Python of a page, as one program; a warning in it is an error."""
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.S | re.M)
    assert blocks
    return "import warnings; warnings.simplefilter('error')\n" + "\n".join(blocks)


def anchors(page):
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_ends(page):
    """The links and the files named in a page that are not there."""
    text = page.read_text()
    dead = [name for name in NAMED_FILE.findall(text) if not (ROOT / name).exists()]
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    return dead

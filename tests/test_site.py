"""The documentation builds as a site, without warnings and without anything from elsewhere; where mkdocs is installed."""

import os
import re
import subprocess
import sys

import pytest

from tests.documents import ROOT

pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install -e '.[docs]'")
pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed: pip install -e '.[docs]'")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r"^WARNING", done.stderr, re.M)
    return folder


def test_every_page_is_there(site):
    pages = {path.stem for path in (ROOT / "docs").rglob("*.md")} | {
        "index",
        "changelog",
        "examples",
        "commands",
        "license",
    }
    assert pages <= {path.stem for path in site.rglob("*.html")}


def test_nothing_is_fetched_from_elsewhere(site):
    for path in site.rglob("*.html"):
        text = path.read_text()
        assert not re.findall(r'<(?:script|img|iframe)[^>]*src="(?:https?:)?//', text), path
        assert not re.findall(r'<link[^>]*rel="(?:stylesheet|preconnect|icon)"[^>]*href="(?:https?:)?//', text), path


def test_the_reference_has_what_is_public(site):
    import oobpickle

    text = "".join(path.read_text() for path in (site / "reference").glob("*.html"))
    missing = [
        name
        for name in oobpickle.__all__
        if name not in {"aio", "shared"} and not re.search(rf'id="oobpickle\.(?:[\w.]+\.)?{name}"', text)
    ]
    assert not missing


def test_the_commands_have_their_options(site):
    text = (site / "commands.html").read_text()
    for words in ("oobpickle inspect", "--opcodes", "oobpickle tail", "--save", "oobpickle pub", "--repeat"):
        assert words in text

"""numpy's and pandas' own pickle tests, with `pickle` replaced by our `dumps` and `loads` (replaced.py)."""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

QUICK = {
    "numpy": r"numpy/(ma/tests/test_(old_ma|mrecords)|_core/tests/test_records)\.py",
    "pandas": r"pandas/tests/(indexes/.*/test_pickle|arrays/.*/test_pickle)\.py",
}
"""The modules of the short run; the long one takes all that speak of pickle."""


def run(library, pattern, counts):
    """Run a library's tests; how many passed, and how often our functions were called."""
    site = pathlib.Path(importlib.util.find_spec(library).origin).parent.parent
    paths = [
        path.relative_to(site) for path in sorted((site / library).rglob("test_*.py")) if b"pickle" in path.read_bytes()
    ]
    if library == "pandas":  # pytables is not installed, and its tests are not collected without it
        paths = [path for path in paths if "pytables" not in path.parts]
    modules = [
        path.with_suffix("").as_posix().replace("/", ".") for path in paths if re.fullmatch(pattern, path.as_posix())
    ]
    options = (
        "-q -p tests.foreign.replaced -p no:cacheprovider -c /dev/null --disable-warnings --tb=short --pyargs".split()
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--rootdir={site}", *modules],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COUNTS": str(counts)},
        check=False,
        timeout=550,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    [passed] = re.findall(r"(\d+) passed", done.stdout)
    return int(passed), json.loads(counts.read_text())


def check(library, pattern, tmp_path, passed, called):
    pytest.importorskip(f"{library}.testing")
    if not importlib.util.find_spec(f"{library}.tests"):
        pytest.skip(f"this {library} ships no tests")
    did, counts = run(library, pattern, tmp_path / "counts.json")
    assert did >= passed
    assert counts["dumps"] >= called
    assert counts["loads"] >= called


@pytest.mark.parametrize(("library", "passed", "called"), [("numpy", 6, 15), ("pandas", 20, 20)])
def test_some(library, passed, called, tmp_path):
    check(library, QUICK[library], tmp_path, passed, called)


@pytest.mark.slow
@pytest.mark.parametrize(("library", "passed", "called"), [("numpy", 170, 600), ("pandas", 1200, 1900)])
def test_all(library, passed, called, tmp_path):
    check(library, ".*", tmp_path, passed, called)

"""Every example runs, by itself, in seconds, without a warning, and prints its proof."""

import pytest

from tests.documents import ROOT, run_alone

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(example, tmp_path):
    done = run_alone("-W", "error", str(example), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert not list(tmp_path.iterdir())

"""Every benchmark still runs, doing as little as it can. What its figures are is not tested: they are measured."""

import pytest

from tests.documents import ROOT, run_alone

LITTLE = {  # what makes it do little: a statement about the module, and arguments
    "copying": ("it.SIZES = [1 << 20]", []),
    "data_codec": ("", ["1"]),
    "endpoint_cost": ("", ["1", "pickle, 1024 B"]),
    "repeat": (
        "",
        [
            *("1", "--quick", "--rounds", "2", "--seconds", "0.01"),
            *("--size", "1MB", "--transport", "ipc", "--peer", "memcpy", "--peer", "oobpickle"),
        ],
    ),
    "results": (
        "from pathlib import Path; it.DOCS = Path('docs').resolve(); it.DOCS.mkdir(); it.PARTS = it.PARTS[1:2]",
        ["--rounds", "1", "--seconds", "0.01", "--peer", "oobpickle"],
    ),
    "share_from": ("it.SIZES = it.SIZES[:1]", ["--rounds", "1", "--seconds", "0.01"]),
    "shared_lane": ("it.COPIED = it.LOANED = (1 << 20,); it.REPEATS = 100", ["--seconds", "0.01"]),
    "small_buffers": ("it.SIZES = it.SIZES[:1]", ["--rounds", "1", "--seconds", "0.01"]),
    "small_on_ipc": ("it.SIZES = {1024: 20}", ["1"]),
    "targets": ("", ["--rounds", "1", "--seconds", "0.01", "--only", "8 B"]),
}


def run(name, statement, arguments, folder):
    code = f"from benchmarks import {name} as it; {statement or 'pass'}; it.main()"
    done = run_alone("-c", code, *arguments, folder=folder, seconds=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py")))
def test_it_runs(name, tmp_path):
    printed = run(name, *LITTLE[name], tmp_path)
    if name == "results":
        assert (tmp_path / "docs/results.md").read_text().count("| oobpickle") and not printed
        assert (tmp_path / "docs/results/round-trip.svg").stat().st_size
    else:
        assert any(character.isdigit() for character in printed)


@pytest.mark.slow
def test_all_targets_are_measured(tmp_path):
    table = run("targets", "", ["--rounds", "1", "--seconds", "0.01"], tmp_path)
    for case in ("256 MB", "16 MB, fan-out, ipc", "64 KB, one way, ipc", "decode, one never seen", "loaned 1 GB"):
        assert case in table

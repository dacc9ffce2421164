"""The page of results, docs/results.md, with its pictures: made of what `oobpickle bench` writes, nothing by hand.

From the repository, on a machine that does nothing else: ``python -m benchmarks.results [OPTION OF oobpickle bench]...``, such as
``--rounds 5`` or ``--peers``.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parent.parent / "docs"

BEGINNING = """# Results

Made by `python -m benchmarks.results`: the commands below, the machine and the versions stand over each part. What the figures quantify, and to
whom they are unfair, [benchmarks/README.md](../benchmarks/README.md) says. Absolute figures are this machine's, and drift by up to a
factor of two from run to run; look at the ratios, which are taken within a round, and at ± beside them. A load of 1 and more says that others were
at work on the machine: its absolute figures are too low then, and ± is large.
"""


class Part(NamedTuple):
    """picture: the name of its file in docs/results/, or none."""

    title: str
    arguments: list[str]
    picture: str
    seen: str


def sizes(*several: str) -> list[str]:
    return [argument for size in several for argument in ("--size", size)]


PARTS = [
    Part(
        "One way, one host",
        [
            *sizes("1KB", "64KB", "1MB", "16MB", "256MB"),
            "--pattern",
            "one way",
            "--transport",
            "ipc",
            "--transport",
            "tcp",
        ],
        "one-way.svg",
        "Throughput over size by ipc and by tcp, with a warm memcpy and a bare socket as lines",
    ),
    Part(
        "Round trips",
        ["--pattern", "round trip", "--transport", "ipc"],
        "round-trip.svg",
        "How many round trips take no longer than so many microseconds, for 8 bytes and for 1 MB",
    ),
    Part("To several subscribers", ["--pattern", "fan-out", "--transport", "ipc"], "", ""),
    Part("Codecs alone", ["--codecs"], "", ""),
]


def written(part: Part, more: list[str]) -> str:
    """The section of a part, its picture beside the page."""
    drawing = ["--plot", f"docs/results/{part.picture}"] if part.picture else []
    command = [sys.executable, "-m", "oobpickle", "bench", *part.arguments, *more, *drawing, "--markdown", "-"]
    tables = subprocess.run(command, cwd=DOCS.parent, check=True, stdout=subprocess.PIPE, text=True).stdout
    picture = f"![{part.seen}](results/{part.picture})\n\n" if part.picture else ""
    return f"## {part.title}\n\n{picture}{tables}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _, more = parser.parse_known_args()
    (DOCS / "results").mkdir(exist_ok=True)
    page = "\n".join([BEGINNING, *(written(part, more) for part in PARTS)])
    (DOCS / "results.md").write_text(page)


if __name__ == "__main__":
    main()

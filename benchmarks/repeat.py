"""Whether a figure measured again differs from the first by less than the spread that is printed beside it.

From the repository: ``python -m benchmarks.repeat [TIMES] [OPTION OF oobpickle bench]...``, such as ``10 --size 16MB --transport ipc``. It
should nine times of ten, for rates and for ratios alike. Of one round there is no spread: ``--rounds`` is 2 at the least.
"""

import json
import subprocess
import sys
from itertools import pairwise
from statistics import median
from typing import Any

from oobpickle.bench.report import number


def measured(options: list[str]) -> dict[str, tuple[float, float]]:
    """Each figure of a run by name, with its spread."""
    command = [sys.executable, "-m", "oobpickle", "bench", *options, "--json", "-"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found: dict[str, tuple[float, float]] = {}
    for case in json.loads(done.stdout)["cases"]:
        for name, peer in case["peers"].items():
            found[f"{case['name']}: {name}"] = peer["rate"], peer["spread"]
            for other, ratio in peer["ratios"].items():
                found[f"{case['name']}: {name} of {other}"] = ratio["value"], ratio["spread"]
    return found


def main() -> None:
    given = sys.argv[1:]
    times = int(given.pop(0)) if given and given[0].isdigit() else 10
    runs: list[dict[str, Any]] = [measured(given) for _ in range(times + 1)]
    for name in runs[0]:
        figures = [run[name] for run in runs if name in run]
        within = sum(abs(one - two) <= spread * one for (one, spread), (two, _) in pairwise(figures))
        spreads = [spread for _, spread in figures]
        values = " ".join(number(value) for value, _ in figures)
        told = f"{median(spreads):.0%}, at the most {max(spreads):.0%}"
        print(f"{name}: {within} of {len(figures) - 1} within ±, which is {told}: {values}")


if __name__ == "__main__":
    main()

"""Figures as rows of text, as Markdown and as plain data for JSON. How they look on a terminal is the command line's business."""

import math
from collections.abc import Sequence
from statistics import quantiles
from typing import Any

from oobpickle.bench.figures import Figure, Figures
from oobpickle.bench.peer import MEMCPY, ROUND_TRIP, peer_named


def headings(figures: Figures) -> list[str]:
    """The columns of a case's table; the first is text, the others are numbers."""
    speed = ["p50 us", "p90 us", "p99 us"] if figures.case.pattern == ROUND_TRIP else ["messages/s", "GB/s"]
    return ["peer", *speed, "±", *(f"of {name}" for name in figures.references), "CPU us", "faults", "copies", "says"]


def rows(figures: Figures) -> list[list[str]]:
    """A row for each peer that has a figure."""
    return [_row(figures, name) for name, runs in figures.runs.items() if runs]


def _row(figures: Figures, name: str) -> list[str]:
    rate = figures.rate(name)
    if figures.case.pattern == ROUND_TRIP:
        p50, *tail = percentiles(figures, name)
        speed = [f"{p50 * 1e6:,.1f}", *(f"{latency * 1e6:,.0f}" for latency in tail)]
    else:
        speed = [number(rate.value), number(rate.value * figures.case.thing.nbytes / 1e9)]
    ratios = ["" if other == name else number(figures.ratio(name, other).value) for other in figures.references]
    copies, says = figures.copies(name, MEMCPY), peer_named(name).copies
    return [
        name,
        *speed,
        spread(rate),
        *ratios,
        " + ".join(number(seconds * 1e6) for seconds in figures.cpu(name)),
        " + ".join(number(count) for count in figures.faults(name)),
        f"{copies[0]:.1f} + {copies[1]:.1f}" if copies else "",
        f"{says[0]:g} + {says[1]:g}" if says else "",
    ]


def spread(figure: Figure) -> str:
    """Its spread in percent; "-" where it is not known."""
    return f"{figure.spread:.0%}" if math.isfinite(figure.spread) else "-"


def percentiles(figures: Figures, name: str) -> tuple[float, float, float]:
    """The 50th, 90th and 99th of all round trips, in seconds."""
    cuts = quantiles(figures.latencies(name), n=100)
    return cuts[49], cuts[89], cuts[98]


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.005 else "0"


def missing(figures: Figures) -> list[str]:
    """What to say of the peers that have no figure: each reason is said once."""
    left_out: dict[str, list[str]] = {}
    for name, reason in figures.left_out.items():
        left_out.setdefault(reason, []).append(name)
    return [
        *(f"Left out: {'; '.join(names)} ({reason})." for reason, names in left_out.items()),
        *(f"FAILED: {name}: {reason}" for name, reason in figures.failed.items()),
    ]


LEGEND = (
    "of X: rate over X's, round by round. ±: how far two measurements lie apart, nine times of ten. "
    "CPU, faults (pages), copies (user CPU in times of one memcpy, checking apart): a message, near + far end. "
    "says: the copies that the peer says it makes. recipe: pickle 5 and send_multipart, by hand."
)
"""What the columns mean."""


def heading(machine: dict[str, str], command: str) -> str:
    """What stands over all tables in Markdown."""
    return f"`{command}`\n\n{'; '.join(machine.values())}\n\n"


def markdown(results: Sequence[Figures]) -> str:
    """All tables as Markdown."""
    lines = [LEGEND]
    for figures in results:
        head = headings(figures)
        lines += ["", f"### {figures.case.name}", "", *table(head, rows(figures))]
        for line in missing(figures):
            lines += ["", line]
    return "\n".join(lines) + "\n"


def table(head: list[str], body: list[list[str]]) -> list[str]:
    """The lines of a Markdown table; all columns but the first are numbers."""
    return [_line(head), _line(["---"] + ["---:"] * (len(head) - 1)), *map(_line, body)]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def as_data(figures: Figures) -> dict[str, Any]:
    """Everything for JSON, the rates of each round too, so that any ratio can be taken. Times in seconds."""
    case = figures.case
    return {
        "name": case.name,
        "thing": case.thing.name,
        "nbytes": case.thing.nbytes,
        "pattern": case.pattern,
        "transport": case.transport,
        "fars": case.fars,
        "peers": {name: _peer(figures, name) for name, runs in figures.runs.items() if runs},
        "left_out": figures.left_out,
        "failed": figures.failed,
    }


def _peer(figures: Figures, name: str) -> dict[str, Any]:
    rate = figures.rate(name)
    found: dict[str, Any] = {
        "rate": rate.value,
        "spread": _known(rate.spread),
        "rates": figures.rates(name),
        "ratios": {other: _ratio(figures, name, other) for other in figures.references if other != name},
        "cpu": figures.cpu(name),
        "faults": figures.faults(name),
        "copies": figures.copies(name, MEMCPY),
        "says": peer_named(name).copies,
    }
    if figures.case.pattern == ROUND_TRIP:
        found["latency"] = dict(zip(("p50", "p90", "p99"), percentiles(figures, name), strict=True))
    return found


def _ratio(figures: Figures, name: str, other: str) -> dict[str, float | None]:
    ratio = figures.ratio(name, other)
    return {"value": ratio.value, "spread": _known(ratio.spread)}


def _known(spread: float) -> float | None:
    """JSON has no infinity."""
    return spread if math.isfinite(spread) else None

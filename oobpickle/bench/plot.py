"""A picture of figures: throughput over size for each transport, and how long round trips take. Needs matplotlib."""

from collections.abc import Sequence
from typing import Any

from oobpickle.bench.figures import Case, Figures
from oobpickle.bench.peer import MEMCPY, ONE_WAY, ROUND_TRIP, STREAM
from oobpickle.bench.things import ARRAY, size_name

_LIMITS = {MEMCPY: "one memcpy, warm", STREAM: "bare stream socket"}  # drawn as what cannot be passed, or hardly

_POINTS = 500  # of one line: more cannot be seen, and make a large file
_OTHERS = (
    "black",
    "darkkhaki",
    "rosybrown",
    "darkseagreen",
    "lightsteelblue",
    "tan",
    "thistle",
    "0.6",
)  # paler than ours


def is_drawn(case: Case) -> bool:
    """Whether a picture shows what comes out of it."""
    return case.pattern == ROUND_TRIP or (case.pattern == ONE_WAY and case.thing.kind == ARRAY)


def plot(results: Sequence[Figures], path: str, caption: str) -> None:
    """Draw all that can be drawn into a .png or .svg file. Raises ValueError if there is nothing to draw or for another suffix."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [one for one in results if is_drawn(one.case)]
    swept = [one for one in shown if one.case.pattern == ONE_WAY]
    by_transport: dict[str, list[Figures]] = {}
    for figures in swept:
        by_transport.setdefault(figures.case.transport, []).append(figures)
    trips = [one for one in shown if one.case.pattern == ROUND_TRIP]
    panels = len(by_transport) + len(trips)
    if not panels:
        raise ValueError("there is no throughput and no round trip to draw")
    figure = Figure(figsize=(1 + 6.5 * panels, 5.6), layout="constrained")
    FigureCanvasAgg(figure)  # no window, and none of pyplot's global state
    axes = figure.subplots(1, panels, squeeze=False)
    names = [name for one in results for name in one.runs]
    drawn = [name for name in dict.fromkeys(names) if name not in _LIMITS]
    ours = [name for name in drawn if name.startswith("oobpickle")]
    others = [name for name in drawn if name not in ours]
    colours = {name: f"C{index % 10}" for index, name in enumerate(ours)}
    colours |= {name: _OTHERS[index % len(_OTHERS)] for index, name in enumerate(others)}
    for axis, (transport, several) in zip(axes[0], by_transport.items(), strict=False):
        _throughput(axis, transport, several, colours)
    for axis, one in zip(axes[0][len(by_transport) :], trips, strict=True):
        _latency(axis, one, colours)
    figure.supxlabel(caption, fontsize=8, color="0.35", wrap=True)
    figure.savefig(path, dpi=150)


def _throughput(axis: Any, transport: str, several: list[Figures], colours: dict[str, str]) -> None:
    from matplotlib.ticker import LogLocator

    lines: dict[str, list[tuple[int, float]]] = {}
    for figures in several:
        nbytes = figures.case.thing.nbytes
        for name, runs in figures.runs.items():
            if runs:
                lines.setdefault(name, []).append((nbytes, figures.rate(name).value * nbytes / 1e9))
    for name, points in lines.items():
        if name in _LIMITS:
            look = {"color": "0.45", "linestyle": "--" if name == MEMCPY else ":", "label": _LIMITS[name]}
            if len(several) == 1:  # a line of one point has no length
                axis.axhline(points[0][1], **look)
            else:
                axis.plot(*zip(*points, strict=True), marker=".", **look)
        else:
            ours = name.startswith("oobpickle")
            axis.plot(
                *zip(*points, strict=True),
                color=colours[name],
                marker="o" if ours else "s",
                markersize=5 if ours else 3.5,
                linewidth=2.2 if ours else 1.2,
                label=name,
            )
    sizes = sorted({figures.case.thing.nbytes for figures in several})
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xticks(sizes, [size_name(size) for size in sizes], rotation=30, minor=False)
    axis.minorticks_off()
    if len(several) == 1:  # its rates may lie between two powers of ten
        axis.yaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_title(f"one array in a dict, one way, {transport}", fontsize=11)
    axis.set_xlabel("size of the array")
    axis.set_ylabel("GB/s (10⁹ bytes a second)")
    axis.grid(color="0.9")
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _latency(axis: Any, figures: Figures, colours: dict[str, str]) -> None:
    from matplotlib.ticker import LogLocator

    longest, shortest = 0.0, 1.0
    for name, runs in figures.runs.items():
        if not runs:
            continue
        latencies = figures.latencies(name)
        count = len(latencies)
        longest = max(longest, latencies[int(count * 0.99)])
        shortest = min(shortest, latencies[0])
        step = max(1, count // _POINTS)
        shares = [(index + 1) / count * 100 for index in range(0, count, step)]
        axis.plot(
            [latency * 1e6 for latency in latencies[::step]],
            shares,
            color=colours.get(name, "0.45"),
            linewidth=2.2 if name.startswith("oobpickle") else 1.2,
            label=f"{name}: {latencies[count // 2] * 1e6:.0f} µs",
        )
    axis.set_xscale("log")
    axis.set_xlim(shortest * 1e6 / 1.1, longest * 1e6 * 1.1)
    axis.xaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.xaxis.set_minor_formatter(lambda *_: "")
    axis.set_title(f"{figures.case.thing.name}, round trip, {figures.case.transport}", fontsize=11)
    axis.set_xlabel("microseconds")
    axis.set_ylabel("% of round trips that take no longer")
    axis.grid(color="0.9")
    axis.legend(fontsize=8, title="median", title_fontsize=8, loc="lower right")

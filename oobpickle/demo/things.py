"""What the demo sends when no file is named: four things as people have them, made up on the spot."""

import datetime as dt
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

_SEED = 7  # the same things in every run


def image_stack() -> Any:
    """Make 32 camera frames of 512 x 512 pixels, 16 bits each: a bright spot that wanders, and noise."""
    stack = np.random.default_rng(_SEED).integers(0, 64, (32, 512, 512), np.uint16)
    rows, columns = np.ogrid[:512, :512]
    for number in range(len(stack)):
        distance = (rows - 8 * number - 128) ** 2 + (columns - 256) ** 2
        stack[number] += (4000 * np.exp(-distance / 2000)).astype(np.uint16)
    return stack


def structured_table() -> Any:
    """Make 200,000 events as one structured array: time stamps, numbers, text, positions."""
    random = np.random.default_rng(_SEED)
    table = np.zeros(
        200_000,
        [
            ("time", "M8[ns]"),
            ("event", "i8"),
            ("sensor", "U4"),
            ("position", "f8", (3,)),
            ("energy", "f4"),
            ("good", "?"),
        ],
    )
    table["time"] = np.datetime64("2025-01-01") + np.arange(len(table)) * np.timedelta64(1, "ms")
    table["event"] = np.arange(len(table))
    table["sensor"] = random.choice(["A1", "A2", "B1", "B17"], len(table))
    table["position"] = random.normal(size=(len(table), 3))
    table["energy"] = random.exponential(size=len(table))
    table["good"] = table["energy"] < 2
    return table


def nested_dict() -> Any:
    """Make a run of an instrument: settings and text beside large, small and strided arrays."""
    random = np.random.default_rng(_SEED)
    spectra = random.normal(size=(1024, 1024))
    return {
        "run": 4711,
        "started": dt.datetime(2025, 1, 1, 12, tzinfo=dt.UTC),
        "operator": "Noether",
        "settings": {"gain": 2.5, "binning": (2, 2), "filters": ["none", "U", "V"]},
        "calibration": {f"channel {number}": random.normal(size=100) for number in range(64)},
        "spectra": spectra,
        "best": spectra[100:200],  # a view of spectra: sent once, and still a view of it on arrival
        "mask": random.random((1024, 1024)) < 0.01,
        "channels": [{"name": f"channel {number}", "trace": random.normal(size=65_536)} for number in range(8)],
    }


def data_frame() -> Any:
    """Make a pandas DataFrame of 200,000 rows: eight float columns, a time stamp, a count and a category."""
    pandas: Any = importlib.import_module("pandas")
    random = np.random.default_rng(_SEED)
    rows = 200_000
    columns: dict[str, Any] = {"time": pandas.date_range("2025-01-01", periods=rows, freq="ms")}
    columns |= {name: random.normal(size=rows) for name in "abcdefgh"}
    columns["count"] = random.poisson(5, rows)
    columns["site"] = pandas.Categorical.from_codes(random.integers(0, 3, rows), ["north", "south", "west"])
    return pandas.DataFrame(columns)


THINGS: dict[str, Callable[[], Any]] = {
    "image stack": image_stack,
    "structured table": structured_table,
    "nested dict": nested_dict,
    **({"DataFrame": data_frame} if importlib.util.find_spec("pandas") else {}),
}
"""By title, in the order in which they are shown."""

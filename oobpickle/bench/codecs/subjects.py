"""What codecs are compared on."""

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np


def arrays() -> Any:
    """A few arrays of a camera and its calibration, 4 MB: contiguous, a region of interest, times."""
    image = np.arange(1024 * 1024, dtype=np.uint16).reshape(1024, 1024)
    return {
        "image": image,
        "region": image[100:900, 100:900],
        "times": np.arange(1000).astype("datetime64[ms]"),
        "gains": np.arange(65536, dtype=np.float64),
        "name": "left",
    }


def many_arrays() -> Any:
    """1,000 arrays of 100 float64."""
    return {f"sensor {i}": np.arange(i, i + 100, dtype=np.float64) for i in range(1000)}


def records() -> Any:
    """1,000 nested records of plain values."""
    return [
        {
            "id": i,
            "name": f"item {i}",
            "tags": ["a", "b"],
            "at": {"x": i / 7, "y": -i / 3},
            "seen": None if i % 3 else i,
        }
        for i in range(1000)
    ]


def table() -> Any:
    """A DataFrame of 100,000 rows: 4 columns of floats, one of integers, one of times."""
    import pandas as pd

    rows = 100_000
    columns: dict[str, Any] = {f"channel {i}": np.arange(i, i + rows, dtype=np.float64) for i in range(4)}
    columns["count"] = np.arange(rows)
    columns["time"] = np.arange(rows).astype("datetime64[ns]")
    return pd.DataFrame(columns)


SUBJECTS: dict[str, Callable[[], Any]] = {
    "arrays, 4 MB": arrays,
    "1,000 arrays of 800 B": many_arrays,
    "1,000 nested records": records,
} | ({"DataFrame, 100,000 rows": table} if importlib.util.find_spec("pandas") else {})

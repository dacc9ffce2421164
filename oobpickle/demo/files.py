"""The files that a user names: checked before anything starts, then loaded by the producer.

Rule: nothing in a file is run (no pickles), and what a file says of its size is looked at before memory is taken.
"""

import csv
import io
import os
import stat
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

MAX_BYTES = 256 << 20
"""Of all files together, unpacked: the two processes hold up to four times as much, and send and check each six times, which
has to be over in 30 s on a busy machine too."""

MAX_CSV = 64 << 20
"""Of a .csv as text: parsing makes of it up to ten times as much."""

SUFFIXES = (".npy", ".npz", ".csv")


class BadFile(Exception):  # noqa: N818 - what it is about
    """A file that the demo does not take. path: as the user gave it. reason: why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def check(paths: list[str]) -> None:
    """Look at names and sizes. Raises BadFile for the first file that is missing, of another kind, or too large."""
    total = 0
    for path in paths:
        total += _size(path)
        if total > MAX_BYTES:
            raise BadFile(path, f"too large: the demo takes {MAX_BYTES >> 20} MB in all")


def load(path: str) -> Any:
    """Load an array (.npy), a dict of arrays (.npz), or a table (.csv: a DataFrame, or a dict of columns without pandas).

    Raises BadFile, whatever is wrong with it.
    """
    try:
        return _LOADERS[Path(path).suffix.lower()](path)
    except MemoryError:
        raise BadFile(path, "it says that it is larger than this machine's memory") from None
    except Exception as error:
        if "allow_pickle" in str(error):
            raise BadFile(path, "it holds pickled Python objects, which could run code: not loaded") from error
        text = " ".join(str(error).split())
        raise BadFile(path, f"cannot be read as {Path(path).suffix}: {text or type(error).__name__}") from error


def _size(path: str) -> int:
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise BadFile(path, f"the demo takes {', '.join(SUFFIXES)}")
    try:
        info = os.stat(path)
        if not stat.S_ISREG(info.st_mode):
            raise BadFile(path, "not a file")
        size = info.st_size
        with open(path, "rb") as file:  # that we may not read it is better known now
            if suffix == ".npz":
                with zipfile.ZipFile(file) as archive:
                    size = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile:
        raise BadFile(path, "not an .npz file") from None
    except OSError as error:
        raise BadFile(path, f"{error.strerror or error}") from error
    if suffix == ".csv" and size > MAX_CSV:
        raise BadFile(path, f"too large: the demo takes {MAX_CSV >> 20} MB of text")
    return size


def _load_npy(path: str) -> Any:
    with open(path, "rb") as file:
        if file.read(6) != np.lib.format.MAGIC_PREFIX:
            raise ValueError("it does not begin as numpy's files do")
    return np.load(path, allow_pickle=False)


def _load_npz(path: str) -> Any:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _load_csv(path: str) -> Any:
    if find_spec("pandas"):
        import pandas as pd  # noqa: PLC0415 - only where the user has it

        return pd.read_csv(path)
    rows = list(csv.reader(io.StringIO(Path(path).read_text("utf-8-sig"), newline=""), strict=True))
    rows = [row for row in rows if row]
    if not rows:
        raise ValueError("it is empty")
    if any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("its rows are not of one length")
    names = list(map(str, range(len(rows[0])))) if any(map(_is_number, rows[0])) else rows.pop(0)
    if not rows:
        raise ValueError("it has no rows")
    table = dict(zip(names, map(_column, zip(*rows, strict=True)), strict=True))
    if len(table) != len(rows[0]):
        raise ValueError("two of its columns have the same name")
    return table


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _column(values: tuple[str, ...]) -> Any:
    for dtype in (np.int64, np.float64):
        try:
            return np.array(values, dtype)
        except (ValueError, OverflowError):
            continue
    return np.array(values, np.str_)


_LOADERS = {".npy": _load_npy, ".npz": _load_npz, ".csv": _load_csv}

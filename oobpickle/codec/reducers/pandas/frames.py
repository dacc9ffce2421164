"""Series and DataFrames, from their blocks: arrays that hold one column or several of one dtype.

Theory of operation. A block of a frame is a numpy array (columns, rows), or an extension array for one column. It travels
as that array and the places of its columns, and stands in the new frame as it arrives. pandas takes blocks and places as
they are: columns told twice, or not at all, would let it read memory that is not theirs. So they are checked here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from oobpickle.codec.allowance import spend
from oobpickle.codec.reducers.arguments import expect
from oobpickle.codec.reducers.pandas.arrays import DATA_REDUCERS as ARRAYS
from oobpickle.codec.reducers.pandas.arrays import Array, alone, check_numbers
from oobpickle.codec.reducers.pandas.dtypes import INDEXES
from oobpickle.codec.reducers.pandas.labels import check_distinct, check_label
from oobpickle.codec.rules import Rule

try:
    from pandas.api.internals import create_dataframe_from_blocks
except ImportError:  # pandas 2
    create_dataframe_from_blocks = None

_KINDS = "biufcOmM"
_BLOCK = 2048
"""Bytes that a block is charged for, beyond its values: 10 us. One block may stand in many places."""

_ATTRIBUTE = 100
"""Bytes that an entry of attrs is charged for: pandas copies the dict."""

_PLACE = np.dtype("<u4")
_TIMES = {pd.arrays.DatetimeArray: "M8", pd.arrays.TimedeltaArray: "m8"}


def rebuild_series(values: Any, index: Any, name: Any, attrs: Any, unique: Any) -> Any:
    """A Series. unique: that its index must never have a label twice."""
    check_label(name)
    _check_values(values, 1)
    expect(index, *INDEXES, pd.MultiIndex)
    if len(values) != len(index):
        raise ValueError(f"{len(values)} values and {len(index)} labels")
    # numpy's are told their dtype, so that pandas does not look for another one in the values.
    dtype = values.dtype if type(values) is np.ndarray else None
    series = pd.Series(values, index=index, dtype=dtype, name=name, copy=False)
    return _with_attributes(series, attrs, unique)


def rebuild_frame(blocks: Any, index: Any, columns: Any, attrs: Any, unique: Any) -> Any:
    """A DataFrame. blocks: (values, places) each; places: of its columns, or None for all of the frame's in their order."""
    expect(blocks, tuple)
    expect(index, *INDEXES, pd.MultiIndex)
    expect(columns, *INDEXES, pd.MultiIndex)
    rows, width = len(index), len(columns)
    spend(32 * width + _BLOCK * len(blocks))  # pandas has two tables of the columns, and we look at their places
    made: list[tuple[Any, Array]] = []
    for block in blocks:
        expect(block, tuple)
        values, places = block
        made.append((values, _places(places, width)))
        if type(values) is np.ndarray:
            _check_values(values, 2)
            shape = values.shape
        else:
            _check_values(values, 1)
            shape = (1, len(values))
        if shape != (made[-1][1].size, rows):
            raise ValueError(f"a block of {shape} for {made[-1][1].size} columns and {rows} rows")
    found = np.sort(np.concatenate([places for _, places in made])) if made else np.empty(0, np.intp)
    if found.size != width or (found != np.arange(width)).any():
        raise ValueError("blocks that do not hold each column once")
    make = create_dataframe_from_blocks or _from_columns
    frame = make(made, index, columns)
    return _with_attributes(frame, attrs, unique)


def _places(places: Any, width: int) -> Array:
    if places is None:
        return np.arange(width)
    expect(places, bytes)
    return np.frombuffer(places, _PLACE).astype(np.intp)


def _from_columns(blocks: list[tuple[Any, Array]], index: Any, columns: Any) -> Any:
    """For pandas 2: each column a block of its own, on the same memory."""
    by_place: dict[int, Any] = {}
    for values, places in blocks:
        rows = values if type(values) is np.ndarray else (values,)
        by_place.update(zip(places.tolist(), rows, strict=True))
    data = {
        place: pd.Series(by_place[place], index=index, dtype=by_place[place].dtype, copy=False)
        for place in range(len(by_place))
    }
    frame = pd.DataFrame(data, index=index, copy=False)
    frame.columns = columns
    return frame


def _check_values(values: Any, dimensions: int) -> None:
    if type(values) is np.ndarray:
        check_numbers(values, _KINDS, dimensions)
    else:
        expect(values, *ARRAYS)


def _with_attributes(obj: Any, attrs: Any, unique: Any) -> Any:
    expect(unique, bool)
    if attrs is not None:
        expect(attrs, dict)
        spend(_ATTRIBUTE * len(attrs))
        obj.attrs = attrs
    if unique:
        for axis in obj.axes:
            check_distinct(axis)
        obj.flags._allows_duplicate_labels = False  # noqa: SLF001 - its setter would hash the labels
    return obj


def _attributes(obj: Any) -> tuple[Any, bool]:
    return obj.attrs or None, not obj.flags.allows_duplicate_labels


def _reduce_series(series: Any) -> tuple[Any, ...]:
    (block,) = series._mgr.blocks  # noqa: SLF001
    return rebuild_series, (_sent(block.values), series.index, series.name, *_attributes(series))


def _reduce_frame(frame: Any) -> tuple[Any, ...]:
    blocks: list[tuple[Any, bytes | None]] = []
    whole = len(frame._mgr.blocks) == 1  # noqa: SLF001 - the blocks have no public name, and joblib and dask lean on this one
    for block in frame._mgr.blocks:  # noqa: SLF001
        places = block.mgr_locs.as_array
        values = _sent(block.values)
        if type(values) is np.ndarray:
            in_order = whole and (places == np.arange(places.size)).all()
            blocks.append((values, None if in_order else places.astype(_PLACE).tobytes()))
        else:
            columns = [values] if values.ndim == 1 else [values[row] for row in range(len(values))]
            blocks += [(column, place.tobytes()) for column, place in zip(columns, places.astype(_PLACE), strict=True)]
    return rebuild_frame, (tuple(blocks), frame.index, frame.columns, *_attributes(frame))


def _sent(values: Any) -> Any:
    """A block's values as they travel: numpy's where pandas makes the same of them again."""
    if type(values) is np.ndarray:
        return alone(values)
    if (kind := _TIMES.get(type(values))) is not None and getattr(values, "tz", None) is None:
        return alone(values.asi8.view(f"{kind}[{values.unit}]"))
    return values


DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {pd.Series: _reduce_series, pd.DataFrame: _reduce_frame}
RULES = {rebuild_series: Rule(work=60), rebuild_frame: Rule(work=100)}

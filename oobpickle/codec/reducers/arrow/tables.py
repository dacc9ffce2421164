"""Arrow's arrays, chunked arrays, record batches and tables as the user has them: a type or schema, and nodes."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from oobpickle.codec.reducers.arguments import expect
from oobpickle.codec.reducers.arrow.apart import Shared, take_apart
from oobpickle.codec.reducers.arrow.together import put_together
from oobpickle.codec.reducers.arrow.types import describe, describe_schema, schema_of, subclasses, type_of
from oobpickle.codec.reducers.arrow.validity import check
from oobpickle.codec.rules import Rule


def rebuild_array(told: Any, node: Any) -> Any:
    """An array, found valid."""
    return _array(type_of(told), told, node)


def rebuild_chunked(told: Any, nodes: Any) -> Any:
    """A chunked array, found valid."""
    expect(nodes, tuple)
    return _chunked(type_of(told), told, nodes)


def _array(type_: Any, told: Any, node: Any) -> Any:
    array = put_together(type_, told, node)
    check(array, told)
    return array


def _chunked(type_: Any, told: Any, nodes: Any) -> Any:
    expect(nodes, tuple)
    return pa.chunked_array([_array(type_, told, node) for node in nodes], type_)


def rebuild_batch(told: Any, columns: Any, rows: Any) -> Any:
    """A record batch, found valid."""
    schema = schema_of(told)
    arrays = [
        _array(field.type, field_told[1], node)
        for field, field_told, node in zip(schema, told[0], _columns(columns), strict=True)
    ]
    _expect_rows(rows, arrays)
    if not arrays and rows:
        return _without_columns(pa.RecordBatch, rows, schema)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def rebuild_table(told: Any, columns: Any, rows: Any) -> Any:
    """A table, found valid. rows: how many it has, which its columns tell as well, if it has any."""
    schema = schema_of(told)
    arrays = [
        _chunked(field.type, field_told[1], nodes)
        for field, field_told, nodes in zip(schema, told[0], _columns(columns), strict=True)
    ]
    _expect_rows(rows, arrays)
    if not arrays and rows:
        return _without_columns(pa.Table, rows, schema)
    return pa.Table.from_arrays(arrays, schema=schema)


def _columns(columns: Any) -> tuple[Any, ...]:
    expect(columns, tuple)
    checked: tuple[Any, ...] = columns
    return checked


def _expect_rows(rows: Any, arrays: list[Any]) -> None:
    expect(rows, int)
    if rows < 0 or any(len(array) != rows for array in arrays):
        raise ValueError("columns that have not as many rows as the table")


def _without_columns(cls: Any, rows: int, schema: Any) -> Any:
    stand_in = pa.schema([pa.field("", pa.null())], schema.metadata)
    return cls.from_arrays([pa.nulls(rows)], schema=stand_in).select([])


def _reduce_array(array: Any) -> tuple[Any, ...]:
    told = describe(array.type)
    return rebuild_array, (told, take_apart(array, told, {}))


def _reduce_chunked(chunked: Any) -> tuple[Any, ...]:
    told = describe(chunked.type)
    shared: Shared = {}
    return rebuild_chunked, (told, tuple(take_apart(chunk, told, shared) for chunk in chunked.chunks))


def _reduce_batch(batch: Any) -> tuple[Any, ...]:
    told = describe_schema(batch.schema)
    columns = zip(batch.columns, told[0], strict=True)
    return rebuild_batch, (told, tuple(take_apart(array, field[1], {}) for array, field in columns), batch.num_rows)


def _reduce_table(table: Any) -> tuple[Any, ...]:
    told = describe_schema(table.schema)
    shared: Shared = {}
    columns = tuple(
        tuple(take_apart(chunk, field[1], shared) for chunk in column.chunks)
        for column, field in zip(table.columns, told[0], strict=True)
    )
    return rebuild_table, (told, columns, table.num_rows)


DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys(subclasses(pa.Array), _reduce_array),
    pa.ChunkedArray: _reduce_chunked,
    pa.RecordBatch: _reduce_batch,
    pa.Table: _reduce_table,
}
RULES = {
    rebuild_array: Rule(work=30),
    rebuild_chunked: Rule(work=30),
    rebuild_batch: Rule(work=60),
    rebuild_table: Rule(work=60),
}

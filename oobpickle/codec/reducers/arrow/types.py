"""Arrow's types, fields and schemas, told in plain values and made again from them.

A type without parameters is told by its name; one with parameters by a tuple of its kind and them; a field by a tuple of
four. Extension types are not told: to make one again runs the code of whoever registered it.
"""

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from oobpickle.codec.allowance import spend
from oobpickle.codec.reducers.arguments import expect, expect_all
from oobpickle.codec.rules import Rule
from oobpickle.errors import EncodeError

DEPTH = 32
"""Types in types. Arrow goes down them by recursion in C++, and so do we in Python."""

PRICE = 512
"""What a named type, or an item of metadata, is charged for, in bytes: 2 us; a type of types three times as much. One
description may be used in many places."""

_UNITS = ("s", "ms", "us", "ns")
_NAMED: dict[str, Any] = {
    str(type_): type_
    for type_ in (
        *(pa.null(), pa.bool_(), pa.float16(), pa.float32(), pa.float64(), pa.date32(), pa.date64()),
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"), pa.month_day_nano_interval()),
        *(pa.timestamp(unit) for unit in _UNITS),
        *(pa.duration(unit) for unit in _UNITS),
        *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()),
    )
}
_NAMES = {type_: name for name, type_ in _NAMED.items()}
_DECIMALS = {
    f"decimal{bits}": (factory, most)
    for bits, most in ((32, 9), (64, 18), (128, 38), (256, 76))
    if (factory := getattr(pa, f"decimal{bits}", None))  # the two narrow ones came with pyarrow 18
}
_LISTS = {
    "list": pa.list_,
    "large_list": pa.large_list,
    "list_view": pa.list_view,
    "large_list_view": pa.large_list_view,
}
_UNIONS = {"sparse_union": pa.sparse_union, "dense_union": pa.dense_union}
_KINDS = {
    pa.lib.Type_LIST: "list",
    pa.lib.Type_LARGE_LIST: "large_list",
    pa.lib.Type_LIST_VIEW: "list_view",
    pa.lib.Type_LARGE_LIST_VIEW: "large_list_view",
    pa.lib.Type_SPARSE_UNION: "sparse_union",
    pa.lib.Type_DENSE_UNION: "dense_union",
}
_ZONE = re.compile(r"[A-Za-z0-9_+:/-]{1,100}")


def describe(type_: Any) -> Any:
    """Tell a type in plain values. Raises EncodeError for an extension type."""
    if not type_.num_fields and (name := _NAMES.get(type_)) is not None:
        return name
    number = type_.id
    if (kind := _KINDS.get(number)) is not None:
        if kind.endswith("union"):
            return (kind, tuple(describe_field(field) for field in type_), tuple(type_.type_codes))
        return (kind, describe_field(type_.value_field))
    if number == pa.lib.Type_DICTIONARY:
        return ("dictionary", describe(type_.index_type), describe(type_.value_type), type_.ordered)
    if number == pa.lib.Type_STRUCT:
        return ("struct", tuple(describe_field(field) for field in type_))
    if number == pa.lib.Type_MAP:
        return ("map", describe_field(type_.key_field), describe_field(type_.item_field), type_.keys_sorted)
    if number == pa.lib.Type_FIXED_SIZE_LIST:
        return ("fixed_size_list", describe_field(type_.value_field), type_.list_size)
    if number == pa.lib.Type_RUN_END_ENCODED:
        return ("run_end_encoded", describe(type_.run_end_type), describe(type_.value_type))
    if number == pa.lib.Type_TIMESTAMP and _ZONE.fullmatch(type_.tz):
        return ("timestamp", type_.unit, type_.tz)
    if number == pa.lib.Type_FIXED_SIZE_BINARY:
        return ("fixed_size_binary", type_.byte_width)
    if pa.types.is_decimal(type_):
        return (f"decimal{type_.bit_width}", type_.precision, type_.scale)
    raise EncodeError(f"Arrow's type {type_} does not travel", advice="send an extension array's .storage")


def describe_field(field: Any) -> tuple[Any, ...]:
    """Tell a field: name, type, whether it is nullable, metadata as items or None."""
    return (field.name, describe(field.type), field.nullable, _items(field.metadata))


def _items(metadata: Any) -> tuple[tuple[bytes, bytes], ...] | None:
    return None if metadata is None else tuple(metadata.items())


def type_of(told: Any, depth: int = DEPTH) -> Any:
    """The type that is told. Raises TypeError or ValueError."""
    spend(PRICE)
    if type(told) is str:
        if (named := _NAMED.get(told)) is None:
            raise ValueError(f"{told[:50]!r} is no type of Arrow")
        return named
    spend(2 * PRICE)
    expect(told, tuple)
    if not depth:
        raise ValueError(f"types nested more than {DEPTH} deep")
    kind, *parameters = told
    expect(kind, str)
    if (make := _PARAMETRIC.get(kind)) is None:
        raise ValueError(f"{kind[:50]!r} is no kind of Arrow's types")
    return make(depth - 1, kind, *parameters)


def field_of(told: Any, depth: int = DEPTH) -> Any:
    """The field that is told. Raises TypeError or ValueError."""
    expect(told, tuple)
    name, type_, nullable, metadata = told
    expect(name, str)
    expect(nullable, bool)
    return pa.field(name, type_of(type_, depth), nullable, _metadata_of(metadata))


def _metadata_of(items: Any) -> dict[bytes, bytes] | None:
    if items is None:
        return None
    expect(items, tuple)
    spend(PRICE * len(items))
    for item in items:
        expect(item, tuple)
        key, value = item
        expect_all(item, bytes)
        spend(len(key) + len(value))
    return dict(items)


def _fields_of(told: Any, depth: int) -> list[Any]:
    expect(told, tuple)
    return [field_of(field, depth) for field in told]


def _list(depth: int, kind: str, field: Any) -> Any:
    return _LISTS[kind](field_of(field, depth))


def _fixed_size_list(depth: int, _: str, field: Any, size: Any) -> Any:
    expect(size, int)
    if not 0 <= size < 2**31:
        raise ValueError(f"lists of {size} elements")
    return pa.list_(field_of(field, depth), size)


def _struct(depth: int, _: str, fields: Any) -> Any:
    return pa.struct(_fields_of(fields, depth))


def _map(depth: int, _: str, key: Any, item: Any, keys_sorted: Any) -> Any:
    expect(keys_sorted, bool)
    return pa.map_(field_of(key, depth), field_of(item, depth), keys_sorted)


def _dictionary(depth: int, _: str, index: Any, value: Any, ordered: Any) -> Any:
    expect(ordered, bool)
    return pa.dictionary(type_of(index, depth), type_of(value, depth), ordered)


def _union(depth: int, kind: str, fields: Any, codes: Any) -> Any:
    made = _fields_of(fields, depth)
    expect(codes, tuple)
    expect_all(codes, int)
    if len(codes) != len(made) or len(set(codes)) != len(codes) or not all(0 <= code < 128 for code in codes):
        raise ValueError("a union has one code for each of its fields, from 0 to 127")
    return _UNIONS[kind](made, list(codes))


def _run_end_encoded(depth: int, _: str, run_end: Any, value: Any) -> Any:
    return pa.run_end_encoded(type_of(run_end, depth), type_of(value, depth))


def _timestamp(_: int, __: str, unit: Any, zone: Any) -> Any:
    expect_all((unit, zone), str)
    if unit not in _UNITS or not _ZONE.fullmatch(zone):
        raise ValueError("a timestamp has a unit and the name of a time zone")
    return pa.timestamp(unit, zone)


def _fixed_size_binary(_: int, __: str, width: Any) -> Any:
    expect(width, int)
    if not 0 <= width < 2**31:
        raise ValueError(f"values of {width} bytes")
    return pa.binary(width)


def _decimal(_: int, kind: str, precision: Any, scale: Any) -> Any:
    expect_all((precision, scale), int)
    factory, most = _DECIMALS[kind]
    if not 1 <= precision <= most or not -most <= scale <= most:
        raise ValueError(f"{kind} of {precision} digits and scale {scale}")
    return factory(precision, scale)


_PARAMETRIC: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(_LISTS, _list),
    **dict.fromkeys(_UNIONS, _union),
    **dict.fromkeys(_DECIMALS, _decimal),
    "fixed_size_list": _fixed_size_list,
    "struct": _struct,
    "map": _map,
    "dictionary": _dictionary,
    "run_end_encoded": _run_end_encoded,
    "timestamp": _timestamp,
    "fixed_size_binary": _fixed_size_binary,
}


def describe_schema(schema: Any) -> tuple[Any, ...]:
    """Tell a schema: its fields, and its metadata as items or None."""
    return (tuple(describe_field(field) for field in schema), _items(schema.metadata))


def schema_of(told: Any) -> Any:
    """The schema that is told. Raises TypeError or ValueError."""
    expect(told, tuple)
    fields, metadata = told
    return pa.schema(_fields_of(fields, DEPTH), _metadata_of(metadata))


def rebuild_type(told: Any) -> Any:
    """A type."""
    return type_of(told)


def rebuild_field(told: Any) -> Any:
    """A field."""
    return field_of(told)


def rebuild_schema(told: Any) -> Any:
    """A schema."""
    return schema_of(told)


def subclasses(cls: type) -> set[type]:
    """A class of pyarrow and all classes of pyarrow under it, but for extensions, whose code is not Arrow's."""
    found = {cls}
    unders: list[type] = cls.__subclasses__()
    for under in unders:
        if under.__module__ == "pyarrow.lib" and under is not pa.BaseExtensionType and under is not pa.ExtensionArray:
            found |= subclasses(under)
    return found


DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys(subclasses(pa.DataType), lambda type_: (rebuild_type, (describe(type_),))),
    pa.Field: lambda field: (rebuild_field, (describe_field(field),)),
    pa.Schema: lambda schema: (rebuild_schema, (describe_schema(schema),)),
}
RULES = {rebuild_type: Rule(work=4), rebuild_field: Rule(work=6), rebuild_schema: Rule(work=10)}

"""Arrow's arrays put together from the nodes that a peer has sent.

Rule 1: put_together only sees to it that each buffer has the length that its array needs; what is in the buffers Arrow has
to find valid (`validate(full=True)`) before anybody else sees the array.
Rule 2: the buffers by which Arrow finds its way in memory (validity, offsets, indices) are copied before that. Whoever sent
them may still be able to write them, and the receiver may have been given them a second time, as an array of numbers.

They are a small part of an array; its values stay where they are. So do the bytes of strings, which are looked at once to
be valid UTF-8: were they changed afterwards, a kernel would misread three bytes after a string at the most.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from oobpickle.codec.allowance import spend
from oobpickle.codec.reducers.arguments import expect
from oobpickle.codec.reducers.arrow.layout import I1, I4, OFFSETS, U1, Word, kind_of, word_of

_PRICE = 1024
"""What an array is charged for beyond its buffers, in bytes: 5 us. One node may stand in many places."""

_LONGEST = 2**60
"""The longest array of no bytes (of nulls, say): so that no sum of lengths leaves 64 bits."""

_EMPTY = pa.py_buffer(b"")


def put_together(type_: Any, told: Any, node: Any) -> Any:
    """The array of a node. type_: as `type_of` gives it for told. Raises TypeError or ValueError."""
    spend(_PRICE)
    expect(node, tuple)
    length, buffers, children = node
    expect(length, int)
    expect(buffers, tuple)
    expect(children, tuple)
    if not 0 <= length <= _LONGEST:
        raise ValueError(f"an array of {length} elements")
    kind = kind_of(told)
    own = _PUT.get(kind, _put_words)(type_, kind, length, *buffers)
    if kind == "dictionary":
        (words,) = children
        return pa.DictionaryArray.from_buffers(type_, length, own, put_together(type_.value_type, told[2], words))
    arrays = _CHILDREN.get(kind, _childless)(type_, told, *children)
    return pa.Array.from_buffers(type_, length, own, children=arrays)


def _memory(a: Any, word: Word, count: int, *, structural: bool = False) -> Any:
    """The buffer of an array of exactly so many words; of a copy if Arrow is to find its way by it."""
    expect(a, np.ndarray)
    if a.dtype != word or a.shape != (count,) or not a.flags.c_contiguous:
        raise ValueError(f"{count} words of {word} expected, not {a.shape} of {a.dtype}")
    spend(a.nbytes)
    return pa.py_buffer(a.copy() if structural else a) if count else _EMPTY


def _bitmap(a: Any, count: int) -> Any:
    return None if a is None else _memory(a, U1, -(-count // 8), structural=True)


def _put_nothing(_: Any, __: str, ___: int) -> list[Any]:
    return [None]


def _put_bool(_: Any, __: str, length: int, validity: Any, values: Any) -> list[Any]:
    return [_bitmap(validity, length), _memory(values, U1, -(-length // 8))]


def _put_words(type_: Any, kind: str, length: int, validity: Any, values: Any) -> list[Any]:
    word, each = word_of(type_, kind)
    return [_bitmap(validity, length), _memory(values, word, length * each, structural=kind == "dictionary")]


def _put_text(_: Any, kind: str, length: int, validity: Any, offsets: Any, text: Any) -> list[Any]:
    return [*_put_offsets(_, kind, length, validity, offsets), _bytes(text)]


def _bytes(a: Any) -> Any:
    expect(a, np.ndarray)
    return _memory(a, U1, a.size)


def _put_text_views(_: Any, __: str, length: int, validity: Any, views: Any, *texts: Any) -> list[Any]:
    spend(_PRICE * len(texts))
    return [_bitmap(validity, length), _memory(views, I4, 4 * length, structural=True), *map(_bytes, texts)]


def _put_offsets(_: Any, kind: str, length: int, validity: Any, offsets: Any) -> list[Any]:
    return [_bitmap(validity, length), _memory(offsets, OFFSETS[kind], length + 1, structural=True)]


def _put_list_view(_: Any, kind: str, length: int, validity: Any, offsets: Any, sizes: Any) -> list[Any]:
    word = OFFSETS[kind]
    return [_bitmap(validity, length), *(_memory(a, word, length, structural=True) for a in (offsets, sizes))]


def _put_validity(_: Any, __: str, length: int, validity: Any) -> list[Any]:
    return [_bitmap(validity, length)]


def _put_sparse_union(_: Any, __: str, length: int, codes: Any) -> list[Any]:
    return [None, _memory(codes, I1, length, structural=True)]


def _put_dense_union(_: Any, __: str, length: int, codes: Any, offsets: Any) -> list[Any]:
    return [None, _memory(codes, I1, length, structural=True), _memory(offsets, I4, length, structural=True)]


_PUT: dict[str, Any] = {
    "null": _put_nothing,
    "run_end_encoded": _put_nothing,
    "bool": _put_bool,
    **dict.fromkeys(("string", "binary", "large_string", "large_binary"), _put_text),
    **dict.fromkeys(("string_view", "binary_view"), _put_text_views),
    **dict.fromkeys(("list", "large_list", "map"), _put_offsets),
    **dict.fromkeys(("list_view", "large_list_view"), _put_list_view),
    **dict.fromkeys(("fixed_size_list", "struct"), _put_validity),
    "sparse_union": _put_sparse_union,
    "dense_union": _put_dense_union,
}


def _childless(_: Any, __: Any) -> list[Any]:
    return []


def _value(type_: Any, told: Any, values: Any) -> list[Any]:
    return [put_together(type_.value_type, told[1][1], values)]


def _fields(type_: Any, told: Any, *children: Any) -> list[Any]:
    return [
        put_together(field.type, field_told[1], child)
        for field, field_told, child in zip(type_, told[1], children, strict=True)
    ]


def _entries(type_: Any, told: Any, keys: Any, items: Any) -> list[Any]:
    arrays = [put_together(type_.key_type, told[1][1], keys), put_together(type_.item_type, told[2][1], items)]
    # Arrow ends the process over keys that are null, or might be: that have a validity.
    if len(arrays[0]) != len(arrays[1]) or arrays[0].null_count or arrays[0].buffers()[0] is not None:
        raise ValueError("a map has as many items as keys, and no null among these")
    return [pa.StructArray.from_arrays(arrays, fields=[type_.key_field, type_.item_field])]


def _runs(type_: Any, told: Any, ends: Any, values: Any) -> list[Any]:
    # The ends of runs are the values of their array, but by them Arrow finds its way as well.
    length, buffers, children = ends
    ends = (length, tuple(a if a is None else np.array(a) for a in buffers), children)
    return [put_together(type_.run_end_type, told[1], ends), put_together(type_.value_type, told[2], values)]


_CHILDREN: dict[str, Any] = {
    **dict.fromkeys(("list", "large_list", "list_view", "large_list_view", "fixed_size_list"), _value),
    **dict.fromkeys(("struct", "sparse_union", "dense_union"), _fields),
    "map": _entries,
    "run_end_encoded": _runs,
}

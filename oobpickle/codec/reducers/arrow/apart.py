"""Arrow's arrays taken apart into nodes: views of their buffers.

Theory of operation. A slice of an Arrow array holds all of the buffers that it is a slice of. Here only the slice's part
of each is taken: a view where that begins at a whole byte, and small copies where it does not (bits are shifted, offsets
counted from the slice's first). So every array arrives with offset 0. The few kinds whose slices cannot be told in views
are made compact by Arrow first. A validity without nulls does not travel. All views are read-only, as Arrow's arrays are.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from oobpickle.codec.reducers.arrow.layout import I1, I4, OFFSETS, U1, Node, Word, kind_of, word_of
from oobpickle.errors import EncodeError

Shared = dict[Any, Node]
"""The dictionaries that were taken apart, by where they are in memory: many chunks have the same one."""


def take_apart(array: Any, told: Any, shared: Shared) -> Node:
    """The node of an array whose type is told so. Raises EncodeError for memory that is not the CPU's."""
    buffers = array.buffers()
    if not all(buffer is None or buffer.is_cpu for buffer in buffers):
        raise EncodeError("an Arrow array in memory that is not the CPU's", advice="copy it there first")
    node: Node = _TAKE.get(kind_of(told), _take_words)(array, told, buffers, shared)
    return node


def _window(buffer: Any, word: Word, count: int, start: int = 0) -> Any:
    """Count words of a buffer, from its start-th."""
    window: Any = np.frombuffer(buffer, word, count, start * word.itemsize) if count else np.empty(0, word)
    window.flags.writeable = False
    return window


def _bits(buffer: Any, count: int, start: int) -> Any:
    """Count bits, from the start-th, in bytes that begin with that one."""
    window = _window(buffer, U1, -(-(start % 8 + count) // 8), start // 8)
    if not start % 8:
        return window
    shifted = int.from_bytes(window.tobytes(), "little") >> start % 8
    return _window(shifted.to_bytes(window.size, "little"), U1, -(-count // 8))


def _validity(array: Any, buffers: list[Any]) -> Any:
    return _bits(buffers[0], len(array), array.offset) if array.null_count else None


def _take_null(array: Any, *_: Any) -> Node:
    return (len(array), (), ())


def _take_bool(array: Any, _: Any, buffers: list[Any], __: Shared) -> Node:
    return (len(array), (_validity(array, buffers), _bits(buffers[1], len(array), array.offset)), ())


def _take_words(array: Any, told: Any, buffers: list[Any], _: Shared) -> Node:
    word, each = word_of(array.type, kind_of(told))
    values = _window(buffers[1], word, len(array) * each, array.offset * each)
    return (len(array), (_validity(array, buffers), values), ())


def _take_offsets(array: Any, told: Any, buffers: list[Any]) -> tuple[Any, int, int]:
    """The offsets of a slice, counted from its first; and what they were, the first and the last."""
    word = OFFSETS[kind_of(told)]
    if not len(array):
        return np.zeros(1, word), 0, 0
    offsets = _window(buffers[1], word, len(array) + 1, array.offset)
    first, last = int(offsets[0]), int(offsets[-1])
    return offsets - offsets[0] if first else offsets, first, last


def _take_text(array: Any, told: Any, buffers: list[Any], _: Shared) -> Node:
    offsets, first, last = _take_offsets(array, told, buffers)
    return (len(array), (_validity(array, buffers), offsets, _window(buffers[2], U1, last - first, first)), ())


def _take_text_views(array: Any, told: Any, buffers: list[Any], _: Shared) -> Node:
    validity = _validity(array, buffers)
    views = _window(buffers[1], I4, 4 * len(array), 4 * array.offset)
    lengths = views[::4]
    if int(lengths[lengths > 12].sum(dtype="i8")) < sum(buffer.size for buffer in buffers[2:]):
        # A slice, or what a filter has left: strings that are not in it must not travel.
        compact = array.cast(pa.large_string() if told == "string_view" else pa.large_binary()).cast(array.type)
        buffers = compact.buffers()
        views = _window(buffers[1], I4, 4 * len(array))
    return (len(array), (validity, views, *(_window(buffer, U1, buffer.size) for buffer in buffers[2:])), ())


def _take_list(array: Any, told: Any, buffers: list[Any], shared: Shared) -> Node:
    offsets, first, last = _take_offsets(array, told, buffers)
    values = take_apart(array.values.slice(first, last - first), told[1][1], shared)
    return (len(array), (_validity(array, buffers), offsets), (values,))


def _take_map(array: Any, told: Any, buffers: list[Any], shared: Shared) -> Node:
    offsets, first, last = _take_offsets(array, told, buffers)
    keys = take_apart(array.keys.slice(first, last - first), told[1][1], shared)
    items = take_apart(array.items.slice(first, last - first), told[2][1], shared)
    return (len(array), (_validity(array, buffers), offsets), (keys, items))


def _take_list_view(array: Any, told: Any, buffers: list[Any], shared: Shared) -> Node:
    word = OFFSETS[kind_of(told)]
    sizes = _window(buffers[2], word, len(array), array.offset)
    if int(sizes.sum(dtype="i8")) < len(array.values):  # a slice
        array = pa.concat_arrays([array])
        buffers = array.buffers()
        sizes = _window(buffers[2], word, len(array), array.offset)
    offsets = _window(buffers[1], word, len(array), array.offset)
    values = take_apart(array.values, told[1][1], shared)
    return (len(array), (_validity(array, buffers), offsets, sizes), (values,))


def _take_fixed_size_list(array: Any, told: Any, buffers: list[Any], shared: Shared) -> Node:
    size = told[2]
    values = take_apart(array.values.slice(array.offset * size, len(array) * size), told[1][1], shared)
    return (len(array), (_validity(array, buffers),), (values,))


def _take_fields(array: Any, told: Any, shared: Shared) -> tuple[Node, ...]:
    return tuple(take_apart(array.field(index), field[1], shared) for index, field in enumerate(told[1]))


def _take_struct(array: Any, told: Any, buffers: list[Any], shared: Shared) -> Node:
    return (len(array), (_validity(array, buffers),), _take_fields(array, told, shared))


def _take_sparse_union(array: Any, told: Any, buffers: list[Any], shared: Shared) -> Node:
    return (len(array), (_window(buffers[1], I1, len(array), array.offset),), _take_fields(array, told, shared))


def _take_dense_union(array: Any, told: Any, buffers: list[Any], shared: Shared) -> Node:
    if sum(len(array.field(index)) for index in range(len(told[1]))) > len(array):  # a slice
        array = array.take(pa.array(np.arange(len(array))))
        buffers = array.buffers()
    own = tuple(_window(buffers[index], word, len(array), array.offset) for index, word in ((1, I1), (2, I4)))
    return (len(array), own, _take_fields(array, told, shared))


def _take_dictionary(array: Any, told: Any, _: Any, shared: Shared) -> Node:
    words = array.dictionary
    key = (len(words), words.offset, *(buffer and buffer.address for buffer in words.buffers()))
    if (node := shared.get(key)) is None:
        node = shared[key] = take_apart(words, told[2], shared)
    length, buffers, _ = take_apart(array.indices, told[1], shared)
    return (length, buffers, (node,))


def _take_runs(array: Any, told: Any, _: Any, shared: Shared) -> Node:
    ends = array.run_ends
    if array.offset or (len(ends) and ends[-1].as_py() != len(array)):  # a slice
        array = pa.concat_arrays([array])
    return (
        len(array),
        (),
        (take_apart(array.run_ends, told[1], shared), take_apart(array.values, told[2], shared)),
    )


_TAKE: dict[str, Any] = {
    "null": _take_null,
    "bool": _take_bool,
    **dict.fromkeys(("string", "binary", "large_string", "large_binary"), _take_text),
    **dict.fromkeys(("string_view", "binary_view"), _take_text_views),
    **dict.fromkeys(("list", "large_list"), _take_list),
    **dict.fromkeys(("list_view", "large_list_view"), _take_list_view),
    "map": _take_map,
    "fixed_size_list": _take_fixed_size_list,
    "struct": _take_struct,
    "sparse_union": _take_sparse_union,
    "dense_union": _take_dense_union,
    "dictionary": _take_dictionary,
    "run_end_encoded": _take_runs,
}

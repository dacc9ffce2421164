"""What both ways of an Arrow array have in common: its node, and the words that its buffers are made of.

A node is (length, buffers, children): plain values, with an array of words for each buffer. A buffer travels as words as
wide as its elements, so that it is aligned for them on arrival.
"""

from typing import Any, TypeAlias

import numpy as np

Node: TypeAlias = tuple[int, tuple[Any, ...], tuple[Any, ...]]
Word: TypeAlias = "np.dtype[Any]"

U1, I1, I4, I8 = (np.dtype(word) for word in ("u1", "i1", "i4", "i8"))

OFFSETS: dict[str, Word] = {
    **dict.fromkeys(("string", "binary", "list", "map", "list_view"), I4),
    **dict.fromkeys(("large_string", "large_binary", "large_list", "large_list_view"), I8),
}
"""The words that a kind of arrays has its offsets in."""

_WORDS = {1: U1, 2: np.dtype("u2"), 4: np.dtype("u4"), 8: np.dtype("u8")}


def kind_of(told: Any) -> str:
    """The kind of a type that is told: its name, if it has no parameters."""
    kind: str = told if type(told) is str else told[0]
    return kind


def word_of(type_: Any, kind: str) -> tuple[Word, int]:
    """The words of a type of fixed width, and how many make an element."""
    width: int = type_.bit_width // 8
    word = U1 if kind == "fixed_size_binary" else _WORDS[min(width, 8)]
    return word, width // word.itemsize

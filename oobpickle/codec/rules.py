"""What the scan must know of a name that a stream may call: how the result behaves, and what it costs.

A reducer states its rule beside its rebuilder. The rule is a promise that the rebuilder keeps; the scan trusts it.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias


class Rule(NamedTuple):
    """How a name that a stream may call behaves.

    key: the values that its result weighs as a key, on top of its arguments; None: it is refused as a key.
    collides: whether a sender can choose the result's hash: it follows from numbers, and is not keyed as a text's is.
    build: the rebuilder, for keys that collide: the scan calls it to see whether many of them do. None: it takes it
    that all of them do.
    work: what a call costs beyond reading its arguments, in microseconds.
    stack: bytes of C stack that freeing the result takes, if it holds other objects and CPython frees it by recursion;
    else 0.
    source: the result is the source of the arrays, and all of the above means nothing.
    fresh: the call copies its arguments, or hashes what is in them: what stands elsewhere too is refused as one, since
    it could be copied any number of times.
    sure: the rebuilder looks at no limit and no allowance: it takes whatever its reducer gives.

    The number of arguments is no part of it: a rebuilder has a fixed signature, and Python checks it.
    """

    key: int | None = None
    collides: bool = True
    build: Callable[..., object] | None = None
    work: int = 1
    stack: int = 0
    source: bool = False
    fresh: bool = False
    sure: bool = False


Names: TypeAlias = Mapping[tuple[bytes, bytes], Rule]
"""(module, qualified name), in UTF-8 as the stream has them, to the rule. What is not in it does not exist."""

"""What the decoding at hand may still do: the limits that rebuilders look at, and bytes that they may copy or read through.

The scan bounds what a stream says; it does not see how large a buffer is. One buffer can be an argument of many calls, so
a rebuilder that copies its arguments, or looks at each element, says so with `spend` before it does. The allowance is a
multiple of the message's own bytes: no message costs more than that, whatever it shares.

State is kept for each thread. Outside of a DataCodec's decode (in pickle.loads, say) the limits are the defaults and the
allowance has no end. A registered class may decode a message of its own while it is rebuilt: that one has its own
allowance, and the outer one goes on where it was.
"""

from threading import local
from typing import TypeAlias

from oobpickle.limits import DEFAULT, Limits

BASE = 16 * 2**20
"""Bytes that any message may have copied: 4 ms, and a quarter of what a small hostile message may take in memory."""

TIMES = 4
"""How often a message's own bytes may be copied or read through: an honest one does it once or twice."""


Before: TypeAlias = tuple[Limits, int, int | None]
"""What held before a decode began."""


class _Allowance(local):
    limits: Limits = DEFAULT
    arrays: int | None = None
    left: int = 1 << 62


_current = _Allowance()


def begin(limits: Limits, nbytes: int, arrays: int) -> Before:
    """Begin to decode a message of so many bytes, whose stream takes so many arrays from the table. Returns what `end` takes."""
    before = _current.limits, _current.left, _current.arrays
    _current.limits = limits
    _current.left = BASE + TIMES * nbytes
    _current.arrays = arrays
    return before


def end(before: Before) -> None:
    """End it: what held before holds again."""
    _current.limits, _current.left, _current.arrays = before


def spend(nbytes: int) -> None:
    """Take bytes that are about to be copied or read through. Raises ValueError when the message is not worth them."""
    _current.left -= nbytes
    if _current.left < 0:
        raise ValueError("the message asks for more copies than its size allows")


def limits() -> Limits:
    """The limits of the codec that is decoding in this thread."""
    return _current.limits


def expected_arrays() -> int | None:
    """How many arrays the stream takes from its table; None outside of a decode."""
    return _current.arrays

"""What is known of streams that were seen before, by their bytes: a small mapping that forgets the oldest.

Streams repeat: same shapes, same dtypes, same keys. Bounded in bytes, since peers choose what is kept.
"""

from threading import Lock
from typing import Generic, TypeVar

KEPT_BYTES = 2**20
"""Bytes of the streams that one codec keeps: some thousand messages with a handful of arrays. What is known of a stream may
take as much again."""

KEPT_EACH = 2**18
"""The longest stream, in bytes, that is kept: that of ten thousand named arrays is 179 KB. A longer one would drive too
many others out."""

Known = TypeVar("Known")


class Kept(Generic[Known]):
    """Stream → what is known of it. May be used from several threads."""

    __slots__ = ("_bytes", "_known", "_lock", "get")

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}
        self._bytes = 0
        self._lock = Lock()
        self.get = self._known.get
        """What is known of a stream, or None."""

    def keep(self, stream: bytes, known: Known) -> None:
        """Note what is known of a stream, unless it is too long."""
        if len(stream) > KEPT_EACH:
            return
        with self._lock:
            if stream not in self._known:
                self._bytes += len(stream)
            self._known[stream] = known
            while self._bytes > KEPT_BYTES:
                oldest = next(iter(self._known))
                del self._known[oldest]
                self._bytes -= len(oldest)

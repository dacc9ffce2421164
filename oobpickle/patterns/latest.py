"""The newest of each topic, and nothing else: what a viewer needs that cannot keep up.

Rule 1: a message that a newer one of its topic replaces is let go at once, unread, and counted as skipped.
Rule 2: topics are taken in the order in which they became due, and a topic that is replaced keeps its place: a busy
topic cannot starve a quiet one.
"""

from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """One message a topic. The number of topics is bounded: past it the one that waited longest is skipped."""

    __slots__ = ("_due", "_limit", "skipped")

    def __init__(self, limit: int) -> None:
        self._due: dict[str, T] = {}
        self._limit = limit
        self.skipped = 0

    def __len__(self) -> int:
        return len(self._due)

    def put(self, topic: str, message: T) -> T | None:
        """Keep the message; returns the one that it replaces, or that had to go for it."""
        replaced = self._due.get(topic)
        if replaced is None and len(self._due) >= self._limit:
            replaced = self._due.pop(next(iter(self._due)))
        self._due[topic] = message
        self.skipped += replaced is not None
        return replaced

    def get(self, topic: str) -> T | None:
        """The message that is kept of this topic."""
        return self._due.get(topic)

    def take(self) -> T | None:
        """The message that is due, or None. It is no longer kept."""
        return self._due.pop(next(iter(self._due))) if self._due else None

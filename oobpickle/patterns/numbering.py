"""Numbered messages: how a sender counts, and how a receiver knows what it has missed.

Rule 1: a *line* is what one sender sends on one topic. The sender numbers each line 1, 2, 3...; its epoch, a random
number drawn at its start, tells its lines from those of every other sender, and of itself before a restart.
Rule 2: missed is what lies between two messages that were received. What was sent before the first or after the last
is nobody's loss: a new subscriber, a new epoch and a re-subscription begin a count, they do not continue one.
Rule 3: a peer's numbers are believed, but they cannot make a receiver grow: it follows at most `limit` lines and
forgets the one that it has known longest for a new one.

Re-subscription. Messages from before it may still be in the queue when it is made, and the sender skipped what came
in between. So the first message that was sent after the re-subscription, or is repeated because of it, begins a new
count, and the queued ones before it continue the old one. Which is which, `sent_at` tells; clocks of two hosts that disagree shift that border.
"""

import secrets
from collections.abc import Callable

REPEATED = -1
"""Gaps.count's answer for a repetition that is not needed."""


def new_epoch() -> int:
    """A random epoch: 64 bits, never 0, which stands for "not numbered"."""
    return secrets.randbits(64) | 1


class Gaps:
    """The lines that one receiver follows, and what it has missed of each."""

    __slots__ = ("_last", "_limit", "_rejoined")

    def __init__(self, limit: int) -> None:
        """limit: the most lines that are followed at one time."""
        self._last: dict[tuple[int, bytes], int] = {}
        self._rejoined: dict[tuple[int, bytes], int] = {}
        self._limit = limit

    def __len__(self) -> int:
        return len(self._last)

    def count(self, epoch: int, topic: bytes, sequence: int, sent_at: int, kept: int = False) -> int:
        """Take note of one message that came; returns how many of its line were missed before it.

        kept: whether the sender repeats its newest for somebody who has just subscribed; then REPEATED when this number
        or a later one has come already. 0 for messages without numbers, and for others that come out of their order.
        """
        if not epoch or not sequence:
            return 0
        line = (epoch, topic)
        last = self._last.get(line)
        if last is not None and sequence == last + 1 and not self._rejoined:
            self._last[line] = sequence
            return 0
        return self._count_slowly(line, last, sequence, sent_at, kept)

    def _count_slowly(self, line: tuple[int, bytes], last: int | None, sequence: int, sent_at: int, kept: int) -> int:
        if last is None:
            if len(self._last) >= self._limit:
                self._forget(next(iter(self._last)))
            self._last[line] = sequence
            return 0
        if line in self._rejoined and (kept or sent_at >= self._rejoined[line]):
            del self._rejoined[line]
            self._last[line] = max(sequence, last)
            return 0
        if sequence <= last:
            return REPEATED if kept else 0
        self._last[line] = sequence
        return sequence - last - 1

    def rejoin(self, covers: Callable[[bytes], bool], now: int) -> None:
        """A subscription begins again at `now` (ns, the clock of sent_at) for every topic that `covers` accepts."""
        for line in self._last:
            if covers(line[1]):
                self._rejoined[line] = now

    def _forget(self, line: tuple[int, bytes]) -> None:
        del self._last[line]
        self._rejoined.pop(line, None)

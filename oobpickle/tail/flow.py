"""The account of a stream, topic by topic: how fast, how late, how much was missed. No I/O, no clock: times are given.

Rates are over the last `WINDOW` ticks; a tick is what the caller makes it, as a rule a second.
"""

from collections import deque
from dataclasses import dataclass

from oobpickle.endpoints.arrivals import Message
from oobpickle.patterns.stats import percentile
from oobpickle.tail.content import content_of

WINDOW = 5
"""Ticks that a rate is the mean of: a rate that one can read, and that still follows."""

LATENCIES = 512
"""Latencies kept for each topic."""


@dataclass(frozen=True, slots=True)
class Row:
    """A topic at one moment.

    what: its newest message. messages, missed: since the beginning. rate: messages a second; speed: bytes a second. latency:
    median and largest of the last `LATENCIES`, in seconds, by the clocks of both hosts; None when messages say no time.
    news: whether a message came in the last tick.
    """

    topic: str
    what: str
    messages: int
    missed: int
    rate: float
    speed: float
    latency: float | None
    latency_max: float | None
    news: bool


class _Topic:
    def __init__(self) -> None:
        self.messages = self.missed = 0
        self.count = self.nbytes = 0  # in the running tick
        self.ticks: deque[tuple[float, int, int]] = deque(maxlen=WINDOW)
        self.latencies: deque[int] = deque(maxlen=LATENCIES)
        self.stream = memoryview(b"")
        self._told: tuple[bytes, str] = (b"", "")

    def what(self) -> str:
        """Tell of the newest message, anew if its stream is another."""
        if self._told[0] != self.stream:
            self._told = bytes(self.stream), content_of(self.stream).what
        return self._told[1]


class Flow:
    """The account. began: the time from which it runs, in seconds of any clock; later times are of the same clock."""

    def __init__(self, began: float) -> None:
        self._topics: dict[str, _Topic] = {}
        self._tick = began

    def add(self, message: Message, now: float) -> None:
        """Enter a message. now: seconds since the Unix epoch, as its sent_at is."""
        topic = self._topics.get(message.topic)
        if topic is None:
            topic = self._topics[message.topic] = _Topic()
        topic.messages += 1
        topic.missed += message.missed
        topic.count += 1
        topic.nbytes += message.nbytes
        if message.sent_at:
            topic.latencies.append(int((now - message.sent_at) * 1e9))
        topic.stream = message.obj.stream

    def tick(self, now: float) -> list[Row]:
        """End a tick; the topics in the order in which they came first."""
        seconds, self._tick = now - self._tick, now
        return [_row(name, topic, seconds) for name, topic in self._topics.items()]


def _row(name: str, topic: _Topic, seconds: float) -> Row:
    topic.ticks.append((seconds, topic.count, topic.nbytes))
    news = bool(topic.count)
    topic.count = topic.nbytes = 0
    time = sum(tick[0] for tick in topic.ticks) or 1.0
    ordered = sorted(topic.latencies)
    return Row(
        name,
        topic.what(),
        topic.messages,
        topic.missed,
        sum(tick[1] for tick in topic.ticks) / time,
        sum(tick[2] for tick in topic.ticks) / time,
        percentile(ordered, 50),
        percentile(ordered, 100),
        news,
    )

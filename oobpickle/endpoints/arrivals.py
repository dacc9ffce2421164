"""What a Subscriber receives: messages with a topic and a number.

Rule 1: what was lost is known exactly, by topic and publisher, between the first and the last message that came.
Rule 2: with latest=True a message that a newer one of its topic has overtaken is released unread, and nobody who was
slow is ever handed an old one: what is in the socket is gathered before the newest is taken.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from oobpickle import limits, wire
from oobpickle.codec import Codec
from oobpickle.endpoints.incoming import Incoming
from oobpickle.endpoints.lane import References
from oobpickle.endpoints.waiting import Waiter
from oobpickle.errors import DecodeError, LaneError
from oobpickle.lanes.following import lengths_of_shared
from oobpickle.patterns.latest import Latest
from oobpickle.patterns.numbering import REPEATED, Gaps
from oobpickle.patterns.stats import Counters
from oobpickle.patterns.topics import split_topic

if TYPE_CHECKING:
    import zmq

GATHERED = 1000
"""Messages that are gathered at a stretch, about 5 ms of work: others wait for the lock meanwhile."""

GATHERS = 4
"""What a waiter wants that does not take: to be told that something is left to gather."""

Arrival: TypeAlias = tuple[str, wire.Message, int, list[memoryview]]
"""A message that was taken apart and not decoded: topic, head, missed before it, frames."""


class Message(NamedTuple):
    """What a Subscriber received, with what is known of its way.

    sequence: its number on its topic, from its publisher's start. sent_at: seconds since the Unix epoch, by the sender's
    clock. missed: how many messages of this topic and publisher were lost directly before this one. nbytes: of all frames,
    and of what was shared.
    """

    topic: str
    obj: Any
    sequence: int
    sent_at: float
    missed: int
    nbytes: int


def as_message(arrival: Arrival, obj: Any) -> Message:
    """What the user gets of it."""
    topic, opened, missed, views = arrival
    nbytes = sum(map(len, views)) + sum(lengths_of_shared(opened))
    return Message(topic, obj, opened.sequence, opened.sent_at / 1e9, missed, nbytes)


class Arrivals(Incoming):
    """What one Subscriber receives, one message after the other."""

    def __init__(self, socket: "zmq.Socket[Any]", codec: Codec, counters: Counters, *, references: References) -> None:
        super().__init__(socket, codec, counters, references=references)
        self.gaps = Gaps(limits.LINES_MAX)
        self.lost: Counter[str] = Counter()  # messages by topic whose shared memory was not there any more

    def arrive(self, views: Any) -> Arrival | None:
        """Take a message apart and enter its number; None when it is a repetition. Raises DecodeError."""
        key, views[0] = split_topic(views[0])
        opened = self.open(views)
        missed = self.gaps.count(opened.epoch, key, opened.sequence, opened.sent_at, opened.flags & wire.KEPT)
        if missed:
            if missed == REPEATED:
                return None
            self._counters.missed += missed
        try:
            return key.decode(), opened, missed, views
        except UnicodeDecodeError:
            raise DecodeError("a topic that is not UTF-8") from None

    def lose(self, arrival: Arrival, error: LaneError) -> None:
        """What it refers to is not there any more: it is missed."""
        topic, _, missed, _ = arrival
        self._counters.missed += not error.stale  # else it is entered as missed by all receivers
        if len(self.lost) < limits.LINES_MAX:
            self.lost[topic] += 1 + missed

    def after_lost(self, arrival: Arrival) -> Arrival:
        """The same, with those among what was missed before it."""
        topic, opened, missed, views = arrival
        return topic, opened, missed + self.lost.pop(topic, 0), views


class Newest(Arrivals):
    """What one with latest=True receives."""

    def __init__(
        self,
        socket: "zmq.Socket[Any]",
        codec: Codec,
        counters: Counters,
        waiters: set[Waiter],
        *,
        references: References,
    ) -> None:
        super().__init__(socket, codec, counters, references=references)
        self._waiters = waiters
        self._store: Latest[Arrival] = Latest(limits.LATEST_MAX)

    @property
    def skipped(self) -> int:
        """Messages that were replaced by newer ones."""
        return self._store.skipped

    def take(self) -> Any:
        """The newest message of the topic that is due, taken apart. What has come is gathered first."""
        self.gather()
        return self._store.take()

    def arrive(self, arrival: Any) -> Any:
        """What `take` gives has arrived."""
        return arrival

    def gather(self) -> bool:
        """Move what has come from the socket to the store; if there may be more, wake the thread that goes on.

        Used under the endpoint's lock. Gives whether there is something to take.
        """
        store = self._store
        for _ in range(GATHERED):
            views = super().take()
            if views is None:
                return len(store) > 0
            try:
                arrival = super().arrive(views)
            except Exception as error:  # noqa: BLE001 - as in Receiving._take
                self.reject(error)
                continue
            if arrival is not None:
                topic, opened, missed, _ = arrival
                overtaken = store.get(topic)
                store.put(topic, (topic, opened, missed + overtaken[2], views) if overtaken else arrival)
        for waiter in tuple(self._waiters):
            if waiter.wants & GATHERS:
                waiter.wake()
        return len(store) > 0

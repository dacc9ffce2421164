"""`Publisher` and `Subscriber`: a stream by topics to whoever listens. Blocking; what they do is in publishing.py and
subscribing.py.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from oobpickle.endpoints.arrivals import Message, as_message
from oobpickle.endpoints.blocking import Blocking
from oobpickle.endpoints.incoming import BlockingReceiving
from oobpickle.endpoints.parcel import Waiting
from oobpickle.endpoints.publishing import NO_ROOM, Publishing
from oobpickle.endpoints.subscribing import A_MESSAGE, Subscribing
from oobpickle.endpoints.waiting import RECEIVE, ROOM
from oobpickle.errors import Closed
from oobpickle.tracker import DONE, Tracker


class Publisher(Publishing, Blocking):
    """Sends objects by topic to all who have subscribed."""

    def send(self, topic: str, obj: Any, *, timeout: float | None = None, snapshot: bool = False) -> Tracker:
        """Send obj to every subscriber of the topic; when there is none, nothing is encoded.

        A subscriber whose queue is full does not get it, and will know. With lossless=True send waits for every
        subscriber's room, so one that does not take its messages holds up all; it is given up when it no longer lives.
        Above max_bytes on their way the message is dropped and counted (lossless: send waits).
        Gives a tracker: until it is done leave the arrays of obj as they are; snapshot=True copies them first.
        Raises EncodeError, ValueError for what cannot be a topic, Closed; and when lossless Timeout after so many
        seconds: no subscriber got it then, and all will know.
        """
        frames = self._encode(topic, obj, snapshot)
        if frames is None:
            return DONE
        tracker = self._put(frames)
        if tracker is None:
            if self._drop():
                return DONE
            with Waiting(frames):
                tracker = self._until(partial(self._put, frames), ROOM, NO_ROOM, timeout)
        return tracker

    def wait_for_subscribers(self, count: int = 1, topic: str | None = None, timeout: float | None = None) -> int:
        """Return when so many subscriptions cover the topic; what is sent from then on reaches them. Gives their number.

        topic: None counts every subscription: a subscriber to two topics counts twice. Direct subscriptions are
        counted: behind a proxy it is the proxy that subscribes, once. Raises Timeout and Closed.
        """
        return self._until(
            self._counting(count, topic), RECEIVE | ROOM, f"{count} subscription{'s' * (count != 1)}", timeout
        )


class Subscriber(Subscribing, BlockingReceiving):
    """Receives the objects of the topics that it subscribed to; iterating gives (topic, object) until it is closed."""

    def recv(self, *, timeout: float | None = None) -> tuple[str, Any]:
        """The next (topic, object). Raises Timeout after so many seconds, and Closed."""
        arrival, obj = self._next(A_MESSAGE, timeout)
        return arrival[0], obj

    def recv_message(self, *, timeout: float | None = None) -> Message:
        """As recv, with what is known of the message's way."""
        return as_message(*self._next(A_MESSAGE, timeout))

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        try:
            while True:
                yield self.recv()
        except Closed:
            return


# What is wrong with a call of a class, Python tells with this name: let it be one that the user knows.
Publishing.__init__.__qualname__ = "Publisher.__init__"
Subscribing.__init__.__qualname__ = "Subscriber.__init__"

"""`Publisher` and `Subscriber` for asyncio; see oobpickle/endpoints/pubsub.py."""

from typing import Any, Self

from oobpickle.aio.waiting import Awaiting
from oobpickle.endpoints.arrivals import Message, as_message
from oobpickle.endpoints.parcel import Waiting
from oobpickle.endpoints.publishing import NO_ROOM, Publishing
from oobpickle.endpoints.subscribing import A_MESSAGE, Subscribing
from oobpickle.endpoints.waiting import RECEIVE, ROOM
from oobpickle.errors import Closed
from oobpickle.tracker import DONE, Tracker


class Publisher(Publishing, Awaiting):
    """Sends objects by topic to all who have subscribed."""

    async def send(self, topic: str, obj: Any, *, timeout: float | None = None, snapshot: bool = False) -> Tracker:
        """As oobpickle.Publisher.send."""
        frames = self._encode(topic, obj, snapshot)
        if frames is None:
            return DONE

        def put() -> Tracker | None:
            tracker = self._put(frames)
            return DONE if tracker is None and self._drop() else tracker

        with Waiting(frames):
            return await self._until(put, ROOM, NO_ROOM, timeout)

    async def wait_for_subscribers(self, count: int = 1, topic: str | None = None, timeout: float | None = None) -> int:
        """As oobpickle.Publisher.wait_for_subscribers."""
        return await self._until(
            self._counting(count, topic), RECEIVE | ROOM, f"{count} subscription{'s' * (count != 1)}", timeout
        )


class Subscriber(Subscribing, Awaiting):
    """Receives the objects of the topics that it subscribed to; ``async for`` gives (topic, object) until it is closed."""

    async def recv(self, *, timeout: float | None = None) -> tuple[str, Any]:
        """As oobpickle.Subscriber.recv."""
        arrival, obj = await self._until(self._take, RECEIVE, A_MESSAGE, timeout)
        return arrival[0], obj

    async def recv_message(self, *, timeout: float | None = None) -> Message:
        """As oobpickle.Subscriber.recv_message."""
        return as_message(*await self._until(self._take, RECEIVE, A_MESSAGE, timeout))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[str, Any]:
        try:
            return await self.recv()
        except Closed:
            raise StopAsyncIteration from None

"""`Pusher` and `Puller` for asyncio; see oobpickle/endpoints/pushpull.py."""

from functools import partial
from typing import Any, Self

from oobpickle.aio.waiting import Awaiting
from oobpickle.endpoints.parcel import Waiting
from oobpickle.endpoints.pushpull import A_MESSAGE, NO_ROOM, Pulling, Pushing
from oobpickle.endpoints.waiting import RECEIVE, ROOM
from oobpickle.errors import Closed
from oobpickle.tracker import Tracker


class Pusher(Pushing, Awaiting):
    """Sends each object to one of its pullers."""

    async def send(self, obj: Any, *, timeout: float | None = None, snapshot: bool = False) -> Tracker:
        """As oobpickle.Pusher.send."""
        frames = self._encode(obj, snapshot)
        with Waiting(frames):
            return await self._until(partial(self._put, frames), ROOM, NO_ROOM, timeout)


class Puller(Pulling, Awaiting):
    """Receives objects from its pushers; ``async for`` gives one after the other until the puller is closed."""

    async def recv(self, *, timeout: float | None = None) -> Any:
        """As oobpickle.Puller.recv."""
        return (await self._until(self._take, RECEIVE, A_MESSAGE, timeout))[0]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.recv()
        except Closed:
            raise StopAsyncIteration from None

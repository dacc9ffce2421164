"""The endpoints for asyncio: same names, same arguments, same behaviour; what waits is awaited.

    async with oobpickle.aio.Subscriber(connect=address, topics=["camera/"]) as sub:
        async for topic, obj in sub: ...

One task after the other uses an endpoint, except a Client's `request`, which any number may await at a time. Cancelling a
`recv` loses no message. Encoding and decoding happen in the event loop's thread: they take about 1 ms for 100 MB of small
objects, and microseconds for arrays. They use the event loop that runs them, and start none; a `Subscriber(latest=True)` has a thread, as the blocking one.
"""

from oobpickle.aio.pubsub import Publisher, Subscriber
from oobpickle.aio.pushpull import Puller, Pusher
from oobpickle.aio.request import Client, Request, Server

__all__ = ["Client", "Publisher", "Puller", "Pusher", "Request", "Server", "Subscriber"]

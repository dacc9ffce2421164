"""Dask's own communication layer: what its workers send to one another, over tcp, without a scheduler.

It is made for one event loop that does all; here each message changes threads to get into it, which costs it tens of microseconds.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from oobpickle.bench.peer import TCP, End, Peer, Route


def near(_route: Route) -> tuple[End, Any]:
    from distributed.comm import listen

    joined: asyncio.Queue[Any] = asyncio.Queue()

    async def start() -> Any:
        return await listen("tcp://127.0.0.1:0", joined.put)

    run = _loop()
    return _end(run, joined.get), run(start()).contact_address


def far(_route: Route, address: Any) -> End:
    from distributed.comm import connect

    return _end(_loop(), lambda: connect(address))


def _loop() -> Callable[[Any], Any]:
    """What runs a coroutine in an event loop of a thread of its own, where what is being sent goes on between calls."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result()


def _end(run: Callable[[Any], Any], joined: Callable[[], Awaitable[Any]]) -> End:
    """Joined with the first message: it takes both ends to shake hands."""
    from distributed.protocol import to_serialize

    kept: list[Any] = []

    async def comm() -> Any:
        if not kept:
            kept.append(await joined())
        return kept[0]

    async def send(obj: Any) -> None:
        await (await comm()).write({"obj": to_serialize(obj)})

    async def recv() -> Any:
        return (await (await comm()).read())["obj"]

    def close() -> None:
        for one in kept:
            one.abort()

    return End(lambda obj: run(send(obj)), lambda: run(recv()), close)


PEERS = [Peer("dask", near, far, transports=(TCP,), optional="distributed")]

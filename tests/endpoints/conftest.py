"""Both façades behind one interface, so that one suite runs over both."""

import asyncio
import threading
import time
from concurrent.futures import Future

import pytest

from oobpickle import aio
from oobpickle.endpoints import pubsub, pushpull, request


def until(condition, timeout=10.0):
    """Wait for a condition, looking often; for what no event tells of."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(0.002)
    return result


class BlockingFacade:
    """Calls are made here and now; `start` makes one in a thread."""

    Publisher, Subscriber = pubsub.Publisher, pubsub.Subscriber
    Pusher, Puller = pushpull.Pusher, pushpull.Puller
    Client, Server = request.Client, request.Server

    def call(self, method, *args, **kwargs):
        return method(*args, **kwargs)

    def start(self, method, *args, **kwargs):
        future = Future()

        def run():
            try:
                future.set_result(method(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        thread = threading.Thread(target=run)
        thread.start()

        def result(timeout=10):
            value = future.exception(timeout) or future.result()
            thread.join()
            if isinstance(value, BaseException):
                raise value
            return value

        return result

    def start_all(self, method, calls):
        """The same method with one list of arguments after the other."""
        return self.start(lambda: [method(*arguments) for arguments in calls])

    def iterate(self, endpoint, count):
        return [next(iterator) for iterator in [iter(endpoint)] for _ in range(count)]

    def drain(self, endpoint):
        return list(endpoint)

    def finish(self):
        pass


class AsyncioFacade:
    """Calls run in a loop of the test's own; `start` makes a task, which runs while other calls do."""

    Publisher, Subscriber = aio.Publisher, aio.Subscriber
    Pusher, Puller = aio.Pusher, aio.Puller
    Client, Server = aio.Client, aio.Server

    def __init__(self):
        self.loop = asyncio.new_event_loop()

    def call(self, method, *args, **kwargs):
        async def run():
            return await method(*args, **kwargs)

        return self.loop.run_until_complete(run())

    def start(self, method, *args, **kwargs):
        async def run():
            return await method(*args, **kwargs)

        task = self.loop.create_task(run())
        self.loop.run_until_complete(asyncio.sleep(0))
        return lambda timeout=10: self.loop.run_until_complete(asyncio.wait_for(task, timeout))

    def start_all(self, method, calls):
        async def run():
            return [await method(*arguments) for arguments in calls]

        return self.start(run)

    def iterate(self, endpoint, count):
        async def run():
            return [await anext(iterator) for iterator in [aiter(endpoint)] for _ in range(count)]

        return self.loop.run_until_complete(run())

    def drain(self, endpoint):
        async def run():
            return [item async for item in endpoint]

        return self.loop.run_until_complete(run())

    def finish(self):
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


@pytest.fixture(params=[BlockingFacade, AsyncioFacade], ids=["blocking", "asyncio"])
def api(request):
    facade = request.param()
    made = []

    def make(name, *args, **kwargs):
        endpoint = getattr(facade, name)(*args, **kwargs)
        made.append(endpoint)
        return endpoint

    facade.make = make
    yield facade
    for endpoint in made:
        facade.call(endpoint.close, 0)
    facade.finish()


_addresses = iter(range(10**9))


@pytest.fixture(params=["inproc", "ipc", "tcp"])
def address(request, tmp_path):
    """An address to bind; what it is afterwards the endpoint's `addresses` say."""
    return {
        "inproc": f"inproc://test-{next(_addresses)}",
        "ipc": f"ipc://{tmp_path}/socket",
        "tcp": "tcp://127.0.0.1:*",
    }[request.param]

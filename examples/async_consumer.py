"""Two streams in one event loop: `async for` over subscribers, beside whatever else the loop does."""

import asyncio

import numpy as np

from oobpickle.aio import Publisher, Subscriber


async def publish(publisher: Publisher, topic: str, count: int) -> None:
    await publisher.wait_for_subscribers(topic=topic)
    for number in range(count):
        await publisher.send(topic, {"number": number, "samples": np.full(10_000, number)})
        await asyncio.sleep(0)
    await publisher.send(topic, None)


async def consume(address: str, topic: str) -> int:
    """The sum of all first samples, until the end is told."""
    total = 0
    async with Subscriber(connect=address, topics=topic) as subscriber:
        async for _, obj in subscriber:
            if obj is None:
                break
            total += int(obj["samples"][0])
    return total


async def main() -> None:
    async with Publisher(bind="tcp://127.0.0.1:*", lossless=True) as publisher:
        (address,) = publisher.addresses
        left, right, *_ = await asyncio.wait_for(
            asyncio.gather(
                consume(address, "left"),
                consume(address, "right"),
                publish(publisher, "left", 100),
                publish(publisher, "right", 200),
            ),
            30,
        )
    assert (left, right) == (sum(range(100)), sum(range(200)))
    print(f"left {left}, right {right}: all 300 messages, in one thread")


if __name__ == "__main__":
    asyncio.run(main())

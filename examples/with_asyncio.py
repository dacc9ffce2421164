"""Objects over zmq.asyncio sockets: the same `send` and `recv`, awaited. Proof: over inproc they arrive as the very same memory."""

import asyncio

import numpy as np
import zmq.asyncio

import oobpickle

MESSAGES = 5


async def main() -> None:
    with zmq.asyncio.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        push.bind("inproc://example")
        pull.connect("inproc://example")
        fields = [np.full((1000, 1000), number, float) for number in range(MESSAGES)]

        async def produce() -> None:
            for number, field in enumerate(fields):
                await oobpickle.send(push, {"step": number, "field": field})

        async def consume() -> None:
            for sent in fields:
                arrived = await oobpickle.recv(pull)
                assert np.shares_memory(arrived["field"], sent)

        await asyncio.gather(produce(), consume())
    print(f"{MESSAGES} messages of 8 MB arrived on the memory that they were sent from")


asyncio.run(main())

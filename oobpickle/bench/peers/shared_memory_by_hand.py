"""multiprocessing.shared_memory by hand: a ring of slots, the array copied into one, its number sent through a pipe.

It carries one array of a shape that both ends know. The far end gets a view of the slot, and says by the pipe when it is
done with it. Nothing guards against a reader that dies, or keeps its view: that is what makes it simple.
"""

import multiprocessing
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

from oobpickle.bench.peer import ONE_WAY, End, Peer, Route
from oobpickle.bench.things import ARRAY, in_dict

_SLOTS = 4  # one being written, one being read, two on the way


def near(_route: Route) -> tuple[End, Any]:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    slots: dict[str, SharedMemory] = {}
    free: list[str] = []

    def send(obj: Any) -> None:
        frame = obj["frame"]
        if not slots or next(iter(slots.values())).size < frame.nbytes:
            close()
            for _ in range(_SLOTS):
                slot = SharedMemory(create=True, size=frame.nbytes)
                slots[slot.name] = slot
                free.append(slot.name)
        while not free or ours.poll():
            done = ours.recv()
            if done in slots:  # not of an earlier, smaller ring
                free.append(done)
        name = free.pop()
        np.copyto(np.ndarray(frame.shape, frame.dtype, slots[name].buf), frame)
        ours.send((name, frame.size))

    def close() -> None:
        for slot in slots.values():
            slot.close()
            slot.unlink()
        slots.clear()
        free.clear()

    return End(send, ours.recv, close), theirs


def far(_route: Route, ours: Any) -> End:
    slots: dict[str, SharedMemory] = {}
    reading: list[str] = []

    def recv() -> Any:
        while reading:
            ours.send(reading.pop())
        name, size = ours.recv()
        if name not in slots:
            if len(slots) == _SLOTS:
                slots.clear()
            slots[name] = SharedMemory(name)
        reading.append(name)
        return in_dict(np.ndarray((size,), np.float64, slots[name].buf))

    return End(ours.send, recv, ours.close)


PEERS = [
    Peer(
        "shared_memory by hand",
        near,
        far,
        patterns=(ONE_WAY,),
        carries=lambda thing: thing.kind == ARRAY,
        copies=(1, 0),
        holds=6,
    )
]

"""iceoryx2: publish-subscribe in shared memory, here with the array copied into a loaned sample.

It carries the bytes of one array of a type that both ends know. Its receiver has nothing to wait on in this pattern, so it
spins: it answers at once, and takes a whole core to do so.
"""

import ctypes
import glob
import os
from typing import Any

import numpy as np

from oobpickle.bench.peer import FAN_OUT, ONE_WAY, End, Peer, Route
from oobpickle.bench.things import ARRAY, in_dict

_DEPTH = 64  # samples that wait at the far end; then the near end does


def near(route: Route) -> tuple[End, Any]:
    import iceoryx2

    prefix = f"oobpickle{os.getpid()}_"
    service = _service(route, prefix)
    kept: list[Any] = []

    def send(obj: Any) -> None:
        frame = obj["frame"]
        if not kept:
            builder = service.publisher_builder().initial_max_slice_len(frame.nbytes)
            kept.append(builder.allocation_strategy(iceoryx2.AllocationStrategy.PowerOfTwo).create())
        sample = kept[0].loan_slice_uninit(frame.nbytes)
        np.copyto(_array(sample.payload()), frame)
        sample.assume_init().send()

    def close() -> None:
        kept.clear()
        for left in glob.glob(f"/dev/shm/{prefix}*"):  # noqa: S108 - where it keeps one file for good
            os.unlink(left)

    return End(send, lambda: None, close), prefix


def far(route: Route, prefix: Any) -> End:
    subscriber = _service(route, prefix).subscriber_builder().buffer_size(_DEPTH).create()
    reading: list[Any] = []

    def recv() -> Any:
        for sample in reading:
            sample.delete()
        reading.clear()
        while (sample := subscriber.receive()) is None:
            pass
        reading.append(sample)
        return in_dict(_array(sample.payload()))

    return End(lambda _: None, recv, reading.clear)


def _service(route: Route, prefix: str) -> Any:
    import iceoryx2

    iceoryx2.set_log_level(iceoryx2.LogLevel.Error)
    config = iceoryx2.config.default()
    config.global_cfg.root_path = iceoryx2.Path.new(route.directory)
    config.global_cfg.prefix = iceoryx2.FileName.new(prefix)
    node = iceoryx2.NodeBuilder.new().config(config).create(iceoryx2.ServiceType.Ipc)
    builder = node.service_builder(iceoryx2.ServiceName.new("bench")).publish_subscribe(iceoryx2.Slice[ctypes.c_uint8])
    return builder.subscriber_max_buffer_size(_DEPTH).enable_safe_overflow(False).open_or_create()


def _array(payload: Any) -> Any:
    view = np.ctypeslib.as_array(ctypes.cast(payload.as_ptr(), ctypes.POINTER(ctypes.c_uint8)), (payload.len(),))
    return view.view(np.float64)


PEERS = [
    Peer(
        "iceoryx2",
        near,
        far,
        patterns=(ONE_WAY, FAN_OUT),
        carries=lambda thing: thing.kind == ARRAY,
        copies=(1, 0),
        holds=4,
        optional="iceoryx2",
    )
]

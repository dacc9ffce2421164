"""Any Python object from one process to another without copying its arrays.

Three pairs, the same idea on three media::

    frames = oobpickle.dumps(obj)        obj = oobpickle.loads(frames)      # a list of buffers
    oobpickle.send(socket, obj)          obj = oobpickle.recv(socket)       # a ZeroMQ socket, blocking or asyncio
    oobpickle.dump(obj, "file.oob")      obj = oobpickle.load("file.oob")   # a file, mapped when loaded

And endpoints, which connect processes by patterns: `Publisher` and `Subscriber`, `Pusher` and `Puller`, `Client` and
`Server`; `oobpickle.aio` has the same for asyncio. `oobpickle.shared` makes arrays that are sent by reference.
"""

from typing import Any

from oobpickle import shared
from oobpickle.allocator import reuse_memory
from oobpickle.codec.data_codec import DataCodec
from oobpickle.codec.pickle_codec import PickleCodec
from oobpickle.codec.pickler import Pickler
from oobpickle.codec.registry import register
from oobpickle.codec.unpickler import Unpickler
from oobpickle.endpoints.addresses import ipc_address
from oobpickle.endpoints.arrivals import Message
from oobpickle.endpoints.pubsub import Publisher, Subscriber
from oobpickle.endpoints.pushpull import Puller, Pusher
from oobpickle.endpoints.request import Client, Request, Server
from oobpickle.endpoints.security import Curve
from oobpickle.errors import (
    Closed,
    DecodeError,
    EncodeError,
    InsecureEndpoint,
    LaneError,
    OobpickleError,
    RemoteError,
    Timeout,
)
from oobpickle.explain import explain
from oobpickle.files import dump, iter_file, load
from oobpickle.limits import Limits
from oobpickle.message import dumps, loads
from oobpickle.patterns.stats import Stats
from oobpickle.sockets import recv, send
from oobpickle.tracker import Tracker

__version__ = "0.1.0"

__all__ = [
    "Client",
    "Closed",
    "Curve",
    "DataCodec",
    "DecodeError",
    "EncodeError",
    "InsecureEndpoint",
    "LaneError",
    "Limits",
    "Message",
    "OobpickleError",
    "PickleCodec",
    "Pickler",
    "Publisher",
    "Puller",
    "Pusher",
    "RemoteError",
    "Request",
    "Server",
    "Stats",
    "Subscriber",
    "Timeout",
    "Tracker",
    "Unpickler",
    "aio",
    "dump",
    "dumps",
    "explain",
    "ipc_address",
    "iter_file",
    "load",
    "loads",
    "recv",
    "register",
    "reuse_memory",
    "send",
    "shared",
]


def __getattr__(name: str) -> Any:
    if name == "aio":  # it loads asyncio, which not everyone uses
        import oobpickle.aio as module  # noqa: PLC0415

        return module
    raise AttributeError(f"module 'oobpickle' has no attribute {name!r}")

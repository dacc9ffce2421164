"""Any Python object from one process to another without copying its arrays.

Three pairs, the same idea on three media::

    frames = oobpickle.dumps(obj)        obj = oobpickle.loads(frames)      # a list of buffers
    oobpickle.send(socket, obj)          obj = oobpickle.recv(socket)       # a ZeroMQ socket, blocking or asyncio
    oobpickle.dump(obj, "file.oob")      obj = oobpickle.load("file.oob")   # a file, mapped when loaded
"""

from oobpickle.allocator import reuse_memory
from oobpickle.codec.pickle_codec import PickleCodec
from oobpickle.codec.pickler import Pickler
from oobpickle.codec.unpickler import Unpickler
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
from oobpickle.message import dumps, loads
from oobpickle.sockets import recv, send
from oobpickle.tracker import Tracker

__version__ = "0.1.0"

__all__ = [
    "Closed",
    "DecodeError",
    "EncodeError",
    "InsecureEndpoint",
    "LaneError",
    "OobpickleError",
    "PickleCodec",
    "Pickler",
    "RemoteError",
    "Timeout",
    "Tracker",
    "Unpickler",
    "dump",
    "dumps",
    "explain",
    "iter_file",
    "load",
    "loads",
    "recv",
    "reuse_memory",
    "send",
]

"""How a thing gets from the producer to the consumer. One class a transport.

The shared lane is a third: same socket as ipc, but what travels are references.
"""

from typing import Any, ClassVar

import zmq

import oobpickle
from oobpickle import lanes


class Transport:
    """A transport through the kernel. The producer binds: a consumer that binds would decode what a stranger sends it."""

    name: ClassVar[str]
    """As it is shown."""

    lands: ClassVar[int | None] = 1
    """How much fresh memory of the receiver the buffers of a message take if nobody copies them, in units of their own size: the
    kernel writes them there, once. None: they are mapped, which counts as fresh memory and is none."""

    def bind(self, socket: "zmq.Socket[bytes]", folder: str) -> str:
        """Bind and give the address. folder: a private one, for files."""
        raise NotImplementedError

    def send(self, socket: "zmq.Socket[bytes]", obj: Any) -> oobpickle.Tracker:
        """Send an object; the tracker is done when its memory is no longer needed."""
        return oobpickle.send(socket, obj)

    def recv(self, socket: "zmq.Socket[bytes]") -> Any:
        """Receive an object."""
        return oobpickle.recv(socket)


class Tcp(Transport):
    """tcp on the loopback interface, at a port that the system chooses."""

    name = "tcp"

    def bind(self, socket: "zmq.Socket[bytes]", folder: str) -> str:  # noqa: ARG002
        """Bind to a free port."""
        socket.bind("tcp://127.0.0.1:*")
        return socket.get_string(zmq.LAST_ENDPOINT)


class Ipc(Transport):
    """A Unix domain socket in the private folder. libzmq leaves the file behind; it goes with the folder."""

    name = "ipc"

    def bind(self, socket: "zmq.Socket[bytes]", folder: str) -> str:
        """Bind to a file there, or bind to it again."""
        address = f"ipc://{folder}/socket"
        socket.bind(address)
        return address


class Shared(Ipc):
    """As ipc, and the buffers stay in the producer's shared memory: one copy into it, and none on arrival."""

    name = "shared"
    lands = None

    def send(self, socket: "zmq.Socket[bytes]", obj: Any) -> oobpickle.Tracker:
        """Send references to the object's buffers, copied into shared memory."""
        return oobpickle.send(socket, obj, lane="shared")

    def recv(self, socket: "zmq.Socket[bytes]") -> Any:
        """Receive an object of views of the producer's memory."""
        return oobpickle.recv(socket, lane="shared", readonly=True)


TRANSPORTS: tuple[Transport, ...] = (
    Tcp(),
    *((Ipc(),) if zmq.has("ipc") else ()),
    *((Shared(),) if lanes.AVAILABLE else ()),
)
"""In the order in which they are shown."""

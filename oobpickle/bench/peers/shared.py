"""oobpickle's shared lane between two sockets of the ipc transport: the message carries references, the arrays stay put.

"oobpickle, shared" copies an ordinary array into the arena, "oobpickle, loaned" sends one that was made there.
"""

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from oobpickle import shared, wire
from oobpickle.bench.over_zmq import zmq_peer
from oobpickle.bench.peer import IPC
from oobpickle.bench.peers.inline import is_plain
from oobpickle.codec.data_codec import DataCodec
from oobpickle.lanes import AVAILABLE, Inbox, Outbox, open_inbox, open_outbox
from oobpickle.sockets import recv_frames

if TYPE_CHECKING:
    import zmq

_CODEC = DataCodec()


@cache
def _outbox(publishes: bool) -> Outbox:
    return open_outbox(shared=True, receivers="many" if publishes else "one")


@cache
def _inbox() -> Inbox:
    return open_inbox(shared=True)


def send(socket: "zmq.Socket[Any]", obj: Any) -> None:
    import zmq

    stream, buffers = _CODEC.encode(obj)
    placed = _outbox(socket.socket_type == zmq.XPUB).place(buffers)
    frames = wire.pack(_CODEC.number, stream, buffers, shared=placed.shared, references=placed.references)
    socket.send_multipart(frames, copy=False)


def recv(socket: "zmq.Socket[Any]") -> Any:
    message = wire.unpack(recv_frames(socket), allow_shared=True)
    buffers: list[Any] = message.buffers
    waiting = [index for index, buffer in enumerate(buffers) if isinstance(buffer, int)]
    if waiting:
        views = _inbox().follow(message.references, [buffers[index] for index in waiting])
        for index, view in zip(waiting, views, strict=True):
            buffers[index] = view
    return _CODEC.decode(message.stream, buffers)


_lane = partial(zmq_peer, send=send, recv=recv, carries=is_plain, transports=(IPC,), holds=6)
PEERS = (
    [_lane("oobpickle, shared", copies=(1, 0)), _lane("oobpickle, loaned", copies=(0, 0), prepare=shared.copy)]
    if AVAILABLE
    else []
)

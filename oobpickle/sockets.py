"""`send` and `recv`: one object on a ZeroMQ socket of the user's own, blocking or asyncio.

Rule 1: all that can fail on the sender's side fails before the first frame is sent.
Rule 2: pyzmq is given memoryviews only: of those it holds the export while it sends, of a bytearray itself it does not.
Rule 3: flags and the socket's time-outs mean what they mean in pyzmq; expiry is zmq.Again.
"""

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, overload

import zmq

from oobpickle.codec import DEFAULT_CODEC, AnyCodec, Codec, codec_of
from oobpickle.message import dumps, unpack
from oobpickle.tracker import DONE, Tracker

if TYPE_CHECKING:
    import zmq.asyncio


@overload
def send(
    socket: "zmq.asyncio.Socket", obj: Any, *, codec: AnyCodec = ..., flags: int = ..., snapshot: bool = ...
) -> Awaitable[Tracker]: ...
@overload
def send(
    socket: "zmq.Socket[Any]", obj: Any, *, codec: AnyCodec = ..., flags: int = ..., snapshot: bool = ...
) -> Tracker: ...
def send(
    socket: "zmq.Socket[Any]", obj: Any, *, codec: AnyCodec = DEFAULT_CODEC, flags: int = 0, snapshot: bool = False
) -> Tracker | Awaitable[Tracker]:
    """Send obj as one message; its large arrays are not copied.

    Gives a tracker over all frames (on an asyncio socket, an awaitable of it): until ``tracker.done`` leave the arrays of
    obj as they are, or the receiver may get them half changed; ``tracker.wait(seconds)`` raises Timeout. Over inproc
    the receiver's arrays are obj's own memory for as long as they live. snapshot=True copies first: done at once.
    flags: zmq.NOBLOCK, as in pyzmq. Raises EncodeError (nothing was sent), zmq.Again (nothing was sent), and what else
    pyzmq raises; after a KeyboardInterrupt a part of the message may have been sent, so close the socket.
    """
    frames = dumps(obj, codec=codec)
    tracker = DONE
    if len(frames) > 1 and snapshot:  # by us: an asyncio socket that has to wait copies only when it sends
        frames[1:] = map(bytes, frames[1:])
    elif len(frames) > 1:
        tracker = Tracker()
        frames[1:] = map(tracker.follow, frames[1:])
    elif type(socket) is zmq.Socket:
        socket.send(frames[0], flags)
        return DONE
    sent = socket.send_multipart(frames, flags, copy=False)
    return _when(sent, tracker) if isinstance(sent, Awaitable) else tracker


@overload
def recv(socket: "zmq.asyncio.Socket", *, codec: AnyCodec = ..., flags: int = ...) -> Awaitable[Any]: ...
@overload
def recv(socket: "zmq.Socket[Any]", *, codec: AnyCodec = ..., flags: int = ...) -> Any: ...
def recv(socket: "zmq.Socket[Any]", *, codec: AnyCodec = DEFAULT_CODEC, flags: int = 0) -> Any:
    """Receive one message and rebuild its object (on an asyncio socket, an awaitable of it).

    Arrays of 32 KiB and more are views of the received frames and keep them alive, beyond the socket and the
    context. flags: zmq.NOBLOCK, as in pyzmq. Raises DecodeError for what is no message that this codec
    takes (that message is gone, the socket works on), zmq.Again, and what else pyzmq raises.
    """
    chosen = codec_of(codec)
    if type(socket) is zmq.Socket:
        return unpack(recv_frames(socket, flags), chosen)
    received = socket.recv_multipart(flags, copy=False)
    return _when_received(received, chosen) if isinstance(received, Awaitable) else unpack(_views(received), chosen)


def recv_frames(socket: "zmq.Socket[Any]", flags: int = 0) -> list[memoryview]:
    """One message of a blocking socket as views of its frames."""
    frame = socket.recv(flags, copy=False)
    views = [_view(frame)]
    while frame.more:
        frame = socket.recv(flags, copy=False)
        views.append(_view(frame))
    return views


_view: Any = memoryview  # pyzmq's annotations do not say that a Frame is a buffer


def _views(frames: Sequence[Any]) -> list[memoryview]:
    return list(map(_view, frames))


async def _when(sent: Awaitable[Any], tracker: Tracker) -> Tracker:
    await sent
    return tracker


async def _when_received(received: Awaitable[Any], codec: Codec) -> Any:
    return unpack(_views(await received), codec)

"""`send` and `recv`: one object on a ZeroMQ socket of the user's own, blocking or asyncio.

Rule 1: all that can fail on the sender's side fails before the first frame is sent.
Rule 2: pyzmq is given memoryviews only: of those it holds the export while it sends, of a bytearray itself it does not.
Rule 3: flags and the socket's time-outs mean what they mean in pyzmq; expiry is zmq.Again.
"""

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, overload

import zmq

from oobpickle import wire
from oobpickle.codec import AnyCodec, Codec, codec_of
from oobpickle.message import dumps, unpack

if TYPE_CHECKING:
    import zmq.asyncio

_SENT = zmq.MessageTracker()


@overload
def send(
    socket: "zmq.asyncio.Socket", obj: Any, *, codec: AnyCodec = ..., flags: int = ..., snapshot: bool = ...
) -> Awaitable[zmq.MessageTracker]: ...
@overload
def send(
    socket: "zmq.Socket[Any]", obj: Any, *, codec: AnyCodec = ..., flags: int = ..., snapshot: bool = ...
) -> zmq.MessageTracker: ...
def send(
    socket: "zmq.Socket[Any]", obj: Any, *, codec: AnyCodec = "pickle", flags: int = 0, snapshot: bool = False
) -> zmq.MessageTracker | Awaitable[zmq.MessageTracker]:
    """Send obj as one message; its large arrays are not copied.

    Gives a tracker over all frames (on an asyncio socket, an awaitable of it): until ``tracker.done`` leave the arrays of
    obj as they are, or the receiver may get them half changed; ``tracker.wait(seconds)`` raises zmq.NotDone. Over inproc
    the receiver's arrays are obj's own memory for as long as they live. snapshot=True copies first: done at once.
    flags: zmq.NOBLOCK, as in pyzmq. Raises EncodeError (nothing was sent), zmq.Again (nothing was sent), and what else
    pyzmq raises; after a KeyboardInterrupt a part of the message may have been sent, so close the socket.
    """
    frames = dumps(obj, codec=codec)
    if type(socket) is zmq.Socket and len(frames) == 1:
        socket.send(frames[0], flags)
        return _SENT
    return send_frames(socket, frames, flags, snapshot=snapshot)


def send_frames(
    socket: "zmq.Socket[Any]", frames: Sequence[wire.Frame], flags: int = 0, *, snapshot: bool = False
) -> zmq.MessageTracker | Awaitable[zmq.MessageTracker]:
    """Send what `wire.pack` gave; `send` tells the rest."""
    parts, tracker = tracked(frames, socket.copy_threshold, snapshot=snapshot)
    sent = socket.send_multipart(parts, flags, copy=False)
    return _when(sent, tracker) if isinstance(sent, Awaitable) else tracker


def tracked(
    frames: Sequence[wire.Frame], copy_threshold: int, *, snapshot: bool = False
) -> tuple[list[Any], zmq.MessageTracker]:
    """The frames as pyzmq is to send them, with a tracker of those that it does not copy."""
    # copy_threshold: frames below it are cheaper to copy. The head is ours: nobody changes it, so nobody waits for it.
    parts = [zmq.Frame(frame, track=True, copy=snapshot or None, copy_threshold=copy_threshold) for frame in frames[1:]]
    waiting = [part.tracker for part in parts if not part.tracker.done]
    tracker = waiting[0] if len(waiting) == 1 else zmq.MessageTracker(*waiting) if waiting else _SENT
    return [frames[0], *parts], tracker


@overload
def recv(socket: "zmq.asyncio.Socket", *, codec: AnyCodec = ..., flags: int = ...) -> Awaitable[Any]: ...
@overload
def recv(socket: "zmq.Socket[Any]", *, codec: AnyCodec = ..., flags: int = ...) -> Any: ...
def recv(socket: "zmq.Socket[Any]", *, codec: AnyCodec = "pickle", flags: int = 0) -> Any:
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


async def _when(sent: Awaitable[Any], tracker: zmq.MessageTracker) -> zmq.MessageTracker:
    await sent
    return tracker


async def _when_received(received: Awaitable[Any], codec: Codec) -> Any:
    return unpack(_views(await received), codec)

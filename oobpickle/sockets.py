"""`send` and `recv`: one object on a ZeroMQ socket of the user's own, blocking or asyncio.

Rule 1: all that can fail on the sender's side fails before the first frame is sent.
Rule 2: pyzmq is given memoryviews only: of those it holds the export while it sends, of a bytearray itself it does not.
Rule 3: buffers go through shared memory only when both sides say so.
Rule 4: flags and the socket's time-outs mean what they mean in pyzmq; expiry is zmq.Again.
"""

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload
from weakref import WeakKeyDictionary

import zmq

from oobpickle import allocator, releasing, wire
from oobpickle.codec import DEFAULT_CODEC, AnyCodec, Codec, codec_of
from oobpickle.errors import type_name
from oobpickle.lanes import INLINE, INLINE_OUTBOX, Inbox, Outbox, Placed, open_inbox, open_outbox
from oobpickle.lanes.following import followed, lengths_of_shared
from oobpickle.message import decode, unpack
from oobpickle.spinning import Spin
from oobpickle.tracker import DONE, Tracker

if TYPE_CHECKING:
    import zmq.asyncio


Lane: TypeAlias = Literal["inline", "shared"]
"""Which way large buffers go on a socket of the user's own: see `send`."""


@overload
def send(
    socket: "zmq.asyncio.Socket",
    obj: Any,
    *,
    codec: AnyCodec = ...,
    flags: int = ...,
    snapshot: bool = ...,
    lane: Lane = ...,
) -> Awaitable[Tracker]: ...
@overload
def send(
    socket: "zmq.Socket[Any]",
    obj: Any,
    *,
    codec: AnyCodec = ...,
    flags: int = ...,
    snapshot: bool = ...,
    lane: Lane = ...,
) -> Tracker: ...
def send(
    socket: "zmq.Socket[Any]",
    obj: Any,
    *,
    codec: AnyCodec = DEFAULT_CODEC,
    flags: int = 0,
    snapshot: bool = False,
    lane: Lane = "inline",
) -> Tracker | Awaitable[Tracker]:
    """Send obj as one message; its large arrays are not copied.

    Gives a tracker over all frames (on an asyncio socket, an awaitable of it): until ``tracker.done`` leave the arrays of
    obj as they are, or the receiver may get them half changed; ``tracker.wait(seconds)`` raises Timeout. Over inproc
    the receiver's arrays are obj's own memory for as long as they live. snapshot=True copies first: done at once.
    flags: zmq.NOBLOCK, as in pyzmq. lane="shared": large buffers stay in shared memory and references travel, to receivers on
    this host that take them; what they have not received when the socket object dies is lost.
    Raises EncodeError (nothing was sent), zmq.Again (nothing was sent), and what else
    pyzmq raises; after a KeyboardInterrupt a part of the message may have been sent, so close the socket.
    """
    chosen = codec_of(codec)
    placed = INLINE
    outbox: Outbox = INLINE_OUTBOX
    try:
        stream, buffers = chosen.encode(obj)
        if lane == "shared":
            outbox = _outbox_of(socket)
            placed = outbox.place(buffers, snapshot=snapshot)
            frames = wire.pack(chosen.number, stream, buffers, shared=placed.shared, references=placed.references)
        else:
            frames = wire.pack(chosen.number, stream, buffers)
        tracker = DONE
        if len(frames) > 1 and snapshot:  # by us: an asyncio socket that has to wait copies only when it sends
            frames[1:] = map(bytes, frames[1:])
        elif len(frames) > 1 or placed.tracker is not None:
            tracker = Tracker(beside=placed.tracker)
            frames[1:] = map(tracker.follow, frames[1:])
        if len(frames) > 1 or len(frames[0]) >= _COPIED:
            releasing.be_ready()
        if type(socket) is zmq.Socket:
            *others, last = frames
            for frame in others:
                _backend_send(socket, frame, flags | _MORE, len(frame) < _COPIED)
            _backend_send(socket, last, flags, len(last) < _COPIED)
            return tracker
        sent = socket.send_multipart(frames, flags, copy=False)
    except BaseException:
        outbox.cancel(placed)
        _check(socket, "send(socket, obj)")
        raise
    return _when(sent, tracker, outbox, placed) if isinstance(sent, Awaitable) else tracker


@overload
def recv(
    socket: "zmq.asyncio.Socket", *, codec: AnyCodec = ..., flags: int = ..., lane: Lane = ..., readonly: bool = ...
) -> Awaitable[Any]: ...
@overload
def recv(
    socket: "zmq.Socket[Any]", *, codec: AnyCodec = ..., flags: int = ..., lane: Lane = ..., readonly: bool = ...
) -> Any: ...
def recv(
    socket: "zmq.Socket[Any]",
    *,
    codec: AnyCodec = DEFAULT_CODEC,
    flags: int = 0,
    lane: Lane = "inline",
    readonly: bool = False,
) -> Any:
    """Receive one message and rebuild its object (on an asyncio socket, an awaitable of it).

    Arrays of 32 KiB and more are views of the received frames and keep them alive, beyond the socket and the
    context. flags: zmq.NOBLOCK, as in pyzmq. lane="shared": takes references to shared memory as well, which must come from
    this host; readonly: large arrays that came so are read-only. Raises DecodeError for what is no message that this codec
    takes (that message is gone, the socket works on), zmq.Again, and what else pyzmq raises.
    """
    chosen = codec_of(codec)
    try:
        inbox = _inbox_of(socket) if lane == "shared" else None
        if type(socket) is zmq.Socket:
            return _decoded(recv_frames(socket, flags), chosen, inbox, readonly)
        received = socket.recv_multipart(flags, copy=False)
    except (AttributeError, TypeError):
        _check(socket, "recv(socket)")
        raise
    if isinstance(received, Awaitable):
        return _when_received(received, chosen, inbox, readonly)
    return _decoded(_views(received), chosen, inbox, readonly)


def _check(socket: Any, call: str) -> None:
    """Raise TypeError for what is no socket. Asked only when something went wrong: a look at each call would cost all."""
    if not (hasattr(socket, "send_multipart") or hasattr(socket, "recv_multipart")):
        raise TypeError(f"{call}: the first must be a ZeroMQ socket, not {type_name(socket)}") from None


def _decoded(views: list[memoryview], codec: Codec, inbox: Inbox | None, readonly: bool) -> Any:
    if len(views) > 1:
        allocator.teach()
    if inbox is None or not wire.is_head(views[0]):
        return unpack(views, codec)
    opened = wire.unpack(views, allow_shared=True)
    if opened.references:
        opened = opened._replace(buffers=followed(opened, lengths_of_shared(opened), inbox, readonly=readonly))
    return decode(opened, codec)


# One of each for a socket, as long as the object lives that stands for it.
_outboxes: "WeakKeyDictionary[zmq.Socket[Any], Outbox]" = WeakKeyDictionary()
_inboxes: "WeakKeyDictionary[zmq.Socket[Any], Inbox]" = WeakKeyDictionary()
_spins: "WeakKeyDictionary[zmq.Socket[Any], Spin | None]" = WeakKeyDictionary()


def _outbox_of(socket: "zmq.Socket[Any]") -> Outbox:
    outbox = _outboxes.get(socket)
    if outbox is None:
        kind = socket.get(zmq.TYPE)
        outbox = _outboxes[socket] = open_outbox(
            shared=True, receivers="many" if kind in (zmq.PUB, zmq.XPUB) else "one"
        )
    return outbox


def _inbox_of(socket: "zmq.Socket[Any]") -> Inbox:
    inbox = _inboxes.get(socket)
    if inbox is None:
        inbox = _inboxes[socket] = open_inbox(shared=True)
    return inbox


def recv_frames(socket: "zmq.Socket[Any]", flags: int = 0) -> list[memoryview]:
    """One message of a blocking socket as views of its frames."""
    frame = _first_frame(socket, flags)
    views = [_view(frame)]
    if frame.more:
        while frame.more:
            frame = socket.recv(flags, copy=False)
            views.append(_view(frame))
        if (spin := _spins.get(socket)) is not None:
            spin.rest()
    return views


def _first_frame(socket: "zmq.Socket[Any]", flags: int) -> Any:
    spin = _spins.get(socket)
    if (
        spin is not None and not flags & _NOW and spin.rests()
    ):  # then the socket may as well wait: a failed attempt takes some microseconds
        return socket.recv(flags, copy=False)
    try:
        return socket.recv(flags | _NOW, copy=False)
    except zmq.Again:
        if flags & _NOW or not socket.get(zmq.RCVTIMEO):
            raise
    if socket not in _spins:
        # A thread of this process needs the interpreter to send, and a spin would take it again and again.
        transport = bytes(socket.get(zmq.LAST_ENDPOINT)).partition(b":")[0]
        _spins[socket] = spin = None if transport == b"inproc" else Spin(near=transport == b"ipc")
    if spin is not None:
        spin.until(lambda: int(socket.get(zmq.EVENTS)) & _IN)
    return socket.recv(flags, copy=False)


_backend_send: Any = zmq.backend.Socket.send  # zmq.Socket.send, which wraps it, costs 0.5 us, for options not used here
_COPIED = 64 * 1024  # bytes, pyzmq's COPY_THRESHOLD: below, libzmq is given a copy, which is cheaper
_NOW, _MORE, _IN = int(zmq.DONTWAIT), int(zmq.SNDMORE), int(zmq.POLLIN)
_view: Any = memoryview  # pyzmq's annotations do not say that a Frame is a buffer


def _views(frames: Sequence[Any]) -> list[memoryview]:
    return list(map(_view, frames))


async def _when(sent: Awaitable[Any], tracker: Tracker, outbox: Outbox, placed: Placed) -> Tracker:
    try:
        await sent
    except BaseException:
        outbox.cancel(placed)
        raise
    return tracker


async def _when_received(received: Awaitable[Any], codec: Codec, inbox: Inbox | None, readonly: bool) -> Any:
    return _decoded(_views(await received), codec, inbox, readonly)

"""`dumps` and `loads`: an object as the frames of one message, and back. Codec and wire put together.

No I/O. A plain pickle-5 multipart message (``[stream, *buffers]``, as pyzmq users send by hand) is taken as well, by the
pickle codec only.
"""

from collections.abc import Sequence
from typing import Any

from oobpickle import limits, wire
from oobpickle.codec import DEFAULT_CODEC, AnyCodec, Codec, codec_of
from oobpickle.errors import DecodeError

_PROTO = b"\x80"  # what a pickle begins with since protocol 2


def dumps(obj: Any, *, codec: AnyCodec = DEFAULT_CODEC) -> list[wire.Frame]:
    """Encode obj as the frames of one message, ``[head, *buffers]``; one frame when all of it is small.

    The buffers after the head are views of obj's own memory: change it only after they are used. Two dumps of an equal
    object of the same layout are equal bytes. Raises EncodeError (with where in obj the fault is) and ValueError (codec).
    """
    chosen = codec_of(codec)
    stream, buffers = chosen.encode(obj)
    return wire.pack(chosen.number, stream, buffers)


def loads(frames: Any, *, codec: AnyCodec = DEFAULT_CODEC) -> Any:
    """Rebuild the object of one message.

    frames: what `dumps` gave or a socket received: a list of bytes-like objects or zmq.Frame, or one such on its own.
    Arrays of 32 KiB and more are views of the frames and keep them alive: writable if the original was and the frame is;
    smaller ones are writable copies. Raises DecodeError for anything but a whole message that this codec takes; other
    errors only if frames is not bytes-like.
    """
    if not isinstance(frames, (list, tuple)):
        frames = (frames,)
    return unpack(list(map(_flat, frames)), codec_of(codec))


def unpack(views: Sequence[memoryview], codec: Codec) -> Any:
    """Rebuild the object of a message from flat views of its frames."""
    if not views:
        raise DecodeError("a message without frames")
    try:
        message = wire.unpack(views)
    except DecodeError:
        if codec.number == wire.PICKLE and bytes(views[0][:1]) == _PROTO:
            return codec.decode(views[0], views[1:])
        if bytes(views[0][: limits.TOPIC_MAX + 1 + len(wire.MAGIC)]).partition(b"\0")[2].startswith(wire.MAGIC):
            raise DecodeError("a topic and a Publisher's message: receive it with oobpickle.Subscriber") from None
        raise
    return decode(message, codec)


def decode(message: wire.Message, codec: Codec) -> Any:
    """Rebuild the object of a message that was taken apart. The data codec never sees a stream of the pickle codec's."""
    if message.codec != codec.number and not (message.codec == wire.DATA and codec.number == wire.PICKLE):
        name, remedy = f"codec number {message.codec}", ""
        if message.codec == wire.PICKLE:
            name = "the pickle codec"
            remedy = '; codec="pickle" here takes it, and runs its sender\'s code; or send it with the default codec'
        raise DecodeError(
            f"the message is of {name}, which this receiver does not take; its stream was not read{remedy}"
        )
    return codec.decode(message.stream, message.buffers)


def _flat(frame: Any) -> memoryview:
    view = frame if type(frame) is memoryview else memoryview(frame)
    return view if view.format == "B" and view.ndim == 1 and view.c_contiguous else view.cast("B")

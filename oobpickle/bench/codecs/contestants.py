"""The codecs: each an encode, object → list of buffers, and a decode of them. What one cannot carry, it raises."""

import json
import marshal
import pickle
import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np

import oobpickle

Buffers = Sequence[Any]


class Contestant(NamedTuple):
    """A codec by name. optional: the module that must be installed for it."""

    name: str
    encode: Callable[[Any], Buffers]
    decode: Callable[[Buffers], Any]
    optional: str = ""


def _one(encode: Callable[[Any], Any]) -> Callable[[Any], Buffers]:
    return lambda obj: [encode(obj)]


def _of_one(decode: Callable[[Any], Any]) -> Callable[[Buffers], Any]:
    return lambda buffers: decode(buffers[0])


def _pickle_5(obj: Any) -> Buffers:
    buffers: list[Any] = []
    stream = pickle.dumps(obj, 5, buffer_callback=buffers.append)
    return [stream, *buffers]


def _unpickle_5(buffers: Buffers) -> Any:
    return pickle.loads(buffers[0], buffers=buffers[1:])


def _cloudpickle(obj: Any) -> Buffers:
    import cloudpickle

    buffers: list[Any] = []
    stream = cloudpickle.dumps(obj, 5, buffer_callback=buffers.append)
    return [stream, *buffers]


# msgpack and msgspec know no arrays. This is what their users do: an extension type of dtype, shape and bytes.
_ARRAY = 1
_LENGTHS = struct.Struct("<HH")


def _extension(a: Any) -> bytes:
    if not isinstance(a, np.ndarray) or a.dtype.hasobject:
        raise TypeError(f"cannot carry {type(a).__name__}")
    dtype, shape = a.dtype.str.encode(), struct.pack(f"<{a.ndim}Q", *a.shape)
    return b"".join(
        (_LENGTHS.pack(len(dtype), len(shape)), dtype, shape, np.ascontiguousarray(a).reshape(-1).view(np.uint8).data)
    )


def _from_extension(_code: int, data: Any) -> Any:
    view = memoryview(data)
    dtype_length, shape_length = _LENGTHS.unpack_from(view)
    start = _LENGTHS.size + dtype_length
    shape = struct.unpack_from(f"<{shape_length // 8}Q", view, start)
    dtype = bytes(view[_LENGTHS.size : start]).decode()
    return np.frombuffer(view[start + shape_length :], dtype).reshape(shape)


def _msgpack(obj: Any) -> Any:
    import msgpack

    return msgpack.packb(obj, default=lambda a: msgpack.ExtType(_ARRAY, _extension(a)))


def _from_msgpack(buffer: Any) -> Any:
    import msgpack

    return msgpack.unpackb(buffer, ext_hook=_from_extension)


def _msgspec(obj: Any) -> Any:
    import msgspec

    return msgspec.msgpack.encode(obj, enc_hook=lambda a: msgspec.msgpack.Ext(_ARRAY, _extension(a)))


def _from_msgspec(buffer: Any) -> Any:
    import msgspec

    return msgspec.msgpack.decode(buffer, ext_hook=_from_extension)


def _arrow(obj: Any) -> Any:
    import pyarrow as pa

    if hasattr(obj, "columns"):
        table = pa.Table.from_pandas(obj)
    elif isinstance(obj, list):
        table = pa.Table.from_pylist(obj)
    else:
        raise TypeError("carries tables only")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _from_arrow(buffer: Any) -> Any:
    import pyarrow as pa

    table = pa.ipc.open_stream(buffer).read_all()
    return table.to_pandas() if table.schema.pandas_metadata else table.to_pylist()


def _ours() -> list[Contestant]:
    found = []
    names: tuple[Literal["pickle", "data"], ...] = ("pickle", "data")
    for codec in names:
        encode, decode = partial(oobpickle.dumps, codec=codec), partial(oobpickle.loads, codec=codec)
        found.append(Contestant(f"oobpickle, {codec} codec", encode, decode))
    return found


PICKLE_5 = "pickle 5, out-of-band"

CONTESTANTS = [
    *_ours(),
    Contestant(PICKLE_5, _pickle_5, _unpickle_5),
    Contestant("pickle 5, in-band", _one(partial(pickle.dumps, protocol=5)), _of_one(pickle.loads)),
    Contestant("cloudpickle", _cloudpickle, _unpickle_5, "cloudpickle"),
    Contestant("marshal", _one(marshal.dumps), _of_one(marshal.loads)),
    Contestant("json", _one(lambda obj: json.dumps(obj).encode()), _of_one(json.loads)),
    Contestant("msgpack, arrays as extension", _one(_msgpack), _of_one(_from_msgpack), "msgpack"),
    Contestant("msgspec, arrays as extension", _one(_msgspec), _of_one(_from_msgspec), "msgspec"),
    Contestant("Arrow IPC", _one(_arrow), _of_one(_from_arrow), "pyarrow"),
]

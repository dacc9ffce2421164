"""Object ⇄ (stream, buffers): the pickler, the codecs, and what they know of types.

Rule: no I/O, no ZeroMQ and no shared memory here. A buffer is a memoryview, whoever's memory it is.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

from oobpickle.codec.data_codec import DataCodec
from oobpickle.codec.pickle_codec import PickleCodec


@runtime_checkable
class Codec(Protocol):
    """What turns an object into a stream and its buffers, and back."""

    @property
    def number(self) -> int:
        """The codec's number in a header."""

    def encode(self, obj: Any) -> tuple[bytes, list[memoryview]]:
        """Give (stream, buffers). The buffers are views of obj's own memory where that is possible."""

    def decode(self, stream: bytes | memoryview, buffers: Sequence[Any]) -> Any:
        """Rebuild the object on the buffers. Raises DecodeError."""


AnyCodec: TypeAlias = Codec | Literal["data", "pickle"]
"""A codec, or the name of one."""

DEFAULT_CODEC: Final = "data"
"""The codec of whoever names none: the one that is safe to decode from anyone."""

_BY_NAME: dict[Any, Codec] = {"data": DataCodec(), "pickle": PickleCodec()}


def codec_of(codec: AnyCodec) -> Codec:
    """The codec that is meant by a name or is given. Raises ValueError for another name."""
    if not isinstance(codec, str):
        return codec
    try:
        return _BY_NAME[codec]
    except KeyError:
        raise ValueError(f"codec={codec!r}: there is {', '.join(map(repr, _BY_NAME))}, or give an instance") from None

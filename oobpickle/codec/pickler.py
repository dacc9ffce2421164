"""`Pickler`: pickle's, with everything large out-of-band.

Rule 1: a drop-in. Constructor, methods and attributes are pickle's; a subclass or an instance may set ``dispatch_table``,
``persistent_id`` and ``reducer_override`` (which reaches ours through ``super()``), and what a user registered for
a type, there or with copyreg, goes before what we know about it.
Rule 2: without a ``buffer_callback`` it does what pickle does.
Rule 3: buffers reach the callback in the order in which the stream asks for them (PEP 574).
"""

import copyreg
import pickle
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from oobpickle.codec.framing import OutOfBandFile
from oobpickle.codec.reducers import reducer_for
from oobpickle.codec.reducers.numpy import reduce_array


class SupportsWrite(Protocol):
    """What a Pickler needs of a file."""

    def write(self, data: Any, /) -> object:
        """Take bytes, or a bytes-like object."""


class Pickler(pickle.Pickler):
    """A `pickle.Pickler` that hands every large buffer of an object to its ``buffer_callback`` (PEP 574).

    Stock pickle writes into the stream, silently: strided and broadcast arrays, datetime64, ndarray subclasses, masked
    arrays, ``array.array``, ``bytes``, ``bytearray``; and it refuses ``memoryview``. Here they are buffers: views of the
    object's own memory, or one gathered copy for arrays that are not contiguous. ``bytes`` and ``bytearray`` are
    buffers from 64 KiB up, arrays at any size.

    The stream is an ordinary protocol-5 stream. It names functions of this package, so the reader needs oobpickle
    installed; `pickle.loads(stream, buffers=...)` reads it.

    file: has a ``write`` method. protocol: pickle's default when None; a buffer_callback needs 5. buffer_callback: called
    with a `pickle.PickleBuffer` for each buffer; a true result writes that buffer in-band.
    Raises what pickle raises. After a failure the file holds part of a stream.
    """

    _file: OutOfBandFile | None = (
        None  # also of a subclass that does not call our __init__: pickle has an error for that
    )

    def __init__(
        self,
        file: SupportsWrite,
        protocol: int | None = None,
        fix_imports: bool = True,
        buffer_callback: Callable[[pickle.PickleBuffer], Any] | None = None,
    ) -> None:
        self._file = None
        if buffer_callback is None or not hasattr(file, "write"):
            super().__init__(file, protocol, fix_imports=fix_imports, buffer_callback=buffer_callback)
            return
        out_of_band = OutOfBandFile(file.write, buffer_callback)
        super().__init__(out_of_band, protocol, fix_imports=fix_imports, buffer_callback=buffer_callback)
        self._file = out_of_band

    def dump(self, obj: Any, /) -> None:
        """Write obj's pickle to the file, its buffers to the callback."""
        if self._file is not None:
            self._file.start()
        super().dump(obj)

    def reducer_override(self, obj: Any, /) -> Any:
        """Reduce obj out-of-band if we know how to, else leave it to pickle (NotImplemented)."""
        if self._file is None:
            return NotImplemented
        cls: Any = type(obj)
        reducer = reduce_array if cls is np.ndarray else reducer_for(cls)
        return NotImplemented if reducer is None or self._registered(cls) else reducer(obj)

    def _registered(self, cls: type) -> bool:
        """Whether the user has a reducer for cls, asked for as pickle asks: by ``[cls]`` alone."""
        try:
            getattr(self, "dispatch_table", copyreg.dispatch_table)[cls]
        except KeyError:
            return False
        return True

"""What we know of types: for each a reducer (object → rebuilder and plain arguments), and the rebuilder beside it.

Rules: a rebuilder takes plain arguments and buffers and keeps no state; its name stands in people's pickles, so it must
not be moved or renamed. A library that the user has not imported is not imported here.
"""

import array
import importlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from oobpickle.codec.reducers.numpy import reduce_masked, reduce_subclass
from oobpickle.codec.reducers.stdlib import reduce_array_array, reduce_memoryview

REDUCERS: dict[type, Callable[[Any], Any]] = {
    np.ma.MaskedArray: reduce_masked,
    array.array: reduce_array_array,
    memoryview: reduce_memoryview,
}
"""By exact type. Plain arrays are not here: the codecs treat them on their own."""

_LIBRARIES = frozenset(("torch",))
"""A module of this package has the reducers of each; it is imported when a first object of that library is met."""


@lru_cache(maxsize=4096)  # bounded: it keeps the classes alive
def reducer_for(cls: type) -> Callable[[Any], Any] | None:
    """What reduces objects of this type (it may say NotImplemented); None leaves them to pickle."""
    module = getattr(cls, "__module__", None)  # a user's class may have anything there, or nothing
    library = module.partition(".")[0] if isinstance(module, str) else ""
    if library in _LIBRARIES:
        REDUCERS.update(importlib.import_module(f"oobpickle.codec.reducers.{library}").REDUCERS)
    if issubclass(cls, np.ndarray) and cls not in REDUCERS:
        return reduce_subclass if cls is not np.ndarray else None
    return REDUCERS.get(cls)

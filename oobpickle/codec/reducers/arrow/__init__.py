"""pyarrow's types, arrays and tables, from their buffers.

Rule 1: no IPC and no serialized schema. IPC copies at encode, and its compressed bodies are bombs; a type is told in plain
values, and an array as the tree of its buffers.
Rule 2: what a receiver is given, Arrow has found valid, down to the last offset and byte of text.

types.py tells types. An array's tree of buffers is told by layout.py, made by apart.py, and made an array again by
together.py; tables.py has the reducers and rebuilders of arrays and of what is made of them.
"""

from collections.abc import Callable
from typing import Any

from oobpickle.codec.reducers.arrow import tables, types
from oobpickle.codec.rules import Rule

DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {}
RULES: dict[Callable[..., Any], Rule] = {}
for _part in (types, tables):
    DATA_REDUCERS.update(_part.DATA_REDUCERS)
    RULES.update(_part.RULES)
for _rebuilder in RULES:
    # Its name stands in people's streams: it is this package's, whichever module the rebuilder is written in.
    _rebuilder.__module__ = __name__
    globals()[_rebuilder.__name__] = _rebuilder

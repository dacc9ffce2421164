"""pandas' scalars, arrays, indexes, series and frames, from their columns: never from the state of a BlockManager.

Rule 1: codes and indices, by which pandas' compiled code reads memory unchecked, are copied before they are looked at:
whoever sent them may still be able to write them, and the receiver may have been given them a second time as numbers.
Rule 2: what a rebuilder looks at is not hashed by pandas. Its hash tables are not keyed: 100,000 numbers that all fall into
one place take it minutes.
Rule 3: values are not copied, and arrive as writable as they were.
Rule 4: no two objects of pandas share memory on arrival. pandas counts who shares a block, to copy it on write; what was
rebuilt on shared memory would not be counted. So each object's arrays are views of their own on the sending side.

Read from the bottom: zones.py and offsets.py tell time zones and frequencies; labels.py says what an index may hold;
scalars.py, dtypes.py, arrays.py, indexes.py and frames.py have the reducers and rebuilders.
"""

from collections.abc import Callable
from typing import Any

from oobpickle.codec.reducers.pandas import arrays, dtypes, frames, indexes, offsets, scalars
from oobpickle.codec.rules import Rule

DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {}
RULES: dict[Callable[..., Any], Rule] = {}
for _part in (offsets, scalars, dtypes, arrays, indexes, frames):
    DATA_REDUCERS.update(_part.DATA_REDUCERS)
    RULES.update(_part.RULES)
for _rebuilder in RULES:
    # Its name stands in people's streams: it is this package's, whichever module the rebuilder is written in.
    _rebuilder.__module__ = __name__
    globals()[_rebuilder.__name__] = _rebuilder

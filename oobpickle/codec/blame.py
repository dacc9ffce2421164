"""Which part of an object is at fault when its stream is refused. Looked for only after a failure.

A stream that meets a limit does not say whose fault it is. So parts of the object are tried alone, by halves: what is
found is the smallest part that is refused on its own. Where each part passes and the whole does not, the whole it is.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from oobpickle.codec.whereabouts import children

TRIES = 2_000
"""Parts tried before the search gives up, with what it has found so far."""


def smallest(
    obj: Any, fails: Callable[[Any], Exception | None], carries: Callable[[type], bool], error: Exception
) -> tuple[Any, str, Exception]:
    """Give (the part, its path, its error).

    fails: tells what is wrong with an object, or None. carries: whether objects of a type can be sent, so that their parts
    are of interest. error: what is wrong with obj.
    """
    value, path = obj, "obj"
    tries = TRIES
    seen = {id(obj)}
    while tries > 0 and carries(type(value)):
        parts = [({part: None}, part, step) if "<key" in step else (part, part, step) for part, step in children(value)]
        parts = [(alone, part, step) for alone, part, step in parts if id(part) not in seen]
        if type(value) is defaultdict:  # its factory travels by name; what is wrong with that the whole says best
            parts = [entry for entry in parts if entry[1] is not value.default_factory]
        found: Exception | None = None
        while parts and tries > 0:
            half = parts[: max(1, len(parts) // 2)]
            tries -= 1
            failure = fails([alone for alone, _, _ in half] if len(half) > 1 else half[0][0])
            if failure is None:
                parts = parts[len(half) :]
            elif len(half) == 1:
                found = failure
                break
            else:
                parts = half
        if found is None:
            break
        _, value, step = half[0]
        path, error = path + step, found
        seen.add(id(value))
        if "<key" in step:
            break
    return value, path, error

"""What an undecoded object holds, as far as its stream tells; told from the stream alone."""

from typing import NamedTuple

from oobpickle.codec.whereabouts import short
from oobpickle.inspection.contents import Contents, type_at
from oobpickle.inspection.ledger import Item, printable
from oobpickle.inspection.values import UNKNOWN


class Content(NamedTuple):
    """What an object holds. what: in a few words: its largest array, or the object itself if it has none. items: its arrays and
    other buffers, in the order of the stream.
    """

    what: str
    items: tuple[Item, ...]


def content_of(stream: memoryview) -> Content:
    """Tell what the object of a stream holds. Raises nothing, whatever the stream is."""
    contents = Contents(stream)
    items = [item for index in range(len(contents.outline.buffers)) for item in contents.items(index)]
    items += map(contents.item, contents.arrays_in_band())
    root = contents.outline.root
    if contents.outline.problem is not None or root is None:
        return Content("not readable", ())
    if not items:
        literal = contents.outline.literal(root)
        place = contents.places.of(root)
        return Content(printable(type_at(root, place) if literal is UNKNOWN else short(literal)), ())
    largest = max(items, key=lambda item: item.nbytes or 0)
    more = f" +{len(items) - 1:,}" if len(items) > 1 else ""
    return Content(printable(f"{largest.description or largest.type}{more}"), tuple(items))

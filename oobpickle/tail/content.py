"""What an undecoded object holds, as far as its stream tells; told from the stream alone."""

from typing import NamedTuple

from oobpickle.codec.whereabouts import short
from oobpickle.inspection.contents import Contents, type_at
from oobpickle.inspection.ledger import Item, printable
from oobpickle.inspection.values import UNKNOWN


class Content(NamedTuple):
    """What an object holds. what: in a few words: its largest array, or the DataFrame that this is in, or the object itself if it
    has none, and how many arrays there are beside. items: its arrays and other buffers, in the order of the stream.
    """

    what: str
    items: tuple[Item, ...]


def content_of(stream: memoryview) -> Content:
    """Tell what the object of a stream holds. Raises nothing, whatever the stream is."""
    contents = Contents(stream)
    parts = [part for index in range(len(contents.outline.buffers)) for part in contents.parts(index)]
    parts += contents.arrays_in_band()
    items = tuple(map(contents.item, parts))
    root = contents.outline.root
    if contents.outline.problem is not None or root is None:
        return Content("not readable", ())
    largest = max(parts, key=lambda part: part.nbytes or 0, default=None)
    frame = contents.frame_of(root if largest is None else largest.value)
    if frame is not None:
        what, others = contents.frame(frame), sum(contents.frame_of(part.value) is not frame for part in parts)
    elif largest is not None:
        item = contents.item(largest)
        what, others = item.description or item.type, len(parts) - 1
    else:
        literal = contents.outline.literal(root)
        what, others = type_at(root, contents.places.of(root)) if literal is UNKNOWN else short(literal), 0
    more = f" +{others:,}" if others else ""
    return Content(printable(f"{what}{more}"), items)

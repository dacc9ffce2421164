"""`Listener`: a Subscriber that takes messages apart and decodes none.

So it may listen to anybody, whatever the codec: nothing is loaded, and no code of a sender's runs.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

from oobpickle import wire
from oobpickle.endpoints.arrivals import Arrival
from oobpickle.endpoints.pubsub import Subscriber
from oobpickle.endpoints.security import Curve


class Undecoded(NamedTuple):
    """An object as it came. codec: its number, as the header has it. buffers: views, which keep the message's memory."""

    codec: int
    stream: memoryview
    buffers: Sequence[memoryview]


class _AsItCame:
    """A codec that decodes nothing. It has the pickle codec's number, since a receiver of that takes the data codec's too."""

    number = wire.PICKLE

    def encode(self, obj: Any) -> NoReturn:
        """Refuse: a listener does not send."""
        raise NotImplementedError

    def decode(self, stream: bytes | memoryview, buffers: Sequence[Any]) -> Undecoded:
        """Give what there is."""
        return Undecoded(self.number, memoryview(stream), buffers)


class Listener(Subscriber):
    """A `Subscriber` whose objects are `Undecoded`."""

    def __init__(
        self,
        *,
        connect: str | None = None,
        bind: str | None = None,
        topics: Iterable[str] = ("",),
        curve: Curve | None = None,
    ) -> None:
        # insecure: the warning is about decoding, and nothing is decoded.
        super().__init__(connect=connect, bind=bind, topics=topics, codec=_AsItCame(), curve=curve, insecure=True)

    def _accept(self, views: Any) -> tuple[Arrival, Any] | None:
        accepted = super()._accept(views)
        if accepted is None:
            return None
        arrival, undecoded = accepted
        return arrival, undecoded._replace(codec=arrival[1].codec)

"""A message on its way to the socket: frames, and the places that its buffers have in shared memory."""

from collections.abc import Sequence

from oobpickle import wire
from oobpickle.lanes.interface import Outbox, Placed


class Parcel(list[wire.Frame]):
    """The frames of a message whose shared buffers have their places. Unless it is sent these are given back."""

    __slots__ = ("_outbox", "placed", "sent")

    def __init__(self, outbox: Outbox, placed: Placed) -> None:
        super().__init__()
        self._outbox = outbox
        self.placed = placed
        self.sent = False

    def withdraw(self) -> None:
        """It will not be sent. What dies unsent does so too."""
        if not self.sent:
            self.sent = True
            self._outbox.cancel(self.placed)

    def abandon(self) -> None:
        """Whether it is received does not matter any longer."""
        if self.sent:
            self._outbox.abandon(self.placed)

    def __del__(self) -> None:
        self.withdraw()


class Waiting:
    """Within this a message waits for room; when that ends by an exception it is withdrawn, whoever keeps the exception."""

    __slots__ = ("_frames",)

    def __init__(self, frames: list[wire.Frame]) -> None:
        self._frames = frames

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and isinstance(self._frames, Parcel):
            self._frames.withdraw()


def snapshot(frames: Sequence[wire.Frame]) -> list[wire.Frame]:
    """The same message on memory of its own."""
    return [frames[0], *(memoryview(bytes(frame)) for frame in frames[1:])]

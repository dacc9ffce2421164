"""The boards of acknowledgements that one receiving endpoint writes to: one for each sender."""

from oobpickle.errors import LaneError
from oobpickle.lanes.shared.acks import EVERYBODY, PeerBoard
from oobpickle.lanes.shared.references import AckReference

MOST_BOARDS = 256
"""Boards that one endpoint has open, each with a descriptor or two. Beyond, the first opened is closed."""


class Boards:
    """Opened as messages ask for them. Methods are called under the mutex."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int, int], PeerBoard] = {}  # the first opened first
        self._closed = False

    def acknowledge(self, acknowledge: AckReference) -> None:
        """Tell the sender, if it waits for that, until `close`. Raises LaneError when it is not to be reached.

        A publisher that is not to be reached does not wait for anybody.
        """
        pid, fd, word, stamp, token = acknowledge
        if not stamp or self._closed:
            return
        try:
            board = self._open.get((pid, fd, token)) or self._add(acknowledge)
            board.acknowledge(acknowledge)
        except LaneError:
            if word != EVERYBODY:
                raise

    def _add(self, acknowledge: AckReference) -> PeerBoard:
        self.sweep()
        if len(self._open) >= MOST_BOARDS:
            self._open.pop(next(iter(self._open))).close()
        board = self._open[acknowledge.pid, acknowledge.fd, acknowledge.token] = PeerBoard(acknowledge)
        return board

    def sweep(self) -> None:
        """Let go of the boards of senders that are gone."""
        for key in [key for key, board in self._open.items() if board.is_abandoned()]:
            self._open.pop(key).close()

    def close(self) -> None:
        """Close them, and with them this reader's numbers. For good."""
        self._closed = True
        while self._open:
            self._open.popitem()[1].close()

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

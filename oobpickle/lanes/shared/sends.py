"""Sends that are not over: which blocks they keep in place, and when each is known to be over.

Two rules, by who receives:

One receiver a message (`Awaited`: PUSH, DEALER, ROUTER). A send is over when it is acknowledged; or its endpoint
closes; or it is provably lost. The last needs a proof because a dead receiver acknowledges nothing, and nobody can see
in whose queue a message was. Each pipe is first in, first out: when of every pipe that is left a later send has been
acknowledged, then what is still unacknowledged was with one who is gone. So when a peer goes, the sends in flight at that
moment become suspects, and are judged by what each reader acknowledged last. Pipes are counted by the endpoint, readers
by their locks; while the two numbers differ (somebody has not acknowledged anything yet, or has not come back, or is
just dying) nobody is judged. A client abandons its requests itself: one that was answered, or that nobody waits for.

Any number of receivers (`Retained`: PUB). Nobody can know. The newest sends within a budget of bytes are kept, and a
receiver that comes later than that loses the message. When the arena is full the older half is let go.

An error in either can lose a message; it cannot corrupt one, since generations and readers' locks do not depend on it.
All methods are called under the mutex.
"""

import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from oobpickle.lanes.shared.acks import Board
from oobpickle.lanes.shared.references import NO_ACK

if TYPE_CHECKING:
    from oobpickle.lanes.shared.guard import Held

JUDGE_AFTER = 0.1
"""Seconds between a peer's going and the judgement on what it may have had: its sockets may close before its locks."""

_MOST_READERS = 256  # whose progress is kept before the dead among them are struck out


class Send:
    """One message that is placed, and in flight when it has been entered (`Sends.add`).

    helds: what it keeps in place, each held once. length: bytes of its shared buffers together, as far as they count.
    position: 0 until it is entered. peer: whom it is for, or nothing.
    """

    __slots__ = ("acknowledge", "board", "helds", "is_over", "length", "peer", "position")

    def __init__(self, peer: bytes = b"") -> None:
        self.peer = peer
        self.helds: list[Held] = []
        self.length = 0
        self.board: Board | None = None
        self.acknowledge = NO_ACK
        self.position = 0
        self.is_over = False

    def end(self, *, reusable: bool) -> None:
        """Let its blocks go. reusable: as `Board.end` has it. Once only."""
        self.is_over = True
        while self.helds:
            self.helds.pop().drop()
        if self.board is not None:
            self.board.end(self.acknowledge, reusable=reusable)


class Sends(Protocol):
    """The sends of one endpoint that are not over. length: of those that count the bytes together, as far as was looked."""

    length: int

    def add(self, send: Send) -> None:
        """Enter a send that is about to go out."""

    def settle(self, most: int | None = None) -> None:
        """Find sends that are over. most: look at so many at the most."""

    def press(self) -> None:
        """There is no room for others: let go what is kept without need."""

    def look(self, send: Send) -> None:
        """Find out about this one."""

    def charge(self, send: Send, nbytes: int) -> None:
        """It went out, and so many bytes were copied for it."""

    def holds_for(self, peer: bytes) -> bool:
        """Whether one for this peer is charged, and not over as far as was looked."""

    def cancel(self, send: Send) -> None:
        """It did not go out after all."""

    def abandon(self, send: Send) -> None:
        """It went out, and may be over from here on."""

    def peer_gone(self, remaining: int) -> None:
        """A peer has gone with what it had received, and this many queues are left."""

    def end(self) -> None:
        """All are over, whatever became of them."""

    def __len__(self) -> int:
        """How many keep blocks in place."""


class Awaited:
    """Each send has one receiver, which acknowledges."""

    def __init__(self) -> None:
        self.length = 0
        self._pending: deque[Send] = deque()  # in no certain order: `settle` goes round
        self._next = 1
        self._progress: dict[tuple[Board, int], int] = {}  # the position of the last send that each reader acknowledged
        self._suspects = 0  # sends before this position may have been in the queue of a peer that has gone
        self._remaining = 0
        self._judge_at = 0.0

    def add(self, send: Send) -> None:
        """As the protocol has it."""
        send.position = self._next
        self._next += 1
        self.length += send.length
        self._pending.append(send)

    def settle(self, most: int | None = None) -> None:
        """As the protocol has it."""
        pending = self._pending
        for _ in range(len(pending) if most is None else min(most, len(pending))):
            send = pending.popleft()
            self.look(send)
            if not send.is_over:
                pending.append(send)
        if self._suspects and time.monotonic() >= self._judge_at:
            self._judge()

    def press(self) -> None:
        """As the protocol has it: all of them are needed."""

    def look(self, send: Send) -> None:
        """As the protocol has it."""
        board = send.board
        if send.is_over or board is None:
            return
        reader = board.reader(send.acknowledge)
        if reader:
            key = board, reader
            if send.position > self._progress.get(key, 0):
                self._progress[key] = send.position
            self._end(send, reusable=True)
            if len(self._progress) > _MOST_READERS:
                self._progress = self._of_the_living()

    def charge(self, send: Send, nbytes: int) -> None:
        """As the protocol has it."""
        if not send.is_over:
            send.length = nbytes
            self.length += nbytes

    def holds_for(self, peer: bytes) -> bool:
        """As the protocol has it."""
        return any(send.peer == peer and send.length and not send.is_over for send in self._pending)

    def cancel(self, send: Send) -> None:
        """As the protocol has it."""
        if not send.is_over:
            self._end(send, reusable=True)

    def abandon(self, send: Send) -> None:
        """As the protocol has it."""
        self.look(send)
        if not send.is_over:
            self._end(send, reusable=False)

    def peer_gone(self, remaining: int) -> None:
        """As the protocol has it."""
        self.settle()
        self._suspects, self._remaining = self._next, remaining
        self._judge_at = time.monotonic() + JUDGE_AFTER
        if not remaining:
            self._lose(self._suspects)

    def end(self) -> None:
        """As the protocol has it."""
        self.settle()
        self._lose(self._next)

    def __len__(self) -> int:
        """As the protocol has it."""
        return sum(not send.is_over for send in self._pending)

    def _judge(self) -> None:
        self._progress = self._of_the_living()
        if len(self._progress) == self._remaining:
            self._lose(min(self._suspects, *self._progress.values()))

    def _lose(self, before: int) -> None:
        for send in self._pending:
            if send.position < before and not send.is_over:
                self._end(send, reusable=False)
        self._pending = deque(send for send in self._pending if not send.is_over)
        if not any(send.position < self._suspects for send in self._pending):
            self._suspects = 0

    def _end(self, send: Send, *, reusable: bool) -> None:
        self.length -= send.length
        send.end(reusable=reusable)

    def _of_the_living(self) -> dict[tuple[Board, int], int]:
        return {key: position for key, position in self._progress.items() if key[0].is_alive(key[1])}


class Retained:
    """Each send may have any number of receivers, which nobody knows."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._kept: deque[Send] = deque()  # the oldest first
        self.length = 0

    def add(self, send: Send) -> None:
        """As the protocol has it."""
        send.position = 1
        self.length += send.length
        self._kept.append(send)
        while self.length > self._budget and len(self._kept) > 1:  # the newest stays, whatever its size
            self._end(self._kept.popleft())

    def settle(self, most: int | None = None) -> None:
        """As the protocol has it: there is nothing to find out."""

    def press(self) -> None:
        """As the protocol has it: of the sends kept, the older half."""
        # Else publishers that keep all there is between them would send inline for ever.
        for _ in range(len(self._kept) // 2):
            self._end(self._kept.popleft())

    def look(self, send: Send) -> None:
        """As the protocol has it: there is nothing to find out."""

    def charge(self, send: Send, nbytes: int) -> None:
        """As the protocol has it: it counts since it was entered."""

    def holds_for(self, peer: bytes) -> bool:  # noqa: ARG002 - the protocol's
        """As the protocol has it: nobody knows whom they are for."""
        return False

    def cancel(self, send: Send) -> None:
        """As the protocol has it."""
        if not send.is_over:
            with suppress(ValueError):  # an interrupt came before it was put there
                self._kept.remove(send)
            self._end(send)

    def abandon(self, send: Send) -> None:
        """As the protocol has it: kept as long as the others."""

    def peer_gone(self, remaining: int) -> None:
        """As the protocol has it: others may have the same messages in their queues."""

    def end(self) -> None:
        """As the protocol has it."""
        while self._kept:
            self._end(self._kept.popleft())

    def __len__(self) -> int:
        """As the protocol has it."""
        return len(self._kept)

    def _end(self, send: Send) -> None:
        self.length -= send.length
        send.end(reusable=False)

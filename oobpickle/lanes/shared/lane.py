"""The shared lane of this process: one arena, one board of acknowledgements, one set of attached segments, one mutex.

Made on first use, nothing at import. A child after a fork has none of its parent's (fork.py).
"""

import atexit
import os
import time
import weakref
from typing import TYPE_CHECKING

from oobpickle.lanes.shared.acks import Board
from oobpickle.lanes.shared.address import AddressBook
from oobpickle.lanes.shared.arena import Arena
from oobpickle.lanes.shared.attachments import Attachments
from oobpickle.lanes.shared.guard import Guard
from oobpickle.lanes.shared.references import NO_ACK, AckReference
from oobpickle.lanes.shared.sends import Sends

if TYPE_CHECKING:
    from oobpickle.lanes.shared.inbox import SharedInbox


class Lane:
    """The parts, made to know each other. Methods are called under ``guard``'s mutex."""

    def __init__(self, limit: int) -> None:
        self.pid = os.getpid()
        self.guard = Guard()
        self.book = AddressBook()
        self.arena = Arena(self.pid, limit, self.book, self.settle)
        self.attachments = Attachments(self.pid, self.book)
        self.outboxes: weakref.WeakSet[Sends] = weakref.WeakSet()
        self.inboxes: weakref.WeakSet[SharedInbox] = weakref.WeakSet()
        self.forks = 0  # how many forks lie between the process that made this lane and the one that has it
        self.boards: list[Board] = []  # the last is the one in use, the others have sends in flight
        atexit.register(self.guard.end)

    def settle(self) -> None:
        """Find sends that are over, of all endpoints, and memory that the dead left to us."""
        for sends in list(self.outboxes):
            sends.settle()
        self.attachments.sweep()
        for board in [board for board in self.boards[:-1] if board.is_idle]:
            self.boards.remove(board)
            board.close()

    @property
    def refers(self) -> bool:
        """Whether arrays live that lie in shared memory already: loaned, or received."""
        return bool(self.arena.loans or self.attachments.leases)

    def take_word(self) -> tuple[Board | None, AckReference]:
        """Where one send is to be acknowledged; no board: nowhere is room for it."""
        board = self.boards[-1] if self.boards else None
        acknowledge = board.take() if board else None
        if acknowledge is None and (board is None or board.is_used_up):
            try:
                board = Board(self.pid)
            except OSError:  # out of descriptors or of memory
                return None, NO_ACK
            self.boards.append(board)
            acknowledge = board.take()
        return (None, NO_ACK) if acknowledge is None else (board, acknowledge)

    def leave(self, sends: Sends) -> None:
        """An endpoint that sends has closed; with the last one what is idle is given back to the system."""
        sends.end()
        self.outboxes.discard(sends)
        if not self.outboxes:
            self.arena.trim(time.monotonic())
            while self.boards:
                self.boards.pop().close()

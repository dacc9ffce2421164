"""The shared lane of this process: one arena, one board of acknowledgements, one set of attached segments, one mutex.

Made on first use, nothing at import. A child after a fork has none of its parent's (fork.py).
"""

import atexit
import os
import time

from oobpickle.lanes.shared.acks import Board
from oobpickle.lanes.shared.address import AddressBook
from oobpickle.lanes.shared.arena import Arena
from oobpickle.lanes.shared.attachments import Attachments
from oobpickle.lanes.shared.boards import Boards
from oobpickle.lanes.shared.guard import Guard
from oobpickle.lanes.shared.references import NO_ACK, AckReference
from oobpickle.lanes.shared.sends import Sends


class Lane:
    """The parts, made to know each other. Methods are called under ``guard``'s mutex."""

    def __init__(self, limit: int) -> None:
        self.pid = os.getpid()
        self.guard = Guard()
        self.book = AddressBook()
        self.arena = Arena(self.pid, limit, self.book, self.settle)
        self.attachments = Attachments(self.pid, self.book)
        self.sending: set[Sends] = set()  # of each endpoint that sends
        self.receiving: set[Boards] = set()  # of each endpoint that receives
        self.forks = 0  # how many forks lie between the process that made this lane and the one that has it
        self.boards: list[Board] = []  # the last is the one in use, the others have sends in flight
        atexit.register(self.guard.end)

    def settle(self, *, pressing: bool = False) -> None:
        """Find sends that are over, of all endpoints, and memory that the dead left to us. pressing: as `Settle`."""
        for sends in list(self.sending):
            sends.settle()
            if pressing:
                sends.press()
        self.attachments.sweep()
        for board in [board for board in self.boards[:-1] if board.is_idle]:
            self.boards.remove(board)
            board.close()

    def take_word(self) -> tuple[Board | None, AckReference]:
        """Where one send is to be acknowledged; no board: nowhere is room for it."""
        board = self._board()
        if board is None:
            return None, NO_ACK
        acknowledge = board.take()
        if acknowledge is None and board.is_used_up:
            board = self._new_board()
            acknowledge = board.take() if board else None
        return (None, NO_ACK) if acknowledge is None else (board, acknowledge)

    def publish_word(self) -> tuple[Board | None, AckReference]:
        """Where the readers of one published send tell how far they are; no board: nowhere."""
        board = self._board()
        return (None, NO_ACK) if board is None else (board, board.publish())

    def _board(self) -> Board | None:
        return self.boards[-1] if self.boards else self._new_board()

    def _new_board(self) -> Board | None:
        try:
            self.boards.append(Board(self.pid))
        except OSError:  # out of descriptors or of memory
            return None
        return self.boards[-1]

    def join_sending(self, sends: Sends) -> None:
        """An endpoint that sends has opened."""
        self.sending.add(sends)
        self.arena.users = len(self.sending)

    def leave_sending(self, sends: Sends) -> None:
        """It has closed; with the last one what is idle is given back to the system."""
        sends.end()
        self.sending.discard(sends)
        self.arena.users = len(self.sending)
        if not self.sending:
            while self.boards:
                self.boards.pop().close()
        self._trim()

    def join_receiving(self, boards: Boards) -> None:
        """An endpoint that receives has opened."""
        self.receiving.add(boards)
        self.attachments.users = len(self.receiving)

    def leave_receiving(self, boards: Boards) -> None:
        """It has closed; with the last one the maps that no view holds are let go."""
        boards.close()
        self.receiving.discard(boards)
        self.attachments.users = len(self.receiving)
        self.attachments.sweep()
        self._trim()  # its readers may have been our own

    def _trim(self) -> None:
        if not self.sending:
            self.arena.trim_idle(time.monotonic())

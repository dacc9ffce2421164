"""Acknowledgements: one word of memory a send, that its one receiver writes when it has its leases.

The board is a memfd of its own, sealed in its size, and the only memory of ours that peers may write. The worst that a
forged word can do is to end a send too early, whose message is then lost; its blocks' generations and the readers' locks
stand between that and wrong bytes.

A word holds ``reader << 32 | stamp``: written with one aligned store, it is never seen in halves. stamp: told in the
reference, so that an acknowledgement that comes late is not taken for a later send's. reader: the number of the
receiving endpoint, drawn at random, whose lock byte `READER` + number it holds as long as it lives. The sender learns
from that who has got how far (sends.py).

A word whose send ended without an acknowledgement is not used again, since one may yet be written there; a board that
has used up its words is replaced by a new one.
"""

import mmap
import os
import secrets
import struct
from collections import deque
from itertools import count

from oobpickle.errors import LaneError
from oobpickle.lanes.shared import locks, memfd
from oobpickle.lanes.shared.references import AckReference
from oobpickle.lanes.shared.segment import ALIVE

HEADER = struct.Struct("=8sQQ")
"""magic, token, number of words."""

MAGIC = b"oobacks0"

WORDS = 1 << 16
"""Words on a board, so sends in flight to single receivers. Beyond, messages go inline."""

READER = 1 << 41
"""The lock byte of reader 0."""

_START = mmap.PAGESIZE
STAMP_MASK = (1 << 32) - 1
"""The part of a word that says which send it is that was acknowledged."""


class Board:
    """The sender's side. Methods are called under the mutex."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._token = secrets.randbits(64)
        header = HEADER.pack(MAGIC, self._token, WORDS)
        self.fd, self._map = memfd.create(header, _START + 8 * WORDS, memfd.FIXED_SIZE)
        self.words = memoryview(self._map)[_START:].cast("Q")
        self._free = deque(range(WORDS))
        self._in_flight = 0
        self._stamps = count(1)
        locks.lock_exclusive(self.fd, ALIVE)

    @property
    def is_used_up(self) -> bool:
        """Whether no word is left and most are lost for good, so that another board should take this one's place."""
        return not self._free and self._in_flight < WORDS // 2

    @property
    def is_idle(self) -> bool:
        """Whether no send waits for an acknowledgement."""
        return not self._in_flight

    def take(self) -> AckReference | None:
        """A word for one send; None when all are taken."""
        if not self._free:
            return None
        self._in_flight += 1
        stamp = next(self._stamps) & STAMP_MASK or next(self._stamps) & STAMP_MASK
        return AckReference(self._pid, self.fd, self._free.popleft(), stamp, self._token)

    def reader(self, acknowledge: AckReference) -> int:
        """The number of the reader that acknowledged this send; 0: nobody did so far."""
        value = self.words[acknowledge.word]
        return value >> 32 if value & STAMP_MASK == acknowledge.stamp else 0

    def end(self, acknowledge: AckReference, *, reusable: bool) -> None:
        """A send is over. reusable: it was acknowledged, or never sent; else its word may yet be written."""
        self._in_flight -= 1
        if reusable:
            self._free.append(acknowledge.word)

    def is_alive(self, reader: int) -> bool:
        """Whether the endpoint that acknowledges under this number still lives."""
        return locks.is_locked(self.fd, READER + reader)

    def close(self) -> None:
        """Give everything back to the system."""
        os.close(self.fd)
        self.words.release()
        self._map.close()


class PeerBoard:
    """The receiver's side: a peer's board, on which one endpoint acknowledges."""

    def __init__(self, acknowledge: AckReference) -> None:
        """Open it. Raises LaneError when it is no board, or out of reach."""
        self._fd = memfd.open_peer(acknowledge.pid, acknowledge.fd, memfd.FIXED_SIZE, writable=True)
        try:
            size, self._count = _checked(self._fd, acknowledge.token)
            self._map = memfd.map_file(self._fd, size, flags=mmap.MAP_SHARED, prot=memfd.READ_WRITE)
            number = 0
            while not number or not locks.lock_exclusive(self._fd, READER + number):
                number = secrets.randbits(32)
            self._reader = number << 32
        except BaseException:
            os.close(self._fd)
            raise
        self._words = memoryview(self._map)[_START : _START + 8 * self._count].cast("Q")

    def acknowledge(self, acknowledge: AckReference) -> None:
        """Tell the sender that this message has arrived. Raises LaneError for a word that is not on the board."""
        if acknowledge.word >= self._count:
            raise LaneError("the acknowledgement is asked for beyond the end of the board")
        self._words[acknowledge.word] = self._reader | acknowledge.stamp

    def is_abandoned(self) -> bool:
        """Whether the sender is gone."""
        return not locks.is_locked(self._fd, ALIVE, exclusively=True)

    def close(self) -> None:
        """Let the board go, and with it this reader's number."""
        os.close(self._fd)
        self._words.release()
        self._map.close()


def _checked(fd: int, token: int) -> tuple[int, int]:
    """The size of a board's file and its number of words. Raises LaneError when it is not the board that is meant."""
    (magic, actual, words), size = memfd.read_header(fd, HEADER)
    if magic != MAGIC or actual != token or size < _START + 8 * words:
        raise LaneError("the acknowledgement is asked for at a place that is not the sender's")
    return size, words

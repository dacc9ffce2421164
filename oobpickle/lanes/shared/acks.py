"""Acknowledgements: one word of memory a send, that its one receiver writes when it has its leases.

A published send has no word, for nobody knows its receivers. There each reader has a word of its own, where it writes how
far it has got: what a publisher that closes waits for, and nothing else.

The board is a memfd of its own, sealed in its size, and the only memory of ours that peers may write. The worst that a
forged word can do is to end a send too early, whose message is then lost; its blocks' generations and the readers' locks
stand between that and wrong bytes.

A word holds ``reader << 32 | stamp``: written with one aligned store, it is never seen in halves. stamp: told in the
reference, so that an acknowledgement that comes late is not taken for a later send's. reader: the number of the
receiving endpoint, drawn at random, whose lock byte `READER` + number it holds as long as it lives. The sender learns
from that who has got how far (sends.py).

    header    a page, `HEADER`
    words     one u64 a send
    progress  one u64 a reader: its number, and the stamp of the last published send that it has its leases for

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

EVERYBODY = 0xFFFF_FFFF
"""Stands for a word's number in the reference of a published send."""

READER = 1 << 41
"""The lock byte of reader 0."""

PROGRESS = 4096
"""Words for readers of published sends. A reader beyond is not waited for."""

PLACE = 1 << 42
"""The lock byte of the first of those words, held by the reader that has it."""

_START = mmap.PAGESIZE
STAMP_MASK = (1 << 32) - 1
"""The part of a word that says which send it is that was acknowledged."""


class Board:
    """The sender's side. Methods are called under the mutex."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._token = secrets.randbits(64)
        header = HEADER.pack(MAGIC, self._token, WORDS)
        self.fd, self._map = memfd.create(header, _START + 8 * (WORDS + PROGRESS), memfd.FIXED_SIZE)
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
        return self._reference(self._free.popleft())

    def publish(self) -> AckReference:
        """Where the readers of one published send write that they have got that far."""
        return self._reference(EVERYBODY)

    def _reference(self, word: int) -> AckReference:
        stamp = next(self._stamps) & STAMP_MASK or next(self._stamps) & STAMP_MASK
        return AckReference(self._pid, self.fd, word, stamp, self._token)

    def reader(self, acknowledge: AckReference) -> int:
        """The number of the reader that acknowledged this send; 0: nobody did so far."""
        value = self.words[acknowledge.word]
        return value >> 32 if value & STAMP_MASK == acknowledge.stamp else 0

    def behind(self, acknowledge: AckReference) -> list[int]:
        """How far behind this published send each living reader is that ever had one; 0: not at all."""
        places = [value for value in self.words[WORDS:].tolist() if value and self.is_alive(value >> 32)]
        lags = [(acknowledge.stamp - value) & STAMP_MASK for value in places]
        return [lag if lag <= STAMP_MASK // 2 else 0 for lag in lags]

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
        self._words = memoryview(self._map)[_START : _START + 8 * (self._count + PROGRESS)].cast("Q")
        self._place = -1

    def acknowledge(self, acknowledge: AckReference) -> None:
        """Tell the sender that this message has arrived. Raises LaneError for a word that is not on the board."""
        _, _, word, stamp, _ = acknowledge
        if word == EVERYBODY:
            if self._place < 0:
                self._place = self._take_place()
            word = self._place
        elif word >= self._count:
            raise LaneError("the acknowledgement is asked for beyond the end of the board")
        self._words[word] = self._reader | stamp

    def _take_place(self) -> int:
        first = self._reader >> 32
        for place in range(first, first + PROGRESS):
            if locks.lock_exclusive(self._fd, PLACE + place % PROGRESS):
                return self._count + place % PROGRESS
        raise LaneError("the sender has no place left for its readers' progress")

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
    if magic != MAGIC or actual != token or size < _START + 8 * (words + PROGRESS):
        raise LaneError("the acknowledgement is asked for at a place that is not the sender's")
    return size, words

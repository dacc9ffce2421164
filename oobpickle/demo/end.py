"""The producer or the consumer: a process that runs `main`.

It takes orders, pickles of (number, method, arguments), on stdin, and answers each on stdout with (number, True, result) or
(number, False, what went wrong: a BadFile, or text). When stdin closes, it removes FOLDER and ends at once, whatever it is doing: so it outlives nobody.
"""

import os
import pickle
import queue
import shutil
import sys
import threading
import time
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import zmq

from oobpickle import wire
from oobpickle.demo import content, files
from oobpickle.demo.memory import Fresh
from oobpickle.demo.things import THINGS
from oobpickle.demo.transports import Transport
from oobpickle.errors import type_name
from oobpickle.message import dumps

PATIENCE = 8.0
"""Seconds without a message, or without being able to send one, after which a run has failed."""

Order: TypeAlias = tuple[int, str, tuple[Any, ...]]

_IN_FLIGHT = 16 << 20  # bytes that may wait on the way: about what stays in a cache
_MOST_IN_FLIGHT = 1000  # messages: ZeroMQ's default


class Prepared(NamedTuple):
    """A thing that is ready to be sent. in_band, out_of_band: the bytes of its stream, and of its buffers."""

    title: str
    about: str
    size: int
    in_band: int
    out_of_band: int
    checksum: int


class Streamed(NamedTuple):
    """A timed part, seen from one end. at: when it began for the producer, ended for the consumer (time.monotonic)."""

    messages: int
    at: float
    checksum: int
    in_order: bool


class End:
    """What both ends do."""

    kind: int

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(self.kind)
        self._transport = Transport()

    def open(self, transport: Transport, size: int) -> None:
        """Make a socket for messages of this size."""
        self.close()
        self._transport = transport
        self._socket = self._context.socket(self.kind)
        self._socket.linger = 0
        self._socket.hwm = max(1, min(_MOST_IN_FLIGHT, _IN_FLIGHT // max(size, 1)))
        self._socket.sndtimeo = self._socket.rcvtimeo = int(PATIENCE * 1000)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close(0)


class Producer(End):
    """Builds the things, and sends them."""

    kind = zmq.PUSH

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self._things: list[Any] = []

    def prepare(self, source: str) -> Prepared:
        """Build a thing of `THINGS`, or load a file. Raises BadFile."""
        title, obj = (source, THINGS[source]()) if source in THINGS else (os.path.basename(source), files.load(source))
        message = wire.unpack([memoryview(frame) for frame in dumps(obj)])
        out_of_band = sum(buffer.nbytes for buffer in message.buffers if isinstance(buffer, memoryview))
        self._things.append(obj)
        return Prepared(
            title, content.describe(obj), content.size(obj), message.stream.nbytes, out_of_band, content.checksum(obj)
        )

    def bind(self) -> str:
        """Bind, and give the address."""
        return self._transport.bind(self._socket, self._folder)

    def send_one(self, index: int) -> int | None:
        """Send one message, and wait until its memory is free again; the fresh memory that this took."""
        obj = self._things[index]
        fresh = Fresh()
        self._transport.send(self._socket, (0, True, obj)).wait(PATIENCE)
        return fresh.nbytes()

    def stream(self, index: int, seconds: float) -> Streamed:
        """Send messages for so many seconds, at least one: (number, whether it is the last, the thing)."""
        obj = self._things[index]
        start = time.monotonic()
        number = 0
        last = False
        while not last:
            last = time.monotonic() - start >= seconds
            tracker = self._transport.send(self._socket, (number, last, obj))
            number += 1
        tracker.wait(PATIENCE)
        return Streamed(number, start, 0, in_order=True)


class Consumer(End):
    """Receives the things, and looks at them."""

    kind = zmq.PULL

    def connect(self, address: str) -> None:
        """Connect to the producer."""
        self._socket.connect(address)

    def get_ready(self) -> None:
        """Measure fresh memory from now on: a message may arrive before it is asked for."""
        self._fresh = Fresh()

    def receive_one(self) -> tuple[int, int | None]:
        """Receive one message: the checksum of its thing, and the fresh memory that this took."""
        _, _, obj = self._transport.recv(self._socket)
        fresh = self._fresh.nbytes()
        return content.checksum(obj), fresh

    def stream(self) -> Streamed:
        """Receive until the last message. One byte of each page is read of all, the checksum is that of the last one."""
        count = 0
        last = False
        in_order = True
        while not last:
            obj = None  # the one before: its memory can be used again
            number, last, obj = self._transport.recv(self._socket)
            content.touch(obj)
            in_order &= number == count
            count += 1
        end = time.monotonic()
        return Streamed(count, end, content.checksum(obj), in_order)


def serve(end: End, orders: "queue.SimpleQueue[Order]", answers: BinaryIO) -> None:
    """Do what is ordered, for ever."""
    while True:
        number, method, arguments = orders.get()
        try:
            answer = (number, True, getattr(end, method)(*arguments))
        except files.BadFile as error:
            answer = (number, False, error)
        except Exception as error:  # noqa: BLE001 - the process that gave the order must know, whatever it is
            answer = (number, False, f"{type_name(error)}: {error}")
        pickle.dump(answer, answers)
        answers.flush()


def _read(orders: "queue.SimpleQueue[Order]", folder: str) -> None:
    try:
        while True:
            orders.put(pickle.load(sys.stdin.buffer))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


def main() -> None:
    """Be one end: the arguments of the process are its role, ``producer`` or ``consumer``, and FOLDER."""
    role, folder = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what else prints must not get among the answers
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(orders, folder), daemon=True).start()
    serve((Producer if role == "producer" else Consumer)(folder), orders, answers)

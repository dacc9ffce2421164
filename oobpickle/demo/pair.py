"""The two ends as seen from the process that started them: `Pair` starts, orders, and always ends them."""

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
import time
from types import TracebackType
from typing import IO, Any, NamedTuple, Self, cast

from oobpickle.demo.end import PATIENCE, Prepared, Streamed
from oobpickle.demo.files import BadFile
from oobpickle.demo.memory import ONE_ARENA
from oobpickle.demo.transports import Transport

MEASURABLE = 1 << 20
"""Bytes of a thing from which its copies are told: a process's own small needs are some 100 KB."""

_ANSWER_WITHIN = 2.5 * PATIENCE  # an end answers within PATIENCE that nothing came, and may have to checksum half a GB


class DemoFailed(Exception):  # noqa: N818 - the demo, not the user's program
    """An end could not do what it was told, or is gone."""


class Outcome(NamedTuple):
    """What one thing took over one transport.

    rate: messages a second, from before the first send to after the last receive. copies: made in user space on both sides
    together, in units of the thing's size; None where that was not measured. wrong: what was not as it should be, or "".
    """

    transport: str
    rate: float
    copies: float | None
    wrong: str


def failed(transport: Transport, why: str) -> Outcome:
    """The outcome of what could not be done."""
    return Outcome(transport.name, 0.0, None, why)


class Pair:
    """A producer and a consumer, two processes, and a private folder for what they need. A context manager.

    Raises OSError on entry if there is no place for the folder, or no process to be had.
    """

    def __enter__(self) -> Self:
        """Start both."""
        self._folder = tempfile.TemporaryDirectory(prefix="oobpickle-demo-")
        self._ends: list[_End] = []
        try:
            self._producer = self._start("producer")
            self._consumer = self._start("consumer")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End both, whatever they are doing, and remove the folder."""
        for end in self._ends:
            end.stop()
        self._folder.cleanup()

    def prepare(self, source: str) -> Prepared:
        """Have the producer build a thing, or load a file. Raises BadFile and DemoFailed."""
        return self._producer.do("prepare", source)  # type: ignore[no-any-return]

    def run(self, index: int, thing: Prepared, transport: Transport, seconds: float) -> Outcome:
        """Send the index-th prepared thing for so many seconds. What goes wrong is in the outcome."""
        try:
            return self._run(index, thing, transport, seconds)
        except DemoFailed as error:  # which may be of one end because the other is gone
            gone = [end.gone() for end in self._ends if not end.runs()]
            return failed(transport, "; ".join(gone) or str(error))

    def _start(self, role: str) -> "_End":
        end = _End(role, self._folder.name)
        self._ends.append(end)
        return end

    def _run(self, index: int, thing: Prepared, transport: Transport, seconds: float) -> Outcome:
        producer, consumer = self._producer, self._consumer
        producer.do("open", transport, thing.size)
        consumer.do("open", transport, thing.size)
        consumer.do("connect", producer.do("bind"))
        first, _ = self._send_one(index)  # connects, and warms up
        start = time.monotonic()
        second, fresh = self._send_one(index)
        took = time.monotonic() - start
        consumer.order("stream")
        sent: Streamed = producer.do("stream", index, seconds if took < seconds else 0)  # 0: a single message
        received: Streamed = consumer.answer()
        consumer.do("close")
        producer.do("close")
        if {first, second, received.checksum} != {thing.checksum}:
            wrong = "the checksum of what arrived is not that of what was sent"
        elif received.messages != sent.messages or not received.in_order:
            wrong = f"of {sent.messages:,} messages {received.messages:,} arrived, or not in order"
        else:
            wrong = ""
        copies = _copies(thing, transport, *fresh)
        return Outcome(transport.name, sent.messages / (received.at - sent.at), copies, wrong)

    def _send_one(self, index: int) -> tuple[int, tuple[int | None, int | None]]:
        """The checksum of what arrived, and the fresh memory that it took at either end."""
        self._consumer.do("get_ready")
        self._consumer.order("receive_one")
        fresh = self._producer.do("send_one", index)
        checksum, fresh_at_consumer = self._consumer.answer()
        return checksum, (fresh, fresh_at_consumer)


def _copies(thing: Prepared, transport: Transport, at_producer: int | None, at_consumer: int | None) -> float | None:
    """The copies that were made, told by the fresh memory at either end; None if that does not tell."""
    if transport.lands is None:
        return None
    landing = transport.lands * thing.out_of_band
    if at_producer is None or at_consumer is None or thing.size < MEASURABLE or at_consumer < 0.9 * landing:
        return None  # the last: if what arrived took no fresh memory, then neither would a copy
    return max(0.0, at_producer + at_consumer - landing) / thing.size


class _End:
    """A process of `oobpickle.demo.end`, and the pipes to it."""

    def __init__(self, role: str, folder: str) -> None:
        self._role = role
        self._ordered = 0
        # In a session of its own, so that Ctrl-C at the terminal comes to us alone: we end it. -P with our own path: a
        # numpy.py that lies in the current folder is imported by neither.
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-P", "-c", "from oobpickle.demo import end; end.main()", role, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path), **ONE_ARENA},
            start_new_session=True,
        )
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def do(self, method: str, *arguments: Any) -> Any:
        """Order, and wait for the answer. Raises DemoFailed, and BadFile."""
        self.order(method, *arguments)
        return self.answer()

    def order(self, method: str, *arguments: Any) -> None:
        """Have it do something; `answer` waits for that."""
        self._ordered += 1
        try:
            pickle.dump((self._ordered, method, arguments), self._stdin)
            self._stdin.flush()
        except OSError:
            raise DemoFailed(self.gone()) from None

    def answer(self) -> Any:
        """The answer to the last order; those to earlier ones, which nobody waited for, are dropped."""
        number = 0
        while number != self._ordered:
            try:
                number, done, result = self._answers.get(timeout=_ANSWER_WITHIN)
            except queue.Empty:
                raise DemoFailed(f"the {self._role} does not answer") from None
            except TypeError:  # None: it will answer no more
                self._answers.put(None)
                raise DemoFailed(self.gone()) from None
        if done:
            return result
        raise result if isinstance(result, BadFile) else DemoFailed(f"the {self._role}: {result}")

    def runs(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def gone(self) -> str:
        """What to say of a process that is not there."""
        return f"the {self._role} has ended (exit status {self._process.wait()})"

    def stop(self) -> None:
        """End it, at once."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._stdin.close()
        self._reader.join()
        self._stdout.close()

    @property
    def _stdin(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdin)

    @property
    def _stdout(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdout)

    def _read(self) -> None:
        try:
            while True:
                self._answers.put(pickle.load(self._stdout))
        except EOFError:
            pass
        finally:
            self._answers.put(None)

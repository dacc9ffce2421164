"""`Endpoint`: the life of one end of a pattern, from its addresses to its close. What it sends and takes is not here.

Rule 1: one lock guards the socket. It is held for attempts, which take no time, and never while waiting. So another
thread may close an endpoint at any moment: those who wait are woken, find it closed, and raise Closed.
Rule 2: the context is not ours: it is used, and neither closed nor changed.
Rule 3: close delivers what was sent, as long as `linger` allows, and says what it could not deliver.
Rule 4: a socket does not cross a fork. In the child every endpoint of the parent raises Closed, and nothing of libzmq's
is touched: closing or even looking there would speak on the parent's connections.
Rule 5: the user's calls carry the housekeeping (events, subscriptions), at most once in `TICK`; there is no thread.
"""

import contextlib
import logging
import math
import os
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Any, NoReturn
from weakref import WeakSet

import zmq

from oobpickle import wire
from oobpickle.codec import AnyCodec, codec_of
from oobpickle.endpoints.addresses import SocketFile, as_addresses, is_private, told, unclaimed
from oobpickle.endpoints.lane import LaneChoice, References, checked, is_near
from oobpickle.endpoints.monitor import AnyMonitor, ConnectionEvent, Monitor, NoMonitor
from oobpickle.endpoints.options import KEEPALIVE, RECONNECT, set_option
from oobpickle.endpoints.security import Curve
from oobpickle.endpoints.waiting import RECEIVE, ThreadWaiter, Waiter
from oobpickle.errors import Closed, InsecureEndpoint, Timeout
from oobpickle.lanes import INLINE_INBOX, INLINE_OUTBOX, Inbox, Outbox
from oobpickle.patterns.stats import Counters, Stats

logger = logging.getLogger(__name__)

LINGER = 10.0
"""Seconds that close waits for messages to leave: a gigabyte on a slow network; a person can still bear it."""

INTERRUPTED_LINGER = 1.0
"""The same when a block is left by Ctrl-C or the like: somebody wants to get out."""

QUIET = 2.0
"""Seconds of these after which it says what it waits for: then a person wonders."""

CLOSING = 1.0
"""Seconds that close waits for libzmq when there is nothing to deliver: a millisecond as a rule, then the address is free."""

TICK = 10_000_000
"""Nanoseconds between housekeepings: a few microseconds of work each, so 0.1 % of a core."""

LOOK = 0.002
"""Seconds between looks whether receivers have come for what is shared; nothing tells of a word that another process wrote."""

_all: "WeakSet[Endpoint]" = WeakSet()
_inherited: list[Any] = []  # sockets of the parent, kept from pyzmq's own finalizers in a fork's child


class Endpoint:
    """What all endpoints share; not for users."""

    _open = False
    _outbox: Outbox = INLINE_OUTBOX
    _inbox: Inbox = INLINE_INBOX
    _seen = 0  # of the monitor's disconnections
    _why_closed = "this endpoint is closed"
    _lacks_context = False
    _tell_at = 0.0  # when a close that waits says so
    _slept = False  # the last call had to wait
    _own_waiters = 0  # that always wait: threads of ours

    def __init__(
        self,
        kind: int,
        *,
        bind: str | Iterable[str] | None,
        connect: str | Iterable[str] | None,
        codec: AnyCodec,
        curve: Curve | None,
        insecure: bool,
        context: "zmq.Context[Any] | None",
        linger: float | None,
        options: Mapping[int, int],
        lane: LaneChoice = "auto",
    ) -> None:
        self._codec = codec_of(codec)
        self._lane = checked(lane)
        binds, connects = as_addresses(bind), as_addresses(connect)
        if not binds and not connects:
            raise ValueError("an endpoint needs bind= or connect=")
        if self._codec.number == wire.PICKLE and curve is None and not insecure:
            for address in (*binds, *connects):
                if not is_private(address):
                    raise InsecureEndpoint(address)
        self._lock = Lock()
        self._linger = linger
        self._counters = Counters()
        self._waiters: set[Waiter] = set()
        self._resting: list[ThreadWaiter] = []
        self._tick = 0
        self._lost: int | None = None  # messages; None: not reckoned yet
        self._admission = None
        self._addresses: list[str] = []
        self._files: list[SocketFile] = []
        self._connects = len(connects)
        self._inproc = [address for address in binds if address.startswith("inproc:")]
        self._socket: zmq.Socket[Any] = (context or zmq.Context.instance()).socket(kind, socket_class=zmq.Socket)
        self._has_inproc = bool(self._inproc)
        self._inproc_only = all(address.startswith("inproc:") for address in (*binds, *connects))
        self._near = all(map(is_near, (*binds, *connects)))
        self._monitor: AnyMonitor = NoMonitor() if self._inproc_only else Monitor(self._socket)
        self._open = True
        try:
            for option, value in [(zmq.LINGER, 0), *KEEPALIVE.items(), *RECONNECT.items(), *options.items()]:
                set_option(self._socket, option, value)
            if curve is not None:
                self._admission = curve.apply(self._socket)
            for address in binds:
                with told(address), unclaimed(address):
                    self._socket.bind(address)
                    self._files.append(SocketFile(address))
                self._addresses.append(self._socket.get(zmq.LAST_ENDPOINT).decode())
            for address in connects:
                with told(address, connecting=True):
                    self._socket.connect(address)
                self._addresses.append(address)
        except BaseException:
            self._release()
            raise
        self._descriptor = int(self._socket.fileno())
        _watch_forks()
        _all.add(self)

    @property
    def addresses(self) -> list[str]:
        """Where it is bound, with the ports that the system chose, then where it connects to."""
        return list(self._addresses)

    @property
    def socket(self) -> "zmq.Socket[Any]":
        """The ZeroMQ socket, to be polled. Whoever sends or receives on it breaks the endpoint's books."""
        return self._socket

    def fileno(self) -> int:
        """The socket's edge-triggered file descriptor, as pyzmq's ``Socket.fileno``."""
        return self._descriptor

    @property
    def closed(self) -> bool:
        """Whether it can no longer be used."""
        return not self._open

    @property
    def _signals(self) -> tuple[int, ...]:
        """Descriptors that can be read when there is something to attend to."""
        return self._monitor.descriptors

    @property
    def _spins(self) -> bool:
        """Whether who waits for a message looks again for a moment before he sleeps."""
        return True

    @property
    def _peers(self) -> int:
        """How many may take what is shared."""
        return self._monitor.connected

    @property
    def stats(self) -> Stats:
        """The counts as they are now; see Stats."""
        with self._lock:
            self._housekeep_if_open()
            self._counters.connected = self._monitor.connected
            self._counters.handshakes_failed = self._monitor.refusals
            return self._snapshot()

    def events(self) -> list[ConnectionEvent]:
        """The connection events since the last call, the oldest first; at most the last 256 are kept."""
        with self._lock:
            self._housekeep_if_open()
            events = list(self._monitor.events)
            self._monitor.events.clear()
            return events

    def _references(self, *, readonly: bool) -> References:
        """What is done with the references that come."""
        references = References(self._lane, self._addresses, readonly=readonly)
        self._inbox = references.inbox
        return references

    def _snapshot(self) -> Stats:
        return self._counters.snapshot()

    def _housekeep(self) -> None:
        """What has to be done now and then. Called with the lock held."""
        self._tick = time.time_ns() + TICK
        self._monitor.read()
        self._part_from_the_gone()
        # libzmq puts off a part of its own work until the socket is used: a SUB subscribes anew after a reconnection.
        # That swallows signals; see waiting.py.
        if int(self._socket.get(zmq.EVENTS)) & RECEIVE:
            self._wake(RECEIVE)

    def _part_from_the_gone(self) -> None:
        """Tell the lanes of peers that have gone."""
        seen = self._monitor.disconnections
        if seen != self._seen:
            self._seen = seen
            self._outbox.peer_gone(self._monitor.accepted + self._connects)
            self._inbox.peer_gone()

    def _housekeep_if_open(self) -> None:
        self._look_if_open(self._housekeep)

    def _look_if_open(self, look: Callable[[], object]) -> bool:
        """Look after the socket; False when it is closed, or its context is gone: the next attempt says so."""
        try:
            return self._open and not self._socket.closed and bool(look())
        except zmq.ZMQError as error:
            if not isinstance(self._gone(error), Closed):
                raise
            return False

    def _has_received(self) -> bool:
        return bool(int(self._socket.get(zmq.EVENTS)) & RECEIVE)

    def _is_empty(self) -> bool:
        """Whether nothing has come. False also where the socket cannot tell: the attempt says why. It costs less than half of
        an attempt in vain, which is an exception, 3 us.
        """
        with self._lock:
            try:
                return self._open and not self._has_received()
            except zmq.ZMQError:
                return False

    def _attend(self) -> None:
        """The monitor has something to tell."""
        with self._lock:
            self._housekeep_if_open()

    def _refuse(self) -> NoReturn:
        raise Closed(self._why_closed)

    def _gone(self, error: zmq.ZMQError) -> Exception:
        """What to raise for an error of the socket: Closed when its context was ended under it."""
        if error.errno not in (zmq.ETERM, zmq.ENOTSOCK):
            return error
        self._lacks_context = True
        self._wake(-1)  # the socket tells it once, and this call may have swallowed that
        self._why_closed = "the context of this endpoint was terminated"
        return Closed(self._why_closed)

    def _is_gone(self) -> bool:
        """Whether no attempt can succeed any more."""
        return not self._open or self._socket.closed or self._lacks_context

    def _stir(self) -> None:
        """Wake those whose messages are there: this call may have swallowed the signal. Cheap when nobody waits."""
        with self._lock:
            here = self._look_if_open(self._has_received)
        if here:
            self._wake(RECEIVE)

    def _wake(self, wants: int) -> None:
        for waiter in tuple(self._waiters):
            if waiter.wants & wants:
                waiter.wake()

    def _expired(self, what: str, timeout: float | None) -> Timeout:
        """The error for a wait that was too long, with what may have been the reason."""
        if timeout:  # else it was a look, which is to be quick
            self._attend()
        why = self._monitor.last_refusal
        if not why:
            problem = self._counters.problem
            if not (problem or self._has_inproc or self._inproc_only or self._monitor.connected):
                problem = "nobody is connected"
            why = f"{', '.join(self.addresses)}{': ' if problem else ''}{problem}"
        return Timeout(what, timeout or 0.0, why)

    def _shut(self) -> None:
        """Let no call begin any more, and end those that wait."""
        with self._lock:
            self._open = False
        self._dismiss()

    def _dismiss(self) -> None:
        """Wake all who wait, and hold none of their descriptors."""
        self._wake(-1)
        self._waiters.clear()
        self._resting.clear()

    def _deadline(self, linger: float | None) -> float:
        """When a close loses patience, as time.monotonic tells it."""
        if linger is not None and linger < 0:
            linger = self._linger
        return math.inf if linger is None else time.monotonic() + linger

    def _awaits(self, deadline: float) -> float | None:
        """The seconds to wait until receivers are looked at again; None when they have come for what is shared.

        As long as the socket is open: it tells of peers that go.
        """
        self._monitor.read()
        self._part_from_the_gone()
        left = deadline - time.monotonic()
        return min(left, LOOK, self._quiet(left)) if left > 0 and self._outbox.lingers(self._peers) else None

    def _part(self, deadline: float) -> None:
        """Give the socket to libzmq, to be closed when its messages have left."""
        linger = None if deadline == math.inf else max(0.0, deadline - time.monotonic())
        if linger == 0:
            self._lost = max(self._known_unsent(), self._outbox.in_flight)  # libzmq forgets them at once
        for address in () if self._socket.closed else self._inproc:
            with contextlib.suppress(zmq.ZMQError):  # its context is gone
                self._socket.unbind(address)  # else it is taken until the peers have noticed
        # A little longer than we wait ourselves, so that what is lost is still on the books when we count it.
        self._socket.close(-1 if linger is None else int(linger * 1000) + (100 if linger else 0))

    def _lingers(self, deadline: float) -> float | None:
        """The seconds to wait for the next word of the monitor; None when there is nothing more to wait for."""
        self._monitor.read()
        if self._monitor.stopped or (self._has_inproc and not self._unsent()):
            return None  # (an inproc peer that sleeps keeps the socket from being closed: then the books must do)
        left = deadline - time.monotonic()
        if left > 0:
            return min(left, self._quiet(left))
        if self._lost is None:
            self._lost = self._unsent()
        left += CLOSING  # now libzmq forgets them, and says when it has
        return left if left > 0 else None

    def _quiet(self, left: float) -> float:
        """The seconds until it is to say what it waits for. It does so once."""
        now = time.monotonic()
        self._tell_at = self._tell_at or now + QUIET
        if now >= self._tell_at:
            self._tell_at = math.inf
            bound = "" if left == math.inf else f" up to {left:.0f} s more"
            where = ", ".join(self._addresses)
            logger.warning("%s: closing waits%s for peers to take what was sent; linger= bounds that", where, bound)
        return self._tell_at - now

    def _linger_after(self, kind: type[BaseException] | None) -> float | None:
        """The linger for the end of a block that raised this; see close."""
        if kind is None or issubclass(kind, Exception):
            return self._linger
        return INTERRUPTED_LINGER if self._linger is None else min(self._linger, INTERRUPTED_LINGER)

    def _release(self) -> None:
        """Free everything at once, whatever state it is in."""
        self._open = False
        self._dismiss()
        if not self._socket.closed:
            self._socket.monitor(None, 0)
        self._socket.close(0)
        self._free()

    def _free(self) -> None:
        self._outbox.close()
        self._inbox.close()
        self._monitor.close()
        if self._admission is not None:
            self._admission.close()
        for file in self._files:
            file.remove()

    def _unsent(self) -> int:
        """The most messages that may still be held by the socket. Over inproc the peer has them at once."""
        return 0

    def _known_unsent(self) -> int:
        """The same for a socket that nobody waits for: it may have delivered all there was."""
        return self._unsent()

    def _farewell(self) -> None:
        """The last step of a close: count what was lost, free the rest."""
        if self._lost:
            self._counters.dropped += self._lost
            messages = f"{self._lost:,} message{'s' * (self._lost > 1)}"
            logger.warning("%s: closed with up to %s undelivered", ", ".join(self._addresses), messages)
        self._free()

    def __del__(self) -> None:
        if self._open:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            self._release()

    def __repr__(self) -> str:
        state = "" if self._open else " (closed)"
        return f"<{type(self).__module__}.{type(self).__name__} {', '.join(self._addresses)}{state}>"


def _watch_forks() -> None:
    global _watching  # noqa: PLW0603 - a process has one set of fork hooks, which cannot be taken back
    if not _watching:
        _watching = True
        os.register_at_fork(after_in_child=_disown)


_watching = False


def _disown() -> None:
    for endpoint in _all:
        if endpoint._open:  # noqa: SLF001
            endpoint._open = False  # noqa: SLF001
            endpoint._why_closed = "this endpoint belongs to the parent process: make a new one after the fork"  # noqa: SLF001
            endpoint._lock = Lock()  # noqa: SLF001 - the parent's may be held by a thread that is not here
            _inherited.append((endpoint._socket, endpoint._monitor))  # noqa: SLF001

"""Connection events: what libzmq tells of a socket's peers, over the inproc pair that it calls a monitor.

Rule 1: events are read by whoever uses the endpoint, as a side of its calls; there is no thread. An endpoint that is
never used hears of nothing.
Rule 2: what peers can cause is bounded: the last limits.EVENTS_MAX events are kept, and failed handshakes are logged
once a second at the most. One that comes to us and hangs up in the midst of it (it was killed, it looked for an open
port) is counted and not logged: nobody here can do anything about it.
Rule 3: libzmq's own threads *wait* when they cannot put an event in the pair's queue, and with them every socket of the
context. So the queue is not bounded, and our end of the pair stays open until the last event has come.

The last event, MONITOR_STOPPED, also tells that a closed socket is really gone, its messages delivered.
"""

import errno
import logging
import os
import struct
from collections import deque
from itertools import count
from typing import Any, NamedTuple, Protocol

import zmq

from oobpickle import limits
from oobpickle.endpoints.sparing import Sparing

logger = logging.getLogger(__name__)

_EVENT = struct.Struct("=Hi")
_names = count()

_KINDS = {
    int(zmq.EVENT_CONNECTED): "connected",
    int(zmq.EVENT_ACCEPTED): "accepted",
    int(zmq.EVENT_DISCONNECTED): "disconnected",
    int(zmq.EVENT_ACCEPT_FAILED): "accept failed",
    int(zmq.EVENT_HANDSHAKE_SUCCEEDED): "ready",
    int(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL): "refused",
    int(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL): "refused",
    int(zmq.EVENT_HANDSHAKE_FAILED_AUTH): "refused",
}
_HUNG_UP = (errno.ECONNRESET, errno.EPIPE)
_STOPPED = int(zmq.EVENT_MONITOR_STOPPED)
_MASK = sum(_KINDS) | _STOPPED
_MECHANISM_MISMATCH = 0x11000002  # ZMQ_PROTOCOL_ERROR_ZMTP_..., what a CURVE and a plain peer say of each other


class ConnectionEvent(NamedTuple):
    """Something that happened to a connection.

    kind: "connected" or "accepted" (the transport), "ready" (the handshake succeeded: a peer is in), "refused" (it
    failed), "disconnected", "accept failed". address: the endpoint's own end. detail: why, or "".
    """

    kind: str
    address: str
    detail: str


class Monitor:
    """The events of one socket. Used under the lock of its endpoint."""

    def __init__(self, socket: "zmq.Socket[Any]") -> None:
        """Begin before the socket binds or connects."""
        address = f"inproc://oobpickle.monitor.{os.getpid()}.{next(_names)}"
        socket.monitor(address, _MASK)
        self._pair = socket.context.socket(zmq.PAIR, socket_class=zmq.Socket)
        self._pair.set(zmq.LINGER, 0)
        self._pair.set(zmq.RCVHWM, 0)  # rule 3
        self._pair.connect(address)
        self.descriptors = (int(self._pair.fileno()),)  # readable when there are events; edge-triggered
        self._warn = Sparing(logger)
        self._connected: set[int] = set()
        self._accepted: set[int] = set()
        self._accepting: set[str] = set()  # our addresses that peers came to
        self.disconnections = 0
        self.events: deque[ConnectionEvent] = deque(maxlen=limits.EVENTS_MAX)
        self.refusals = 0
        self.last_refusal = ""  # if nobody got in since
        self.stopped = False
        self.read()  # the descriptor tells nothing to one who has never found the queue empty

    @property
    def connected(self) -> int:
        """Connections that stand, as far as was read. inproc peers are not among them."""
        return len(self._connected)

    @property
    def accepted(self) -> int:
        """Those of them that the peers made: when such a one goes, what was queued for it is gone with it."""
        return len(self._accepted)

    def read(self) -> None:
        """Take in all that has been told. Never waits."""
        try:
            while not self.stopped:
                event, address = self._pair.recv_multipart(zmq.DONTWAIT)
                number, value = _EVENT.unpack(event)
                self._take(number, value, address.decode(errors="replace"))
        except zmq.Again:
            pass
        except zmq.ZMQError:  # the context was terminated, and both sockets with it
            self.stopped = True

    def _take(self, number: int, value: int, address: str) -> None:
        if number == _STOPPED:
            self.stopped = True
            return
        kind = _KINDS[number]
        detail = ""
        if kind in ("connected", "accepted"):
            self._connected.add(value)
            if kind == "accepted":
                self._accepted.add(value)
                self._accepting.add(address)
        elif kind == "disconnected":
            self._connected.discard(value)
            self.disconnections += 1
            self._accepted.discard(value)
        elif kind == "ready":
            self.last_refusal = ""
        else:
            detail = _reason(number, value)
            self.refusals += kind == "refused"
            if not (value in _HUNG_UP and address in self._accepting):
                self.last_refusal = f"the handshake at {address} failed: {detail}"
                self._warn("%s", self.last_refusal)
        self.events.append(ConnectionEvent(kind, address, detail))
        logger.debug("%s %s %s", address, kind, detail)

    def close(self) -> None:
        """Stop listening; rule 3: if the socket is not gone yet, once it is."""
        self.read()
        _parting.append(self)
        for monitor in tuple(_parting):
            if not monitor.stopped:
                monitor.read()
            if monitor.stopped:
                monitor._pair.close()  # noqa: SLF001 - one of us
                _parting.remove(monitor)


class NoMonitor:
    """What stands in for a Monitor where libzmq has nothing to tell: over inproc."""

    connected = 0
    accepted = 0
    refusals = 0
    disconnections = 0
    last_refusal = ""
    stopped = True
    descriptors: tuple[int, ...] = ()

    def __init__(self) -> None:
        self.events: deque[ConnectionEvent] = deque(maxlen=0)

    def read(self) -> None:
        """There is nothing."""

    def close(self) -> None:
        """There is nothing."""


class AnyMonitor(Protocol):
    """What an endpoint needs of its monitor; see Monitor."""

    @property
    def connected(self) -> int: ...
    @property
    def accepted(self) -> int: ...
    @property
    def refusals(self) -> int: ...
    @property
    def disconnections(self) -> int: ...
    @property
    def last_refusal(self) -> str: ...
    @property
    def stopped(self) -> bool: ...
    @property
    def descriptors(self) -> tuple[int, ...]: ...
    @property
    def events(self) -> deque[ConnectionEvent]: ...
    def read(self) -> None: ...
    def close(self) -> None: ...


_parting: list[Monitor] = []
"""Closed, but their sockets are still being closed by libzmq: looked after at each further close."""


def _reason(number: int, value: int) -> str:
    if number == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
        return f"the server does not take this key (status {value})"
    if number == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
        if value == _MECHANISM_MISMATCH:
            return "one side uses CURVE and the other does not"
        return f"protocol error {value:#x}; is the server's key the right one?"
    return zmq.strerror(value)

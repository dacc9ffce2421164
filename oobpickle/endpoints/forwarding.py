"""Forwarding messages between endpoints that do not know each other's addresses, without understanding them.

Rule 1: nothing is unpickled, unpacked or looked at. What is no message passes as any other bytes do, and the receivers
count it as malformed; so whoever may connect to a proxy is trusted by it with its memory alone.
Rule 2: a slow subscriber loses messages, as at a publisher; a pipeline waits, as a pusher does.

Theory of operation: libzmq's own proxy loop, in C, between XSUB and XPUB or between PULL and PUSH. Subscriptions pass
through it to the publishers, one for all who want the same, so that nothing that nobody wants comes here.
"""

import contextlib
import threading
from typing import Any, Literal

import zmq

from oobpickle import limits
from oobpickle.endpoints.addresses import SocketFile, as_addresses, told, unclaimed
from oobpickle.endpoints.options import HIGH_WATER_MARK, KEEPALIVE, receiving, set_option
from oobpickle.endpoints.security import Curve

Pattern = Literal["pubsub", "pipeline"]

_KINDS: dict[Pattern, tuple[int, int]] = {"pubsub": (zmq.XSUB, zmq.XPUB), "pipeline": (zmq.PULL, zmq.PUSH)}


_ENDING = 1.0  # seconds in which the forwarding thread ends; longer, and an interrupt came before it had begun


class Forwarder:
    """A proxy: senders connect to one side, receivers to the other."""

    def __init__(
        self,
        senders: str | list[str],
        receivers: str | list[str],
        *,
        pattern: Pattern = "pubsub",
        curve: Curve | None = None,
        high_water_mark: int = HIGH_WATER_MARK,
        max_frame: int = limits.FRAME_BYTES_MAX,
        context: "zmq.Context[Any] | None" = None,
    ) -> None:
        """Bind both sides. Raises zmq.ZMQError and ValueError for addresses that cannot be bound.

        curve: a server's; then both sides let in only the clients that it knows.
        """
        context = context or zmq.Context.instance()
        self._admissions = []
        self._files: list[SocketFile] = []
        self._ended = threading.Event()  # (a thread whose join was interrupted counts as ended for Python 3.11)
        self._ended.set()
        self._sockets = [context.socket(kind, socket_class=zmq.Socket) for kind in _KINDS[pattern]]
        self._control = [context.socket(zmq.PAIR, socket_class=zmq.Socket) for _ in range(2)]
        try:
            control = f"inproc://oobpickle.forwarder.{id(self)}"
            self._control[0].bind(control)
            self._control[1].connect(control)
            for socket, addresses in zip(self._sockets, (senders, receivers), strict=True):
                options = {zmq.LINGER: 0, zmq.SNDHWM: high_water_mark, **receiving(high_water_mark, max_frame)}
                if socket is self._sockets[1]:
                    options.pop(zmq.HEARTBEAT_IVL)  # it sends: see options.py
                for option, value in (*KEEPALIVE.items(), *options.items()):
                    set_option(socket, option, value)
                if curve is not None and (admission := curve.apply(socket)) is not None:
                    self._admissions.append(admission)
                for address in as_addresses(addresses):
                    with told(address), unclaimed(address):
                        socket.bind(address)
                        self._files.append(SocketFile(address))
            self.senders, self.receivers = (bytes(s.get(zmq.LAST_ENDPOINT)).decode() for s in self._sockets)
        except BaseException:
            self.close()
            raise

    def run(self) -> None:
        """Forward until the context is terminated, or another thread calls `close`. Once only. After an exception such as
        KeyboardInterrupt it goes on forwarding, until it is closed.
        """
        # In a thread of its own: one that is forwarding would not notice a signal, and sleep on.
        self._ended.clear()
        threading.Thread(target=self._forward, daemon=True).start()
        self._ended.wait()

    def _forward(self) -> None:
        try:
            with contextlib.suppress(zmq.ContextTerminated):
                senders, receivers = self._sockets
                zmq.proxy_steerable(senders, receivers, control=self._control[1])
        finally:
            self._ended.set()

    def close(self) -> None:
        """Stop forwarding and serving the addresses; what is in the queues is lost. Closing twice is fine."""
        if not self._ended.is_set():
            self._control[0].send(b"TERMINATE")
            self._ended.wait(_ENDING)
        for socket in (*self._sockets, *self._control):
            socket.close(0)
        for admission in self._admissions:
            admission.close()
        for file in self._files:
            file.remove()

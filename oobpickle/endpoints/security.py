"""CURVE: who may connect, and to whom.

Rule 1: a server always checks client keys. The authenticator runs before the socket binds, and the socket insists on one
(ZAP_ENFORCE_DOMAIN): should it ever be gone, nobody gets in. libzmq's own default is that everybody does.
Rule 2: one authenticator, that is one thread, a context; it is started with the first CURVE server of a context and stopped
with the last. Each server has a ZAP domain of its own, so that servers with different clients live side by side.

Which end is the CURVE server has nothing to do with which one binds; as a rule it is the one that binds.
"""

import os
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import zmq
from zmq.auth import load_certificate, load_certificates

_domains = count(1)


class Curve:
    """The keys of one endpoint, from pyzmq's certificate files (``oobpickle keygen`` makes them). Immutable.

    key: the file with this endpoint's own secret key (``name.key_secret``). And one of
    clients: for a server: the directory of the public keys (``*.key``) that may connect; nobody else gets in. It is read
    when the endpoint is made.
    server: for a client: the file with the server's public key (``server.key``).
    Raises OSError for files that are not there, ValueError for files without the keys, or both or neither of the two.
    """

    __slots__ = ("_clients", "_public", "_secret", "_server")

    def __init__(
        self,
        key: str | os.PathLike[str],
        *,
        clients: str | os.PathLike[str] | None = None,
        server: str | os.PathLike[str] | None = None,
    ) -> None:
        if (clients is None) == (server is None):
            raise ValueError("a Curve is a server's (clients=directory) or a client's (server=file)")
        public, secret = load_certificate(key)
        if secret is None:
            raise ValueError(f"no secret key in {os.fspath(key)}")
        self._public, self._secret = public, secret
        self._server = None if server is None else load_certificate(server)[0]
        self._clients = None if clients is None else frozenset(load_certificates(clients))

    def __repr__(self) -> str:
        return f"Curve({'server' if self._server is None else 'client'} {self._public.decode()})"

    def apply(self, socket: "zmq.Socket[Any]") -> "Admission | None":
        """Set up a socket that has not bound or connected yet; gives what is to be closed after the socket is."""
        socket.set(zmq.CURVE_PUBLICKEY, self._public)
        socket.set(zmq.CURVE_SECRETKEY, self._secret)
        if self._server is not None:
            socket.set(zmq.CURVE_SERVERKEY, self._server)
            return None
        domain = f"oobpickle.{os.getpid()}.{next(_domains)}"
        socket.set(zmq.CURVE_SERVER, 1)
        socket.set(zmq.ZAP_DOMAIN, domain.encode())
        socket.set(zmq.ZAP_ENFORCE_DOMAIN, 1)
        return Admission(socket.context, domain, self._clients or frozenset())


_starting = Lock()
_authenticators: "WeakKeyDictionary[zmq.Context[Any], Any]" = WeakKeyDictionary()


class Admission:
    """One server's entry at the authenticator of its context."""

    def __init__(self, context: "zmq.Context[Any]", domain: str, clients: frozenset[bytes]) -> None:
        """Raises zmq.ZMQError (EADDRINUSE) when another authenticator runs in this context."""
        from zmq.auth.thread import ThreadAuthenticator  # noqa: PLC0415 - it imports asyncio, 50 ms that few need

        with _starting:
            authenticator = _authenticators.get(context)
            if authenticator is None:
                authenticator = ThreadAuthenticator(context)
                authenticator.start()
                _authenticators[context] = authenticator
            authenticator.certs[domain] = dict.fromkeys(clients, True)
        self._context, self._domain = context, domain

    def close(self) -> None:
        """Let nobody in any more. The last one stops the authenticator."""
        with _starting:
            authenticator = _authenticators.get(self._context)
            if authenticator is None or authenticator.certs.pop(self._domain, None) is None:
                return
            if not authenticator.certs:
                del _authenticators[self._context]
                authenticator.stop()


def create_keys(folder: str | os.PathLike[str], name: str) -> tuple[Path, Path]:
    """Make the certificate files ``name.key`` and ``name.key_secret``; the secret one can be read by its owner only.

    The folder is made when it is not there. Raises FileExistsError rather than overwrite a key.
    """
    from zmq.auth import create_certificates  # noqa: PLC0415 - beside the one function that needs it

    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    public, secret = target / f"{name}.key", target / f"{name}.key_secret"
    for path in (public, secret):
        if path.exists():
            raise FileExistsError(f"{path} is there already; a key is not overwritten")
    secret.touch(mode=0o600)  # before there is anything to read in it
    create_certificates(target, name)
    return public, secret

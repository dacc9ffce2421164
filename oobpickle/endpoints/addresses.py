"""Addresses: who can reach one, what is wrong with one, and binding an ipc path without taking it from somebody else.

Rule 1: an address is private when only this user (and root) can connect to it: inproc, and ipc in a directory of ours that
nobody else may enter. Everything else others can reach: tcp on 127.0.0.1 too, from any account of the host.
Rule 2: a path is judged after its links are followed, and by any directory on the way: one closed door is enough.
Rule 3: libzmq unlinks what it finds at an ipc path and binds; so before that we look whether somebody answers there. The
directory is locked for the moment between look and bind, so that two of us do not both find it free.
Rule 4: libzmq leaves the file of a bound ipc path behind. We remove it, if it is still the one that we made.
"""

import contextlib
import errno
import fcntl
import os
import socket
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

_IPC = "ipc://"
_PORT_MAX = 65_535


def as_addresses(addresses: str | Iterable[str] | None) -> list[str]:
    """What a user gave as bind= or connect=, as a list. Raises TypeError for what is no text, ValueError for no port.

    libzmq takes a port modulo 65536 without a word.
    """
    if addresses is None:
        return []
    listed = [addresses] if isinstance(addresses, (str, bytes)) else list(addresses)
    for address in listed:
        if not isinstance(address, str):
            raise TypeError(f"an address is a string, not {address!r}")
        port = address.rpartition(":")[2]
        if address.startswith("tcp://") and port.isdecimal() and int(port) > _PORT_MAX:
            raise ValueError(f"there is no port {port}: {address}")
    return listed


def ipc_address(name: str) -> str:
    """An ipc address in a directory that only this user may enter; the same for every process of the user.

    name: letters, digits and the like; no "/". The directory is ``$XDG_RUNTIME_DIR/oobpickle``, or ``oobpickle-<uid>`` in
    the folder for temporary files; it is made when it is not there. Raises ValueError for a name that is no file's, or
    too long for a socket's path, and PermissionError when the directory is somebody else's or open to others.
    """
    if not name or "/" in name or "\0" in name or name in (".", ".."):
        raise ValueError(f"not a name for a socket: {name!r}")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(runtime, "oobpickle") if runtime else Path(tempfile.gettempdir(), f"oobpickle-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or not _closed_to_others(status):
        raise PermissionError(errno.EPERM, "not a directory that only this user may enter", str(folder))
    address = f"{_IPC}{folder / name}"
    if len(os.fsencode(address)) - len(_IPC) > zmq.IPC_PATH_MAX_LEN:
        raise ValueError(f"longer than the {zmq.IPC_PATH_MAX_LEN} bytes that a socket's path may have: {address}")
    return address


def is_private(address: str) -> bool:
    """Rule 1."""
    if address.startswith("inproc://"):
        return True
    if not address.startswith(_IPC):
        return False
    path = address[len(_IPC) :]
    if path == "*":
        return True  # libzmq makes a directory of mode 0700 for it
    if path.startswith("@"):
        return False  # an abstract name: no permissions at all
    folder = os.path.realpath(os.path.dirname(path) or ".")
    while folder != os.path.dirname(folder):
        try:
            if _closed_to_others(os.stat(folder)):
                return True
        except OSError:
            pass  # not there (yet): whoever makes it decides
        folder = os.path.dirname(folder)
    return False


def _closed_to_others(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IXGRP | stat.S_IXOTH)


@contextmanager
def told(address: str, *, connecting: bool = False) -> Iterator[None]:
    """Within this, bind or connect. What libzmq has against the address is told with what to write instead; the errno stays."""
    try:
        yield
    except zmq.ZMQError as error:
        text = _told(address, error, connecting=connecting)
        if text is None:
            raise
        raise zmq.ZMQError(error.errno, text) from None


def _told(address: str, error: zmq.ZMQError, *, connecting: bool) -> str | None:
    if error.errno == errno.EPROTONOSUPPORT and "://" in address:
        return f"{error}: use tcp://host:port, ipc://path or inproc://name"
    if error.errno in (errno.EINVAL, errno.EPROTONOSUPPORT):
        if connecting and "*" in address and not address.startswith(_IPC):
            return f"{address!r}: * is for bind; connect to tcp://host:port"
        written = f"tcp://{address}" if ":" in address and "/" not in address else "tcp://host:port"
        return f"{address!r} is no address: write {written} (or ipc://path, inproc://name)"
    if error.errno == errno.EADDRINUSE and address.startswith("tcp://"):
        return f"{error}: another socket is bound there; tcp://127.0.0.1:* takes a free port"
    if error.errno in (errno.ENODEV, errno.EADDRNOTAVAIL):
        return f"{error}: only an address of this host can be bound; connect to it, or bind tcp://*:port"
    return None


@contextmanager
def unclaimed(address: str) -> Iterator[None]:
    """Within this, bind. Raises zmq.ZMQError (EADDRINUSE) when somebody serves this ipc path already."""
    path = _path_of(address)
    if path is None:
        yield
        return
    with _folder_of(path, wait=True) as is_ours:
        # (without a folder libzmq will say what is wrong with it)
        if is_ours and _answers(path):
            raise zmq.ZMQError(errno.EADDRINUSE, f"somebody serves this path already (addr={address!r})")
        yield


class SocketFile:
    """The file of an address that this process has just bound, if it has one."""

    def __init__(self, address: str) -> None:
        path = _path_of(address)
        self._path = "" if path is None else os.path.abspath(path)
        self._identity = _identity(self._path)
        self._process = os.getpid()

    def remove(self) -> None:
        """Remove it, once nobody listens there. Never waits, and raises nothing: it stays where that cannot be done now,
        in a child after a fork, and when somebody else has bound the path meanwhile.
        """
        if self._identity is None or self._process != os.getpid():
            return
        with contextlib.suppress(OSError), _folder_of(self._path, wait=False) as is_ours:
            if is_ours and _identity(self._path) == self._identity:
                os.unlink(self._path)


def _path_of(address: str) -> str | None:
    """The path of an ipc address that is a file of the caller's choice."""
    path = address[len(_IPC) :]
    return path if address.startswith(_IPC) and path != "*" and not path.startswith("@") else None


def _identity(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISSOCK(status.st_mode):
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns  # a number may be given again; not with the same time


@contextmanager
def _folder_of(path: str, *, wait: bool) -> Iterator[bool]:
    """Within this no other of us binds a path there; False: there is no such folder. Raises OSError where it is locked, unless it is to wait."""
    try:
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(folder, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    finally:
        os.close(folder)


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError as error:
            return error.errno == errno.EAGAIN  # its queue is full: it serves
    return True

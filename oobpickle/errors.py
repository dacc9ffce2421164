"""Every error that oobpickle raises, and whose fault each one is.

    OobpickleError
    ├── EncodeError        (also pickle.PicklingError)    yours: this object cannot be sent as it is
    ├── DecodeError        (also pickle.UnpicklingError)  the peer's: what arrived is not a message that we take
    │   └── LaneError      a reference into shared memory that cannot be followed
    ├── Timeout            (also TimeoutError)            nobody's: the seconds that you gave have passed
    ├── Closed             yours: the endpoint was closed, here or in another thread
    ├── InsecureEndpoint   yours: others could reach this address and run code
    └── RemoteError        the peer's: its handler raised

Rules: an error carries its facts as fields and builds its text from them; it says what to do next where there is
something to do; it survives pickling (all state is in ``args`` and ``__dict__``).
"""

from pickle import PicklingError, UnpicklingError
from typing import Any


class OobpickleError(Exception):
    """The base of all errors of this package."""


class EncodeError(OobpickleError, PicklingError):
    """An object cannot be encoded; nothing was sent.

    reason: what is wrong. type_name: the qualified name of the offending value's type, or "".
    path: where it sits in the object, as an expression on ``obj`` (``obj["a"][3].model``), or "" when unknown.
    advice: what to do, or "". The error that caused it, if any, is ``__cause__``.
    """

    def __init__(self, reason: str, *, type_name: str = "", path: str = "", advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.type_name = type_name
        self.path = path
        self.advice = advice

    def __str__(self) -> str:
        where = f"{self.path} ({self.type_name}): " if self.path else f"{self.type_name}: " if self.type_name else ""
        return f"{where}{self.reason}" + (f"; {self.advice}" if self.advice else "")


class DecodeError(OobpickleError, UnpicklingError):
    """What arrived is not a message that this receiver takes; no object was built from it.

    reason: what is wrong. offset: the byte of the stream at fault, or None. opcode: the name of the pickle opcode
    there, or "". A socket or file that raised it can be used further.
    """

    def __init__(self, reason: str, *, offset: int | None = None, opcode: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset
        self.opcode = opcode

    def __str__(self) -> str:
        where = (
            ""
            if self.offset is None
            else f" (at byte {self.offset} of the stream{', ' if self.opcode else ''}{self.opcode})"
        )
        return f"{self.reason}{where}"


class LaneError(DecodeError):
    """A reference into a sender's shared memory cannot be followed: forged, stale, or out of reach.

    advice: what to set so that it can be, or "". stale: whether it led to memory that its sender has taken back: nobody's
    fault, and a loss as when a queue is full.
    """

    def __init__(self, reason: str, *, advice: str = "", stale: bool = False) -> None:
        super().__init__(reason)
        self.advice = advice
        self.stale = stale

    def __str__(self) -> str:
        return super().__str__() + (f"; {self.advice}" if self.advice else "")


class Timeout(OobpickleError, TimeoutError):  # noqa: N818 - zmq, queue and socket name theirs without "Error" too
    """The time that the caller allowed has passed.

    what: what was waited for. seconds: how long. why: what is known of the reason, or "". The endpoint can be used further.
    """

    def __init__(self, what: str, seconds: float, why: str = "") -> None:
        super().__init__(what)  # of two arguments OSError would make errno and strerror
        self.args = (what, seconds, why) if why else (what, seconds)
        self.what = what
        self.seconds = seconds
        self.why = why

    def __str__(self) -> str:
        return f"{self.what}: nothing within {self.seconds:g} s{f' ({self.why})' if self.why else ''}"


class Closed(OobpickleError):  # noqa: N818 - a state, as trio.ClosedResourceError's short form
    """The endpoint was closed: before this call, or by another thread during it."""


class InsecureEndpoint(OobpickleError):  # noqa: N818 - named for what it is about
    """The pickle codec on an address that others can reach, without CURVE.

    address: that address. Whoever reaches it could run any code in this process.
    """

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address

    def __str__(self) -> str:
        return (
            f"{self.address}: the pickle codec runs code of whoever reaches this address; "
            'use codec="data", or curve=Curve(...), or an address of oobpickle.ipc_address(), '
            "or say insecure=True if every process that can reach it may run code in yours"
        )


class RemoteError(OobpickleError):
    """The handler of a Server raised; this is its text, not its exception object.

    type_name: the exception's qualified type name. text: its str(). traceback: the formatted traceback, for people.
    """

    def __init__(self, type_name: str, text: str, traceback: str = "") -> None:
        super().__init__(type_name, text, traceback)
        self.type_name = type_name
        self.text = text
        self.traceback = traceback

    def __str__(self) -> str:
        return f"{self.type_name}: {self.text}"


def type_name(obj: Any) -> str:
    """Name obj's type as users write it: ``module.Qualified.Name``, without ``builtins.``."""
    cls = type(obj)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"

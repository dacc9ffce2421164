"""What is attacked: functions of a case, (stream, buffers), which may return or raise DecodeError and nothing else.

`scanned` is the safety core alone: the scan, then the C unpickler with toy rebuilders, one for each kind of rule. It is
stricter than a codec: whatever the scan has accepted, the unpickler must run without a complaint about the stream.
"""

import io
import pickle
from collections import deque
from typing import NamedTuple

import numpy as np

from oobpickle import loads, wire
from oobpickle.codec.rules import Rule
from oobpickle.codec.scan import scan
from oobpickle.errors import DecodeError
from oobpickle.limits import DEFAULT

TOYS = "toys"


class Case(NamedTuple):
    stream: bytes
    buffers: tuple = ()


class Disagreement(Exception):
    """The scan has accepted what the unpickler could not run, or not as predicted."""


class Leaf:
    """A key whose hash follows from its arguments, as Decimal's does."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __hash__(self):
        return hash(self.arguments)

    def __eq__(self, other):
        return isinstance(other, Leaf) and self.arguments == other.arguments


class Opaque:
    """What must never be hashed."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __hash__(self):
        raise Disagreement("a key that the rule refuses")


class Refused(Exception):
    """A rebuilder has refused its arguments."""


def leaf(*arguments):
    return Leaf(*arguments)


def opaque(*arguments):
    return Opaque(*arguments)


def holder(elements):
    if type(elements) is not list:
        raise Refused("no list")
    result = np.empty(len(elements), object)
    result[:] = elements
    return result


def chain(elements):
    if type(elements) is not list:
        raise Refused("no list")
    return deque(elements)


def table(count):
    if type(count) is not int or not 0 <= count < 1000:
        raise Refused("no count")
    arrays = [Array() for _ in range(count)]
    return arrays.pop


class Array:
    __hash__ = None


REBUILDERS = {function.__name__: function for function in (leaf, opaque, holder, chain, table)}
RULES = {
    "leaf": Rule(key=2, build=leaf),
    "opaque": Rule(work=20),
    "holder": Rule(stack=1024),
    "chain": Rule(stack=128),
    "table": Rule(source=True),
}
NAMES = {(TOYS.encode(), name.encode()): rule for name, rule in RULES.items()}


class Toybox(pickle.Unpickler):
    def find_class(self, module, name):
        if module != TOYS:
            raise Disagreement(f"the name {module}.{name}")
        return REBUILDERS[name]


def scanned(case, limits=DEFAULT):
    verdict = scan(case.stream, NAMES, limits)
    if verdict.buffers > 10_000:
        return None
    buffers = iter([bytearray(b"buffer")] * verdict.buffers)
    try:
        return Toybox(io.BytesIO(case.stream), buffers=buffers).load()
    except (Refused, UnicodeDecodeError) as error:  # the value is at fault, not the order of opcodes
        raise DecodeError(str(error)) from error
    except IndexError as error:
        if str(error) != "pop from empty list":  # more calls of the source than arrays
            raise Disagreement(repr(error)) from error
        raise DecodeError(str(error)) from error
    except TypeError as error:
        # a call with something that is no tuple, or with a wrong number of arguments
        if "argument" not in str(error):
            raise Disagreement(repr(error)) from error
        raise DecodeError(str(error)) from error
    except (pickle.UnpicklingError, EOFError, AttributeError, KeyError, ValueError, OverflowError) as error:
        raise Disagreement(repr(error)) from error


def data_codec(case):
    """The data codec itself, with classes registered."""
    from tests.hostile.corpus import codec

    return codec().decode(case.stream, [memoryview(bytearray(buffer)) for buffer in case.buffers])


def message(case):
    """The same, of whole messages: wrapped in our head."""
    from tests.hostile.corpus import codec

    frames = wire.pack(wire.DATA, case.stream, list(map(memoryview, case.buffers)))
    return loads([bytes(frame) for frame in frames], codec=codec())


def unscanned(case):
    """What the scan is there to prevent: the same unpickler and names, without it."""
    try:
        return Toybox(io.BytesIO(case.stream), buffers=case.buffers).load()
    except Exception as error:
        raise DecodeError(str(error)) from error


def crash(case):
    """A decoder that falls for everything, to test the machinery with."""
    import faulthandler
    import os
    import threading
    import time

    match case.stream[:1]:
        case b"c":
            faulthandler._sigsegv()
        case b"h":
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()
        case b"s":
            end = time.process_time() + 0.5
            while time.process_time() < end:
                pass
        case b"m":
            return bytearray(1 << 30)
        case b"a":
            os.system("exit 0")
        case b"e":
            raise ValueError(case.stream)
    raise DecodeError("harmless")

"""Numbers, names and addresses of the standard library: types whose pickles would name builtins, or carry state.

Rule: a rebuilder checks the exact type of each argument; the constructors behind it check their values.
"""

import ipaddress
import os
import uuid
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from types import EllipsisType
from typing import Any

from oobpickle.codec.allowance import spend
from oobpickle.codec.reducers.arguments import expect, expect_all
from oobpickle.codec.rules import Rule
from oobpickle.errors import EncodeError


def rebuild_complex(real: Any, imaginary: Any) -> complex:
    """A complex number, to the bit."""
    expect_all((real, imaginary), float)
    return complex(real, imaginary)


def rebuild_range(start: Any, stop: Any, step: Any) -> range:
    """A range; its length may have any number of digits."""
    expect_all((start, stop, step), int)
    return range(start, stop, step)


def rebuild_slice(start: Any, stop: Any, step: Any) -> slice:
    """A slice, of any values."""
    return slice(start, stop, step)


def rebuild_ellipsis() -> EllipsisType:
    """Ellipsis itself."""
    return ...


def rebuild_decimal(text: Any) -> Decimal:
    """A Decimal of all its digits, whatever the context's precision."""
    expect(text, str)
    spend(16 * len(text))
    return Decimal(text)


def rebuild_fraction(numerator: Any, denominator: Any) -> Fraction:
    """A Fraction in lowest terms; to find them takes time with the square of the digits."""
    expect_all((numerator, denominator), int)
    spend((numerator.bit_length() + denominator.bit_length()) ** 2 // 1024)
    return Fraction(numerator, denominator)


def rebuild_uuid(number: Any) -> uuid.UUID:
    """A UUID; whether its generation was safe does not travel."""
    expect(number, bytes)
    return uuid.UUID(bytes=number)


_PATHS: dict[str, tuple[type[PurePath], type[PurePath]]] = {
    "PosixPath": (PosixPath, PurePosixPath),
    "WindowsPath": (WindowsPath, PureWindowsPath),
    "PurePosixPath": (PurePosixPath, PurePosixPath),
    "PureWindowsPath": (PureWindowsPath, PureWindowsPath),
}


_HERE = (PurePosixPath, PureWindowsPath, WindowsPath if os.name == "nt" else PosixPath)


def rebuild_path(kind: Any, text: Any) -> PurePath:
    """A path of this kind; a pure one where files of the kind are not this system's."""
    expect_all((kind, text), str)
    spend(64 * len(text))
    concrete, pure = _PATHS[kind]
    return (concrete if concrete in _HERE else pure)(text)


_ADDRESSES: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        ipaddress.IPv4Address,
        ipaddress.IPv6Address,
        ipaddress.IPv4Network,
        ipaddress.IPv6Network,
        ipaddress.IPv4Interface,
        ipaddress.IPv6Interface,
    )
}


_LONGEST_ADDRESS = 128  # an IPv6 address takes 39, and the name of its scope a few more


def rebuild_address(kind: Any, text: Any) -> Any:
    """An IP address, network or interface."""
    expect_all((kind, text), str)
    if len(text) > _LONGEST_ADDRESS:
        raise ValueError("too long for an address")
    return _ADDRESSES[kind](text)


def _reduce_path(path: PurePath) -> tuple[Any, ...]:
    return rebuild_path, (type(path).__name__, str(path))


def _reduce_address(address: Any) -> tuple[Any, ...]:
    text = str(address)
    if len(text) > _LONGEST_ADDRESS:
        raise EncodeError("an IPv6 address whose scope has a name longer than that of any interface")
    return rebuild_address, (type(address).__name__, text)


DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {
    complex: lambda value: (rebuild_complex, (value.real, value.imag)),
    range: lambda value: (rebuild_range, (value.start, value.stop, value.step)),
    slice: lambda value: (rebuild_slice, (value.start, value.stop, value.step)),
    EllipsisType: lambda _: (rebuild_ellipsis, ()),
    Decimal: lambda value: (rebuild_decimal, (str(value),)),
    Fraction: lambda value: (rebuild_fraction, (value.numerator, value.denominator)),
    uuid.UUID: lambda value: (rebuild_uuid, (value.bytes,)),
    **dict.fromkeys((PosixPath, WindowsPath, PurePosixPath, PureWindowsPath), _reduce_path),
    **dict.fromkeys(_ADDRESSES.values(), _reduce_address),
}

# The weight of a key is in units of 10 ns, what a value in a tuple takes to hash or to compare: see limits.keys_base.
RULES = {
    rebuild_complex: Rule(key=1, build=rebuild_complex, sure=True),
    rebuild_range: Rule(key=5, build=rebuild_range, sure=True),
    rebuild_slice: Rule(stack=128, sure=True),
    rebuild_ellipsis: Rule(key=0, collides=False, sure=True),
    rebuild_decimal: Rule(key=10, build=rebuild_decimal),
    rebuild_fraction: Rule(key=60, build=rebuild_fraction, work=3),
    rebuild_uuid: Rule(key=15, build=rebuild_uuid, work=2, sure=True),
    rebuild_path: Rule(key=20, collides=False, work=4),
    rebuild_address: Rule(key=30, build=rebuild_address, work=8, sure=True),
}

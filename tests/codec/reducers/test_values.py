"""Numbers, names and addresses: to the last digit, of exact types, and no dearer than the message that asks for them."""

import decimal
import ipaddress
import os
import uuid
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PosixPath, PurePosixPath, PureWindowsPath, WindowsPath

import pytest

from oobpickle import DataCodec, EncodeError
from oobpickle.codec import allowance
from oobpickle.codec.reducers import values
from oobpickle.limits import DEFAULT


class Text(str):
    pass


def rebuilt(value):
    rebuilder, arguments = values.DATA_REDUCERS[type(value)](value)
    return rebuilder(*arguments)


SAME = [
    *(complex(-0.0, 0.0), complex(0.0, -0.0), complex("nan"), complex("-inf+infj"), 5e-324j),
    *(range(0), range(5, 0, -2), range(-(10**30), 10**30, 7), slice(None), slice("a", [1], 2.5), ...),
    *(Decimal("1.50"), Decimal("-0"), Decimal("sNaN12"), Decimal("-Infinity"), Decimal("1E+999999999999999999")),
    *(Fraction(-1, 3), Fraction(0), Fraction(10**50 + 1, 10**50), uuid.UUID(int=0), uuid.UUID(int=(1 << 128) - 1)),
    *(
        Path(),
        Path("/"),
        Path("//a/../b"),
        PurePosixPath("é\udcff\n"),
        PureWindowsPath(r"\\host\share\x"),
        PureWindowsPath("c:"),
    ),
    *(ipaddress.ip_address(text) for text in ("0.0.0.0", "::ffff:1.2.3.4", "fe80::1%eth0", "fe80::1%" + "e" * 100)),
    *(ipaddress.ip_network(text) for text in ("0.0.0.0/0", "10.0.0.1/32", "fe80::%eth0/10")),
    *(ipaddress.ip_interface(text) for text in ("10.0.0.1/8", "::1/128", "fe80::1%eth0/64")),
]


@pytest.mark.parametrize("value", SAME, ids=ascii)
def test_a_rebuilt_one_is_the_same(value):
    with decimal.localcontext(prec=1, Emax=1, Emin=-1):
        got = rebuilt(value)
    assert type(got) is type(value)
    assert repr(got) == repr(value)


def test_a_path_of_another_system_is_pure():
    kinds = (PurePosixPath, WindowsPath) if os.name == "nt" else (PosixPath, PureWindowsPath)
    assert tuple(type(values.rebuild_path(kind, "/a")) for kind in ("PosixPath", "WindowsPath")) == kinds


V4, V6 = "IPv4Address", "IPv6Network"
WRONG = {
    values.rebuild_complex: [(1, 2.0), (1.0, None), (1j, 0.0), (1.0,), ("nan", 0.0)],
    values.rebuild_range: [(0, 1, 0), (0, 1.0, 1), (False, 1, 1), (0, None, 1), (5,)],
    values.rebuild_decimal: [(1,), (1.5,), ("",), ("1 1",), ("1E+9999999999999999999",), (b"1",), (Text("1"),), ((0, (1,), 0),)],
    values.rebuild_fraction: [(1, 0), (1, 1.0), (True, 2), ("1", 2), (Decimal(1), 2), (1,)],
    values.rebuild_uuid: [(bytes(15),), (bytes(17),), (bytearray(16),), (b"",), (5,), ("0" * 32,)],
    values.rebuild_path: [("Path", ""), ("", ""), ("PurePosixPath", None), (PurePosixPath, ""), ("PurePosixPath", Text())],
    values.rebuild_address: [
        *((V4, "1.2.3"), (V4, "::1"), (V4, b"\1\2\3\4"), (V4, 5), ("ip_address", "1.2.3.4"), (V6, "::1/64"), (V6, "::/129")),
        *((V6, "::/" + "1" * 126), ("IPv6Address", "::%" + "e" * 126), ("IPv4Network", "10.0.0.0/255.0.255.0")),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("rebuilder", "arguments"), [(one, wrong) for one in WRONG for wrong in WRONG[one]])
def test_wrong_arguments_are_refused(rebuilder, arguments):
    with pytest.raises((TypeError, ValueError, KeyError, ArithmeticError)):
        rebuilder(*arguments)


DEAR = {
    "digits": (values.rebuild_decimal, ("9" * 10_000,), 16 * 10_000),
    "common factors": (values.rebuild_fraction, (1 << 6000, (1 << 6000) + 1), 12_002**2 // 1024),
    "parts": (values.rebuild_path, ("PurePosixPath", "a/" * 500), 64 * 1000),
}


@pytest.mark.parametrize("name", DEAR)
def test_the_price_is_paid_beforehand(name):
    rebuilder, arguments, price = DEAR[name]
    before = allowance.begin(DEFAULT, 0, 0)
    try:
        allowance.spend(allowance.BASE - 3 * price - price // 2)
        for _ in range(3):
            rebuilder(*arguments)
        with pytest.raises(ValueError, match="more copies"):
            rebuilder(*arguments)
    finally:
        allowance.end(before)


def test_a_scope_that_no_receiver_takes_is_refused_at_the_sender():
    with pytest.raises(EncodeError, match="scope"):
        DataCodec().encode([ipaddress.ip_address("fe80::1%" + "e" * 121)])

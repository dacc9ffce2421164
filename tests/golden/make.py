"""Golden files: what this version of the wire format and of the file container looks like, byte by byte.

    python -m tests.golden.make        writes tests/golden/v<VERSION>/, once

They are frozen: what was written once must be read for ever, so this refuses to write a version that is there.
"""

import io
import sys
from array import array
from collections import Counter, OrderedDict, deque
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address
from pathlib import Path, PurePosixPath
from uuid import UUID

import numpy as np

import oobpickle
from oobpickle import files, wire

ROOT = Path(__file__).parent


def wire_messages():
    """name: (arguments of `wire.pack`): the layout alone, with streams that nobody reads."""
    ascending = memoryview(bytes(range(256)))
    stamped = {"flags": 0x0102, "epoch": 0x1112131415161718, "sequence": 0x21222324, "sent_at": 0x3132333435363738}
    return {
        "no-buffers": ((wire.PICKLE, b"a stream", []), {}),
        "empty": ((wire.DATA, b"", []), {}),
        "stamped": ((wire.DATA, b"a stream", []), stamped),
        "glued": ((wire.PICKLE, b"a stream", [ascending[:5], ascending[:0], ascending[:16], ascending[:7]]), stamped),
        "own": ((wire.PICKLE, b"s", [memoryview(bytes(wire.GLUE_EACH + 1)), ascending]), {}),
        "shared": (
            (wire.DATA, b"a stream", [ascending[:100], ascending, ascending[:9]]),
            {"shared": {0, 2}, "references": b"where they are", **stamped},
        ),
    }


def objects():
    """name: an object, as `dumps` sends it. What is held is that its message can be read, not that it stays the same."""
    rng = np.arange(5000)
    return {
        "plain": {"a": [1, 2.5, None, "text", b"bytes"], "b": (True, {3})},
        "arrays": {
            "small": np.arange(7),
            "large": rng.astype("f8"),
            "strided": rng[::7],
            "fortran": np.asfortranarray(rng[:12].reshape(3, 4)),
            "times": rng[:9].astype("M8[ms]"),
            "structured": np.array([(1, 2.5)], np.dtype([("a", "i1"), ("b", "f8")], align=True)),
            "text": np.array(["a", "bcd"]),
            "empty": np.zeros((0, 3)),
        },
        "many": [np.full(10, number, "i2") for number in range(50)],
        "large-bytes": [bytes(1 << 16), bytearray(9)],
        "values": {
            "complex": 1j,
            "containers": [OrderedDict(a=1), deque([1], maxlen=3), Counter("aab"), range(3), slice(1, None), ...],
            "numbers": [Decimal("1.50"), Fraction(1, 3)],
            "times": [date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, 6, timezone.utc), timedelta(1, 2, 3)],
            "names": [UUID(int=5), PurePosixPath("/a/b"), IPv4Address("127.0.0.1")],
            "buffers": [memoryview(b"read-only"), array("h", [1, -1])],
            "masked": np.ma.MaskedArray([1.0, 2.0], mask=[False, True], fill_value=-1.0),
        },
        "numpy": {
            "scalars": [np.float32(1.5), np.datetime64("2026-01-02", "D")],
            "dtype": np.dtype([("a", ">i2"), ("b", "S3", 2)]),
            "objects": np.array([1, "a", None], object),
        },
    }


def wire_file(name):
    return f"wire-{name}.hex"


def object_messages():
    """(name, codec): of the pickle codec not those whose streams are numpy's to change."""
    return [(name, codec) for name in objects() for codec in ("data", "pickle") if (name, codec) != ("numpy", "pickle")]


def object_file(name, codec):
    return f"{codec}-{name}.hex"


CONTAINER = "two-messages.oob"


def to_text(frames):
    """A line of hexadecimal digits a frame."""
    return "".join(bytes(frame).hex() + "\n" for frame in frames)


def from_text(text):
    return [bytes.fromhex(line) for line in text.splitlines()]


def container():
    """Two records of fixed frames."""
    file = io.BytesIO()
    for name in ("glued", "own"):
        arguments, keywords = wire_messages()[name]
        files.write_frames(wire.pack(*arguments, **keywords), file)
    return file.getvalue()


def write(root=ROOT):
    folder = root / f"v{wire.VERSION}"
    if folder.exists():
        sys.exit(
            f"{folder} is frozen: it is what version {wire.VERSION} looks like. A change of the layout needs another version."
        )
    folder.mkdir()
    for name, (arguments, keywords) in wire_messages().items():
        (folder / wire_file(name)).write_text(to_text(wire.pack(*arguments, **keywords)))
    for name, codec in object_messages():
        (folder / object_file(name, codec)).write_text(to_text(oobpickle.dumps(objects()[name], codec=codec)))
    (folder / CONTAINER).write_bytes(container())


if __name__ == "__main__":
    write()

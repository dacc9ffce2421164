"""Writing streams by hand: what an assembler is to a machine."""

PROTO_5 = b"\x80\x05"
FRAME = b"\x95"
SOURCE_CALL = b"h\0)R\x94"


def text(value):
    """SHORT_BINUNICODE, without MEMOIZE."""
    encoded = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return b"\x8c" + bytes([len(encoded)]) + encoded


def name(module, qualified):
    """The STACK_GLOBAL of a name."""
    return text(module) + text(qualified) + b"\x93"


def integer(value):
    """BININT1, BININT2, BININT, LONG1 or LONG4, the shortest."""
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if 0 <= value < 65536:
        return b"M" + value.to_bytes(2, "little")
    if -(2**31) <= value < 2**31:
        return b"J" + value.to_bytes(4, "little", signed=True)
    encoded = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    if len(encoded) < 256:
        return b"\x8a" + bytes([len(encoded)]) + encoded
    return b"\x8b" + len(encoded).to_bytes(4, "little") + encoded


def get(index):
    """BINGET or LONG_BINGET."""
    return b"h" + bytes([index]) if index < 256 else b"j" + index.to_bytes(4, "little")


def framed(*opcodes):
    """The canonical form around opcodes; STOP is theirs to write."""
    body = b"".join(opcodes)
    return PROTO_5 + FRAME + len(body).to_bytes(8, "little") + body


def reframed(stream):
    """The same stream with a frame length that is right, if it has a frame."""
    return framed(stream[11:]) if stream[:3] == PROTO_5 + FRAME else stream

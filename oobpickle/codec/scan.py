"""The scan: whether a stream is plain data in its one canonical form. Nothing is loaded before it has said so.

Rule 1: DecodeError is all that comes out, with the offset and the opcode at fault.
Rule 2: what is scanned is what is loaded: the same bytes object, never memory that a peer can still write.
Rule 3: the encoder scans what it has made, so that no receiver with the same limits is surprised.

Theory of operation. A scan is sound only if the unpickler reads the bytes as the scan does. Three things make it so:

*One form.* PROTO 5, then one FRAME whose length is all the rest, then opcodes, the last of them STOP at the last byte.
PROTO and FRAME occur nowhere else. The C unpickler (3.11.7, 3.12.1, 3.13.0) reads a file by refilling one buffer: FRAME
reads its whole length into it, and an argument that reaches past what is there throws the rest of the buffer away and
reads on in the file. That is how frames have hidden opcodes from scanners (python/cpython#154848). Here the one frame
is the last thing in the file: there is nothing to read on in, and the scan refuses an argument that reaches past the
end. `pickle.loads` has the stream as its buffer from the start, ignores frame lengths, and reads the same bytes.

*Few opcodes.* Those that plain data needs, each with one meaning in these versions. No text opcodes, whose arguments
end at a newline; no PUT, so that the memo is numbered by MEMOIZE alone; no EXT, which returns cached objects without
asking find_class; no BUILD, OBJ, INST or NEWOBJ; no DUP, no GLOBAL. What is not listed is refused.

*Weights.* The opcodes that are left can still end a process (a tuple nested 130,000 deep as a dict key) or keep it busy
for hours (``t = (t, t)``, 40 times, as a key), so interpreter.py runs them on weights; and where many keys could have one
hash, collisions.py counts the hashes.
"""

from typing import NamedTuple

from oobpickle.codec.collisions import check_hashes
from oobpickle.codec.interpreter import weigh
from oobpickle.codec.rules import Names
from oobpickle.codec.shortcuts import START
from oobpickle.errors import DecodeError
from oobpickle.limits import DEFAULT, Limits

_FORM = b"\x80\x05\x95"  # PROTO 5, FRAME


class Verdict(NamedTuple):
    """What the scan has found.

    buffers: how many the stream takes. arrays: how many it takes from the table. The receiver has to see to it that there
    are as many. plain: the arguments of that table have the types that they must have. sure: it calls nothing that could refuse what an encoder has made.
    nameless: it names nothing but that table.
    """

    buffers: int
    arrays: int
    plain: bool
    sure: bool
    nameless: bool


def scan(stream: bytes, names: Names, limits: Limits = DEFAULT) -> Verdict:
    """Give the verdict on a stream, which is exactly bytes: nobody can change them. Raises DecodeError."""
    check_form(stream, limits)
    weighed = weigh(stream, names, limits)
    if weighed.suspect:
        check_hashes(stream, names, limits)
    return Verdict(weighed.buffers, weighed.arrays, weighed.plain, weighed.sure, weighed.nameless)


def check_form(stream: bytes, limits: Limits) -> None:
    """Raise DecodeError unless a stream begins with PROTO 5 and a FRAME that is all of the rest, and is not too long."""
    if type(stream) is not bytes:
        raise TypeError(f"a stream is bytes, not {type(stream).__name__}")
    if len(stream) > limits.stream_bytes:
        raise DecodeError(f"a stream of {len(stream)} bytes; limits.stream_bytes is {limits.stream_bytes}")
    if not stream.startswith(_FORM):
        raise DecodeError("not a stream of the data codec: that begins with PROTO 5 and FRAME", offset=0)
    if len(stream) <= START or int.from_bytes(stream[3:START], "little") != len(stream) - START:
        raise DecodeError("a frame that is not all of the rest of the stream", offset=2, opcode="FRAME")

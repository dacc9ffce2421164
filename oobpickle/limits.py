"""Every bound on what a peer sends, with its unit and its reason: those of the data codec first, then the endpoints'.

Rule 1: a bound is checked before the memory or the time that it bounds is spent.
Rule 2: the encoder checks the same bounds as the decoder, so a receiver with equal limits takes what a sender lets out.
Rule 3: what is linear in the length of the message is bounded by that length, generously; what can be worse than linear
(keys that collide, one object used many times) is bounded tightly. The defaults keep the decoding of any stream of up
to 64 KiB with buffers of up to 1 MB under 250 ms and 64 MB, measured on one core of an AMD EPYC.

docs/security.md says what these do not bound.
"""

from dataclasses import dataclass, fields, replace
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one data codec; immutable. Raise one on both sides, and only between peers that trust each other.

    Each field is a whole number above zero, 255 or more where it says so; its unit and its reason stand beside it. An object beyond a bound raises
    EncodeError at the sender and DecodeError at the receiver; both name the field.
    """

    stream_bytes: int = 256 * 2**20
    """Bytes of the stream, the in-band part of a message. The arrays are not in it; a list of ten million floats is 90 MB."""

    opcodes: int = 2**24
    """Steps of the scan: one an opcode, or one a short run of them that belongs together. 16 million are two seconds of
    scanning, and 128 MB of stack if each of them pushes a value."""

    buffers: int = 2**16
    """Out-of-band buffers of one message. Each is a frame, or an entry of the head: 65,536 is what ten thousand large
    arrays with room to spare need. Small arrays share buffers and do not count."""

    text_bytes: int = 64 * 2**20
    """Bytes of one text, 255 or more: shorter ones are not looked at. A text in which a single character is wide takes four times its bytes in memory."""

    int_bytes: int = 2**14
    """Bytes of one integer, 255 or more: shorter ones are not looked at. So many are 39,456 digits. Arithmetic on integers is worse than linear, and values are computed with."""

    key_values: int = 1000
    """Values in one dict key or set member: 1 for a number or a text, 1 more than its parts for a tuple. Hashing and
    comparing go down a tuple by C recursion: some 60,000 levels end the process, and fewer in a thread."""

    keys_base: int = 2**21
    """Values in all dict keys and set members that any stream may have, counted at each use: a tuple is hashed anew each
    time. Hashing a value takes about 10 ns, comparing it with another of the same hash about 20: 70 ms for both. Where
    keys can have equal hashes (tuples, floats, large integers; whoever sends them can choose), what they take to be
    compared has this same bound."""

    keys_per_byte: int = 2
    """Values in keys that each byte of the stream adds. An honest key takes two bytes for each value in it, and more."""

    freeing_stack: int = 2 * 2**20
    """Bytes of C stack that freeing the object may need. CPython frees lists, tuples and dicts without deep recursion,
    but not object arrays (1 KiB a level), deques and defaultdicts; the bound holds for the sum over all of those that
    hold others. The main thread has 8 MiB as a rule."""

    work_base: int = 2**15
    """Microseconds of rebuilding that any message may ask for, by the measured price of each rebuilder: 33 ms."""

    work_per_byte: int = 2
    """Microseconds of rebuilding that each byte of the stream adds. An honest stream says something new of each thing: a
    small DataFrame is 170 us, and 100 bytes. A hostile one asks for the same thing again in 5 bytes."""

    dtype_text: int = 2**14
    """Characters of a dtype's description. numpy takes 2 us a field to read it: 2,000,000 fields were 4.7 s."""

    dimensions: int = 64
    """Dimensions of an array: numpy's own bound since 2.0 (32 before)."""

    itemsize: int = 2**20
    """Bytes of one element of an array. A longer one is no element: it would let a scalar of a few bytes of stream
    allocate what no buffer carries."""

    elements: int = 2**24
    """Elements of one array that is filled from a list of the stream: object arrays and texts of variable width."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 255 if field.name in ("text_bytes", "int_bytes") else 1
            if type(value) is not int or value < least:
                raise ValueError(f"{field.name} is {value!r}; it must be a whole number, {least} or more")

    def replace(self, **bounds: int) -> Self:
        """These limits with the named bounds changed. Raises TypeError for a name that is no field."""
        return replace(self, **bounds)


DEFAULT = Limits()
"""The limits of a codec that was given none."""

TOPIC_MAX = 255
"""Bytes of a topic. A receiver looks no further for its end: a frame without one costs it 256 bytes of search."""

SUBSCRIPTIONS_MAX = 65_536
"""Different prefixes that a publisher keeps apart. A peer makes one from a few bytes; past this all topics are wanted."""

LINES_MAX = 65_536
"""Lines (sender and topic) whose numbers a subscriber follows, about 200 bytes each; the oldest is forgotten for a new one."""

LATEST_MAX = 4096
"""Topics of which a Subscriber(latest=True) keeps a message that was not taken yet; each may be as large as a frame."""

FRAMES_MAX = 65_537
"""Frames of one message: the head, and 65,536 buffers. A frame of no bytes still costs the receiver 200 of its own."""

FRAME_BYTES_MAX = 2**33
"""Bytes of one frame: 8 GiB. libzmq allocates a frame when its first bytes name its length, so a peer that nobody has
authenticated can ask for this much address space; lower it (max_frame=) where that matters."""

SKIPS_MAX = 64
"""Bad messages that a receive passes over before it looks at the clock again."""

EVENTS_MAX = 256
"""Connection events kept for `events()`; peers cause them, and the newest are those of interest."""

STUCK_MAX = 1024
"""Clients that a server remembers as not taking their replies, some 50 bytes each; then it gives all of them another try."""

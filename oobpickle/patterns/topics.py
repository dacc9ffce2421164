r"""Topics and subscriptions, as ZeroMQ has them: a subscription is a prefix of bytes, and "" is a prefix of all.

Rule 1: a topic is text; on the wire it is UTF-8 and ends with a NUL, so that it can stand before a head in one frame.
No topic holds a NUL, and none is longer than limits.TOPIC_MAX bytes.
Rule 2: a subscription matches the bytes of the *frame*, as libzmq does it: one that ends in a NUL, or goes on past
it, is a foreign subscriber's way to ask for one topic exactly. Where we cannot tell, we say "wanted".

Theory of operation of `Subscriptions`. An XPUB socket with XPUB_VERBOSER hands every subscription of every peer to us,
as a frame of b"\x01" + prefix, and every end of one, also those of a peer that died, as b"\x00" + prefix. So they are
a multiset. It is exact for peers that subscribe to a prefix once, as our Subscriber does; libzmq reports a repeated
subscription of one peer each time but its end only once, so that a peer that does that stays counted: the cost is
a message encoded for nobody. Peers speak here, so the number of prefixes is bounded: past the bound all is wanted.
"""

from collections import Counter

from oobpickle import limits
from oobpickle.errors import DecodeError, type_name

END = b"\0"
"""What separates a topic from the head."""


def encode_topic(topic: str) -> bytes:
    """The bytes of a topic as they stand before a head, END included. Raises ValueError for what cannot be a topic, and
    TypeError for what is no text.
    """
    if not isinstance(topic, str):
        raise TypeError(f"topic must be a str, not {type_name(topic)}")
    key = topic.encode() + END
    if len(key) - 1 > limits.TOPIC_MAX:
        raise ValueError(f"a topic of {len(key) - 1} bytes; the most is {limits.TOPIC_MAX}: {topic[:40]!r}...")
    if key.index(END) != len(key) - 1:
        raise ValueError(f"a topic holds no NUL: {topic!r}")
    return key


def encode_prefix(prefix: str) -> bytes:
    """The bytes of a subscription. Raises ValueError for a prefix that no topic has, and TypeError for what is no text."""
    return encode_topic(prefix)[:-1]


def split_topic(head: memoryview) -> tuple[bytes, memoryview]:
    """Take a received first frame apart into the topic's bytes (without END) and the head. Raises DecodeError."""
    start = head[:_LONGEST].tobytes()
    end = start.find(END)
    if end < 0:
        raise DecodeError("no topic before the head")
    return start[:end], head[end + 1 :]


_LONGEST = limits.TOPIC_MAX + len(END)


class Subscriptions:
    """Who wants what, at a publisher. `generation` changes whenever an answer of `wants` could."""

    __slots__ = ("_counts", "_limit", "_overflow", "generation")

    def __init__(self, limit: int = limits.SUBSCRIPTIONS_MAX) -> None:
        """limit: the most different prefixes that are kept apart."""
        self._counts: Counter[bytes] = Counter()
        self._limit = limit
        self._overflow = False
        self.generation = 1

    def hear(self, frame: bytes) -> bytes | None:
        """Take in one frame that an XPUB socket gave; returns the prefix that was newly asked for, if one was.

        Anything that is neither a subscription nor the end of one is ignored: a peer may send what it likes.
        """
        prefix = frame[1:]
        if frame[:1] == b"\x01":
            if prefix not in self._counts:
                if len(self._counts) >= self._limit:
                    self._overflow = True
                    return prefix
                self.generation += 1
            self._counts[prefix] += 1
            return prefix
        if frame[:1] == b"\0" and prefix in self._counts:
            self._counts[prefix] -= 1
            if not self._counts[prefix]:
                del self._counts[prefix]
                self.generation += 1
        return None

    def wants(self, key: bytes) -> bool:
        """Whether anybody has subscribed to this topic. key: as encode_topic gives it."""
        counts = self._counts
        return (
            self._overflow
            or any(key[:length] in counts for length in range(len(key) + 1))
            or any(prefix.startswith(key) for prefix in counts)
        )

    def count(self, key: bytes | None = None) -> int:
        """How many subscriptions cover this topic; None: how many there are."""
        if key is None:
            return self._counts.total()
        return sum(self._counts[key[:length]] for length in range(len(key) + 1))

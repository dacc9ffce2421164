"""What an endpoint counts, and the snapshot of it that a user sees.

Rule 1: a `Stats` never changes; two of them can be subtracted by eye. `Counters` is the running account behind it.
Rule 2: counting is cheap enough to be always on: integers, and one append for a latency.

Latency is receive time minus `sent_at`, so it spans two clocks when it spans two hosts. The percentiles are of the
last `WINDOW` messages: what a user wants to know is how it is now, and a sort of that many is done only when asked.
"""

from collections import deque
from dataclasses import dataclass

WINDOW = 1024
"""Latencies kept: enough for a p99 (ten lie above it), 8 KiB of references."""


@dataclass(frozen=True, slots=True)
class Stats:
    """A snapshot of an endpoint's counts since it was made. Bytes are of messages that count in `messages`.

    messages: sent (Publisher, Pusher), received (Subscriber, Puller), requests answered (Client), received (Server).
    bytes_in_band: heads: pickle streams, the buffers glued to them, headers. bytes_out_of_band: frames of their own.
    bytes_shared: buffers that lie in shared memory, of which a reference travels.
    dropped: not sent because the byte budget was used up, a peer was gone, or nobody had subscribed (Publisher: see
    `unwanted`) - or sent and known to be lost at close. unwanted: not encoded, since nobody had subscribed.
    missed: lost before they came here, by their numbers, or because their shared memory was used again. skipped: replaced by newer ones unread (latest=True).
    malformed: came, and could not be decoded. late: replies that nobody waited for any more.
    handshakes_failed: peers that did not get in. connected: peers at the moment of the snapshot, as far as was heard.
    in_flight: messages: requests without a reply (Client), requests without an answer (Server), else 0.
    bytes_in_flight: out-of-band bytes that the socket still holds, and shared ones that their receiver has not taken yet.
    latency_p50, latency_p90, latency_p99, latency_max: seconds, of the last messages; None before the first.
    For a Client it is the round trip.
    """

    messages: int = 0
    bytes_in_band: int = 0
    bytes_out_of_band: int = 0
    bytes_shared: int = 0
    dropped: int = 0
    unwanted: int = 0
    missed: int = 0
    skipped: int = 0
    malformed: int = 0
    late: int = 0
    handshakes_failed: int = 0
    connected: int = 0
    in_flight: int = 0
    bytes_in_flight: int = 0
    latency_p50: float | None = None
    latency_p90: float | None = None
    latency_p99: float | None = None
    latency_max: float | None = None


class Counters:
    """The running account of one endpoint. Its owner adds to the fields under its own lock."""

    __slots__ = (
        "bytes_in_band",
        "bytes_out_of_band",
        "bytes_shared",
        "connected",
        "dropped",
        "handshakes_failed",
        "latencies",
        "malformed",
        "messages",
        "missed",
        "problem",
        "unwanted",
    )

    def __init__(self) -> None:
        self.messages = 0
        self.bytes_in_band = 0
        self.bytes_out_of_band = 0
        self.bytes_shared = 0
        self.dropped = 0
        self.unwanted = 0
        self.missed = 0
        self.malformed = 0
        self.problem = ""  # with the last of these, for people
        self.handshakes_failed = 0
        self.connected = 0
        self.latencies: deque[int] = deque(maxlen=WINDOW)  # ns

    def snapshot(self, *, skipped: int = 0, late: int = 0, in_flight: int = 0, bytes_in_flight: int = 0) -> Stats:
        """The account as it stands, with what others keep."""
        latencies = sorted(self.latencies)
        return Stats(
            messages=self.messages,
            bytes_in_band=self.bytes_in_band,
            bytes_out_of_band=self.bytes_out_of_band,
            bytes_shared=self.bytes_shared,
            dropped=self.dropped,
            unwanted=self.unwanted,
            missed=self.missed,
            skipped=skipped,
            malformed=self.malformed,
            late=late,
            handshakes_failed=self.handshakes_failed,
            connected=self.connected,
            in_flight=in_flight,
            bytes_in_flight=bytes_in_flight,
            latency_p50=percentile(latencies, 50),
            latency_p90=percentile(latencies, 90),
            latency_p99=percentile(latencies, 99),
            latency_max=percentile(latencies, 100),
        )


def percentile(ordered: list[int], percent: int) -> float | None:
    """The smallest value that at least so many percent of them do not exceed (nearest rank), ns to seconds."""
    if not ordered:
        return None
    return ordered[-(-len(ordered) * percent // 100) - 1] / 1e9

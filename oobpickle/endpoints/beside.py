"""Two sockets behind one publisher: one to send references to this host, one to send frames to others.

XPUB sends the same to all of its peers, so subscribers on ipc and on tcp cannot be served differently by one. The second
socket is a Publishing of its own, which nobody waits on and nobody sees: what it hears is told to the first.
"""

from collections import deque

from oobpickle.endpoints.addresses import as_addresses
from oobpickle.endpoints.lane import LaneChoice, is_near
from oobpickle.endpoints.monitor import AnyMonitor, ConnectionEvent


class TwoMonitors:
    """The monitors of both sockets as one."""

    def __init__(self, near: AnyMonitor, far: AnyMonitor) -> None:
        self.near = near
        self.far = far

    @property
    def connected(self) -> int:
        """See Monitor."""
        return self.near.connected + self.far.connected

    @property
    def accepted(self) -> int:
        """See Monitor."""
        return self.near.accepted + self.far.accepted

    @property
    def refusals(self) -> int:
        """See Monitor."""
        return self.near.refusals + self.far.refusals

    @property
    def disconnections(self) -> int:
        """See Monitor."""
        return self.near.disconnections + self.far.disconnections

    @property
    def last_refusal(self) -> str:
        """See Monitor."""
        return self.near.last_refusal or self.far.last_refusal

    @property
    def stopped(self) -> bool:
        """See Monitor."""
        return self.near.stopped and self.far.stopped

    @property
    def descriptors(self) -> tuple[int, ...]:
        """See Monitor."""
        return *self.near.descriptors, *self.far.descriptors

    @property
    def events(self) -> deque[ConnectionEvent]:
        """See Monitor."""
        return self.near.events

    def read(self) -> None:
        """See Monitor."""
        self.near.read()
        self.far.read()
        self.near.events.extend(self.far.events)
        self.far.events.clear()

    def close(self) -> None:
        """See Monitor."""
        self.near.close()
        self.far.close()


def far_addresses(lane: LaneChoice, *addresses: list[str]) -> set[str]:
    """Those that need a socket of their own: all that are not on this host, if others are."""
    listed = [address for some in addresses for address in as_addresses(some)]
    far = {address for address in listed if not is_near(address)}
    return far if lane == "auto" and len(far) < len(set(listed)) else set()

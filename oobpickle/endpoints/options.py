"""The options of every socket of ours.

Heartbeats. The *receiving* side sends them and tells the sender when to give it up (ZMTP's TTL). Never the sender: a peer
that is only slow reads nothing, so it would not answer, and libzmq would cut it off with all that is queued for it (seen:
358 messages sent, 6 received). For a host that disappears there is TCP's own keep-alive.
"""

from typing import Any

import zmq

HIGH_WATER_MARK = 1000
"""Messages in a queue, as libzmq has it by default."""

HEARTBEAT_INTERVAL, HEARTBEAT_PATIENCE = 1000, 5000
"""Milliseconds: a receiver tells its sender that it lives, and is given up when it has not told for so long."""

KEEPALIVE = {zmq.TCP_KEEPALIVE: 1, zmq.TCP_KEEPALIVE_IDLE: 10, zmq.TCP_KEEPALIVE_INTVL: 5, zmq.TCP_KEEPALIVE_CNT: 3}
"""A host that is gone is noticed after 25 seconds."""

RECONNECT = {zmq.RECONNECT_IVL: 100, zmq.RECONNECT_IVL_MAX: 2000}
"""Milliseconds: doubled at each failure; a restarted peer is found within two seconds."""

_ARGUMENTS: dict[int, str] = {zmq.SNDHWM: "high_water_mark", zmq.RCVHWM: "high_water_mark", zmq.MAXMSGSIZE: "max_frame"}


def set_option(socket: "zmq.Socket[Any]", option: int, value: int) -> None:
    """Set an option of a socket. Raises TypeError with the name that the user knows it by, and what else pyzmq raises."""
    try:
        socket.set(option, value)
    except TypeError:
        raise TypeError(f"{_ARGUMENTS[option]} must be an int, not {value!r}") from None


def receiving(high_water_mark: int, max_frame: int) -> dict[int, int]:
    """The options of a socket that receives."""
    return {
        zmq.RCVHWM: high_water_mark,
        zmq.MAXMSGSIZE: max_frame,
        zmq.HEARTBEAT_IVL: HEARTBEAT_INTERVAL,
        zmq.HEARTBEAT_TTL: HEARTBEAT_PATIENCE,
        zmq.HEARTBEAT_TIMEOUT: 0,  # a receiver with full queues does not read the answers
    }

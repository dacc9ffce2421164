"""One run of a pair: the loops of the near and the far end, and what they report. The only code inside a timed region."""

import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from oobpickle.bench.flow import Credits, window
from oobpickle.bench.peer import End
from oobpickle.bench.things import Thing, digest
from oobpickle.bench.usage import Usage, usage


class Order(NamedTuple):
    """What the far end is to do: take count messages. expected: what each is to give in turn. whole: check every byte."""

    thing: Thing
    count: int
    expected: tuple[float, ...]
    whole: bool

    def check(self) -> Callable[[Any], float]:
        """What gives an object's part of `expected`."""
        return digest if self.whole else self.thing.touch


class Report(NamedTuple):
    """What the far end did. ended: CLOCK_MONOTONIC in seconds when the last message was checked."""

    ended: float
    used: Usage
    wrong: int


class Run(NamedTuple):
    """A run as both ends saw it. latencies: seconds of each round trip, in order; empty one way."""

    messages: int
    seconds: float
    near: Usage
    far: Usage
    latencies: tuple[float, ...] = ()


class Wrong(Exception):  # noqa: N818 - it says what it is
    """What arrived was not what was sent."""


def far_one_way(end: End, near: Connection, order: Order) -> Report:
    """Take and check messages, giving credit."""
    recv, check, expected, variants = end.recv, order.check(), order.expected, len(order.expected)
    _, each = window(order.thing.nbytes)
    wrong = 0
    near.send_bytes(b"ready")
    before = usage()
    for number in range(1, order.count + 1):
        obj = recv()
        wrong += check(obj) != expected[(number - 1) % variants]
        obj = None  # dropped before there is credit for it
        if not number % each:
            near.send_bytes(b"")
    return Report(time.monotonic(), usage().since(before), wrong)


def near_one_way(end: End, far: Connection, order: Order, objects: list[Any]) -> Run:
    """Send as many as there is credit for."""
    send, variants = end.send, len(objects)
    far.send(order)
    far.recv_bytes()
    credits_ = Credits(far, order.thing.nbytes)
    allowed = credits_.allowed(0)
    before, started = usage(), time.monotonic()
    for number in range(order.count):
        if number >= allowed:
            allowed = credits_.allowed(number)
        send(objects[number % variants])
    credits_.settle(order.count)
    report: Report = far.recv()
    return _run(order, report.ended - started, usage().since(before), report)


def far_round_trip(end: End, near: Connection, order: Order) -> Report:
    """Take, check and send back."""
    recv, send, check, expected, variants = end.recv, end.send, order.check(), order.expected, len(order.expected)
    wrong = 0
    near.send_bytes(b"ready")
    before = usage()
    for number in range(order.count):
        obj = recv()
        wrong += check(obj) != expected[number % variants]
        send(obj)
    return Report(time.monotonic(), usage().since(before), wrong)


def near_round_trip(end: End, far: Connection, order: Order, objects: list[Any]) -> Run:
    """Send one and wait for it to come back, each time."""
    send, recv, check, variants, clock = end.send, end.recv, order.check(), len(objects), time.perf_counter
    far.send(order)
    far.recv_bytes()
    latencies = []
    wrong = 0
    before, started = usage(), time.monotonic()
    for number in range(order.count):
        sent = clock()
        send(objects[number % variants])
        obj = recv()
        latencies.append(clock() - sent)
        wrong += check(obj) != order.expected[number % variants]
    seconds, used = time.monotonic() - started, usage().since(before)
    report: Report = far.recv()
    return _run(order, seconds, used, report._replace(wrong=report.wrong + wrong), tuple(latencies))


def alone(end: End, order: Order, objects: list[Any]) -> Run:
    """Near sends to itself, each object checked as a far end would."""
    check, variants = order.check(), len(objects)
    wrong = 0
    before, started = usage(), time.monotonic()
    for number in range(order.count):
        end.send(objects[number % variants])
        wrong += check(end.recv()) != order.expected[number % variants]
    return _run(order, time.monotonic() - started, usage().since(before), Report(0, Usage(), wrong))


def _run(order: Order, seconds: float, used: Usage, report: Report, latencies: tuple[float, ...] = ()) -> Run:
    if report.wrong:
        raise Wrong(f"{report.wrong} of {order.count} messages of {order.thing.name} were not what was sent")
    return Run(order.count, seconds, used, report.used, latencies)

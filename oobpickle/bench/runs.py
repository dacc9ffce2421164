"""One run of a pair: the loops of the near and the far ends, and what they report. The only code inside a timed region."""

import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from oobpickle.bench.flow import Credits, window
from oobpickle.bench.peer import End
from oobpickle.bench.things import Thing, digest
from oobpickle.bench.usage import Usage, usage

_AGAIN = 3  # times that an object is touched to learn what touching costs


class Order(NamedTuple):
    """What a far end is to do: take so many messages. expected: what each is to give in turn. whole: check every byte."""

    thing: Thing
    messages: int
    expected: tuple[Any, ...]
    whole: bool

    def check(self) -> Callable[[Any], Any]:
        """What gives an object's part of `expected`."""
        return digest if self.whole else self.thing.touch()


class Report(NamedTuple):
    """What a far end did. ended: CLOCK_MONOTONIC in seconds when the last message was checked.

    checking: seconds that one check takes, when it is done once more.
    """

    ended: float
    used: Usage
    wrong: int
    checking: float


class Run(NamedTuple):
    """A run as both ends saw it. far: of all far ends. latencies: seconds of each round trip, in order; else empty."""

    messages: int
    seconds: float
    near: Usage
    far: Usage
    checking: float
    latencies: tuple[float, ...] = ()


class Wrong(Exception):  # noqa: N818 - it says what it is
    """What arrived was not what was sent."""


def far_takes(end: End, near: Connection, order: Order, fars: int) -> Report:
    """Take and check messages, giving credit. fars: how many far ends do so."""
    recv, check, expected, variants = end.recv, order.check(), order.expected, len(order.expected)
    _, each = window(order.thing.nbytes, fars)
    wrong, checking = 0, 0.0
    near.send_bytes(b"ready")
    before = usage()
    for number in range(1, order.messages + 1):
        obj = recv()
        wrong += check(obj) != expected[(number - 1) % variants]
        if number == order.messages:
            ended, used, checking = time.monotonic(), usage().since(before), _time_of(check, obj, order)
        obj = None  # dropped before there is credit for it
        if not number % each:
            near.send_bytes(b"")
    return Report(ended, used, wrong, checking)


def near_sends(end: End, fars: list[Connection], order: Order, objects: list[Any]) -> Run:
    """Send as many as there is credit for."""
    send, variants = end.send, len(objects)
    _start(fars, order)
    credit = Credits(fars, order.thing.nbytes)
    allowed = credit.allowed(0)
    before, started = usage(), time.monotonic()
    for number in range(order.messages):
        if number >= allowed:
            allowed = credit.allowed(number)
        send(objects[number % variants])
    credit.settle(order.messages)
    reports: list[Report] = [far.recv() for far in fars]
    return _run(order, max(report.ended for report in reports) - started, usage().since(before), reports)


def far_returns(end: End, near: Connection, order: Order) -> Report:
    """Take, check and send back."""
    recv, send, check, expected, variants = end.recv, end.send, order.check(), order.expected, len(order.expected)
    wrong = 0
    near.send_bytes(b"ready")
    before = usage()
    for number in range(order.messages):
        obj = recv()
        wrong += check(obj) != expected[number % variants]
        send(obj)
    return Report(time.monotonic(), usage().since(before), wrong, 0.0)


def near_asks(end: End, fars: list[Connection], order: Order, objects: list[Any]) -> Run:
    """Send one and wait for it to come back, each time."""
    send, recv, check, variants, clock = end.send, end.recv, order.check(), len(objects), time.perf_counter
    _start(fars, order)
    latencies = []
    wrong = 0
    before, started = usage(), time.monotonic()
    for number in range(order.messages):
        sent = clock()
        send(objects[number % variants])
        obj = recv()
        latencies.append(clock() - sent)
        wrong += check(obj) != order.expected[number % variants]
    seconds, used = time.monotonic() - started, usage().since(before)
    report: Report = fars[0].recv()
    return _run(order, seconds, used, [report._replace(wrong=report.wrong + wrong)], tuple(latencies))


def alone(end: End, order: Order, objects: list[Any]) -> Run:
    """Near sends to itself, each object checked as a far end would."""
    send, recv, check, variants, clock = end.send, end.recv, order.check(), len(objects), time.perf_counter
    latencies = []
    wrong = 0
    before, started = usage(), time.monotonic()
    for number in range(order.messages):
        sent = clock()
        send(objects[number % variants])
        obj = recv()
        latencies.append(clock() - sent)
        wrong += check(obj) != order.expected[number % variants]
    seconds, used = time.monotonic() - started, usage().since(before)
    return _run(order, seconds, used, [Report(0, Usage(), wrong, _time_of(check, obj, order))], tuple(latencies))


def _start(fars: list[Connection], order: Order) -> None:
    for far in fars:
        far.send(order)
    for far in fars:
        far.recv_bytes()


def _time_of(check: Callable[[Any], Any], obj: Any, order: Order) -> float:
    """Seconds of one check of an object that has just been checked."""
    if order.whole:
        return 0.0
    taken = []
    for _ in range(_AGAIN):
        started = time.perf_counter()
        check(obj)
        taken.append(time.perf_counter() - started)
    return min(taken)


def _run(order: Order, seconds: float, used: Usage, reports: list[Report], latencies: tuple[float, ...] = ()) -> Run:
    wrong = sum(report.wrong for report in reports)
    if wrong:
        raise Wrong(f"{wrong} of {order.messages * len(reports)} messages of {order.thing.name} were not what was sent")
    far = Usage(*map(sum, zip(*(report.used for report in reports), strict=True)))
    return Run(order.messages, seconds, used, far, max(report.checking for report in reports), latencies)

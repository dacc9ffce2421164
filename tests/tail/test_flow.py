"""The account of a stream: rates, latencies, what was missed; times are given."""

import numpy as np
import pytest

from oobpickle import PickleCodec
from oobpickle.endpoints.arrivals import Message
from oobpickle.tail.flow import WINDOW, Flow
from oobpickle.tail.listener import Undecoded


def message(topic="a", obj=None, *, sent_at=100.0, missed=0, nbytes=1000):
    stream, buffers = PickleCodec().encode(obj)
    return Message(topic, Undecoded(0, memoryview(stream), buffers), 1, sent_at, missed, nbytes)


def test_a_steady_stream():
    flow = Flow(10.0)
    for second in range(1, 9):
        for _ in range(20):
            flow.add(message(), 100.5)
        (row,) = flow.tick(10.0 + second)
        assert (row.rate, row.speed) == (20.0, 20_000.0)
    assert (row.topic, row.messages, row.missed, row.news) == ("a", 160, 0, True)
    assert row.latency == pytest.approx(0.5)


def test_a_stream_that_ends():
    flow = Flow(0.0)
    for _ in range(10):
        flow.add(message(), 100.0)
    rates = [flow.tick(second)[0] for second in range(1, WINDOW + 2)]
    assert [round(row.rate, 2) for row in rates] == [10, 5, 3.33, 2.5, 2, 0]
    assert [row.news for row in rates] == [True] + [False] * WINDOW
    assert rates[-1].messages == 10


def test_ticks_of_any_length():
    flow = Flow(0.0)
    flow.add(message(), 100.0)
    assert flow.tick(0.5)[0].rate == 2
    flow.add(message(), 100.0)
    assert flow.tick(2.0)[0].rate == 1
    assert flow.tick(2.0)[0].rate == 1


def test_latencies():
    flow = Flow(0.0)
    for latency in (1, 2, 30):
        flow.add(message(), 100.0 + latency)
    (row,) = flow.tick(1.0)
    assert (row.latency, row.latency_max) == (2.0, 30.0)
    flow = Flow(0.0)
    flow.add(message(sent_at=0.0), 100.0)
    assert flow.tick(1.0)[0].latency is None


def test_missed_messages_add_up():
    flow = Flow(0.0)
    for missed in (0, 3, 4):
        flow.add(message(missed=missed), 100.0)
    assert flow.tick(1.0)[0].missed == 7


def test_topics_are_apart_and_in_the_order_in_which_they_came():
    flow = Flow(0.0)
    for topic in ("b", "a", "b"):
        flow.add(message(topic), 100.0)
    assert [(row.topic, row.messages) for row in flow.tick(1.0)] == [("b", 2), ("a", 1)]
    assert Flow(0.0).tick(1.0) == []


def test_the_newest_message_is_told():
    flow = Flow(0.0)
    for obj, what in (
        (np.zeros(10_000), "float64 (10000,)"),
        ("text", "'text'"),
        (np.zeros((100, 200), "f4"), "float32 (100, 200)"),
    ):
        flow.add(message(obj=obj), 100.0)
        assert flow.tick(1.0)[0].what == what

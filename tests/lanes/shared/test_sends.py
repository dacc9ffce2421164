import os

import pytest

from oobpickle.lanes.shared import sends as sends_module
from oobpickle.lanes.shared.acks import Board, PeerBoard
from oobpickle.lanes.shared.references import NO_ACK
from oobpickle.lanes.shared.sends import Awaited, Retained, Send


class Block:
    def __init__(self):
        self.holders = 1

    def drop(self):
        self.holders -= 1
        assert self.holders >= 0


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(sends_module, "JUDGE_AFTER", 0.0)


def placed(length):
    send = Send()
    send.helds.append(Block())
    send.length = length
    return send


class Pipes:
    """A sender and its receivers, each with what was sent to it."""

    def __init__(self):
        self.board = Board(os.getpid())
        self.sends = Awaited()
        self.readers = {}
        self.sent = []

    def send(self):
        send = placed(10)
        send.board, send.acknowledge = self.board, self.board.take()
        self.sends.add(send)
        self.sent.append(send)
        return send

    def acknowledge(self, name, send):
        if name not in self.readers:
            self.readers[name] = PeerBoard(send.acknowledge)
        self.readers[name].acknowledge(send.acknowledge)

    def kill(self, name):
        if name in self.readers:
            self.readers.pop(name).close()

    def over(self):
        self.sends.settle()
        return [send.is_over for send in self.sent]


@pytest.fixture
def pipes():
    pipes = Pipes()
    yield pipes
    pipes.sends.end()
    assert all(send.is_over for send in pipes.sent)
    assert pipes.board.is_idle
    for name in list(pipes.readers):
        pipes.kill(name)
    pipes.board.close()


def test_over_when_acknowledged(pipes):
    first, second = pipes.send(), pipes.send()
    block = first.helds[0]
    pipes.acknowledge("a", second)
    assert pipes.over() == [False, True]
    assert (block.holders, len(pipes.sends)) == (1, 1)
    pipes.acknowledge("a", first)
    assert pipes.over() == [True, True]
    assert (block.holders, len(pipes.sends)) == (0, 0)


def test_looking_at_some_gets_round_to_all(pipes):
    sends = [pipes.send() for _ in range(10)]
    pipes.acknowledge("a", sends[7])
    for _ in range(4):
        pipes.sends.settle(3)
    assert sends[7].is_over
    for send in sends:
        pipes.acknowledge("a", send)
    for _ in range(3):
        pipes.sends.settle(3)
    assert len(pipes.sends) == 0


def test_cancelled(pipes):
    send = pipes.send()
    pipes.sends.cancel(send)
    pipes.sends.cancel(send)
    assert pipes.over() == [True]
    assert len(pipes.sends) == 0


def test_ended(pipes):
    sends = [pipes.send() for _ in range(3)]
    pipes.sends.end()
    assert [send.is_over for send in sends] == [True] * 3


def test_the_last_peer_takes_all_with_it(pipes):
    sends = [pipes.send() for _ in range(3)]
    pipes.acknowledge("a", sends[0])
    pipes.kill("a")
    pipes.sends.peer_gone(0)
    assert pipes.over() == [True] * 3
    pipes.send()
    assert pipes.over() == [True] * 3 + [False]  # for whoever comes


def test_lost_when_the_others_are_further_on(pipes):
    a, b, c = pipes.send(), pipes.send(), pipes.send()
    pipes.acknowledge("b", b)
    pipes.acknowledge("c", c)
    pipes.kill("a")
    pipes.sends.peer_gone(2)
    assert pipes.over() == [True] * 3  # a was before both


def test_not_lost_while_it_may_be_in_a_living_peer_s_queue(pipes):
    a, b, c = pipes.send(), pipes.send(), pipes.send()
    pipes.acknowledge("c", a)
    pipes.acknowledge("b", c)
    pipes.kill("a")
    pipes.sends.peer_gone(2)
    assert pipes.over() == [True, False, True]  # b may be c's, which has only come to a
    pipes.acknowledge("c", later := pipes.send())
    assert pipes.over() == [True, True, True, True], later


def test_not_judged_while_a_peer_is_unknown(pipes):
    a, b = pipes.send(), pipes.send()
    pipes.acknowledge("b", b)
    pipes.sends.peer_gone(2)  # one of the two has not acknowledged anything
    assert pipes.over() == [False, True]
    pipes.acknowledge("c", pipes.send())
    assert pipes.over() == [True, True, True]


def test_not_judged_while_the_dead_still_has_its_lock(pipes):
    a, b, c = pipes.send(), pipes.send(), pipes.send()
    pipes.acknowledge("b", b)
    pipes.acknowledge("c", c)
    pipes.sends.peer_gone(1)  # c has gone from the socket, its lock is still there
    assert pipes.over() == [False, True, True]
    pipes.kill("c")
    assert pipes.over() == [True, True, True]


def test_what_is_sent_after_a_peer_has_gone_is_no_suspect(pipes):
    a = pipes.send()
    pipes.acknowledge("b", a)
    pipes.kill("x")
    pipes.sends.peer_gone(1)
    pipes.send()
    pipes.acknowledge("b", pipes.send())
    assert pipes.over() == [True, False, True]  # the second may be in another peer's queue, come since


def test_a_peer_that_goes_takes_what_nobody_acknowledged_when_nobody_was_further(pipes):
    a, b = pipes.send(), pipes.send()
    pipes.sends.peer_gone(1)
    assert pipes.over() == [False, False]


def test_progress_of_the_dead_is_struck_out(pipes, monkeypatch):
    monkeypatch.setattr(sends_module, "_MOST_READERS", 3)
    for number in range(10):
        pipes.acknowledge(number, pipes.send())
        pipes.over()
        pipes.kill(number)
    assert len(pipes.sends._progress) <= 4


def retained(sends, length):
    send = placed(length)
    sends.add(send)
    return send


def test_the_newest_are_kept_within_the_budget():
    sends = Retained(100)
    kept = [retained(sends, 30) for _ in range(5)]
    assert [send.is_over for send in kept] == [True, True, False, False, False]
    assert len(sends) == 3
    retained(sends, 100)
    assert [send.is_over for send in kept] == [True] * 5
    sends.end()


def test_the_newest_is_kept_whatever_its_size():
    sends = Retained(100)
    first = retained(sends, 1000)
    assert not first.is_over
    second = retained(sends, 1000)
    assert (first.is_over, second.is_over) == (True, False)
    sends.end()
    assert second.is_over


def test_under_pressure_the_older_half_goes():
    sends = Retained(100)
    kept = [retained(sends, 10) for _ in range(5)]
    sends.press()
    assert [send.is_over for send in kept] == [True, True, False, False, False]
    for _ in range(5):
        sends.press()
    assert not kept[-1].is_over
    sends.end()


def test_a_cancelled_one_frees_its_share():
    sends = Retained(100)
    first, second = retained(sends, 50), retained(sends, 50)
    sends.cancel(second)
    sends.cancel(second)
    retained(sends, 50)
    assert (first.is_over, second.is_over, len(sends)) == (False, True, 2)
    sends.peer_gone(0)
    sends.settle()
    assert not first.is_over
    sends.end()
    assert first.is_over

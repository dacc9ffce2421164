import os

import pytest
from tests.lanes.shared.support import ours

from oobpickle.errors import LaneError
from oobpickle.lanes.shared import acks
from oobpickle.lanes.shared.acks import Board, PeerBoard


@pytest.fixture
def board():
    board = Board(os.getpid())
    yield board
    board.close()


def test_an_acknowledgement_is_seen(board):
    words = [board.take() for _ in range(3)]
    reader = PeerBoard(words[0])
    reader.acknowledge(words[1])
    assert [bool(board.reader(word)) for word in words] == [False, True, False]
    number = board.reader(words[1])
    assert board.is_alive(number)
    reader.close()
    assert not board.is_alive(number)


def test_readers_have_numbers_of_their_own(board):
    word = board.take()
    readers = [PeerBoard(word) for _ in range(5)]
    numbers = set()
    for reader in readers:
        reader.acknowledge(word)
        numbers.add(board.reader(word))
    assert len(numbers) == 5
    for reader in readers:
        reader.close()


def test_readers_of_published_sends_tell_how_far_they_are(board):
    first, second, third = (board.publish() for _ in range(3))
    readers = [PeerBoard(first) for _ in range(3)]
    assert board.behind(third) == []
    readers[0].acknowledge(first)
    readers[1].acknowledge(second)
    readers[2].acknowledge(third)
    assert sorted(board.behind(second)) == [0, 0, 1]
    assert sorted(board.behind(third)) == [0, 1, 2]
    readers[0].close()
    assert sorted(board.behind(third)) == [0, 1]
    readers[1].acknowledge(third)
    assert board.behind(third) == [0, 0]
    for reader in readers[1:]:
        reader.close()
    assert board.behind(third) == []


def test_readers_for_whose_progress_there_is_no_place(board, monkeypatch):
    monkeypatch.setattr(acks, "PROGRESS", 2)
    word = board.publish()
    readers = [PeerBoard(word) for _ in range(3)]
    for reader in readers[:2]:
        reader.acknowledge(word)
    with pytest.raises(LaneError, match="no place left"):
        readers[2].acknowledge(word)
    for reader in readers:
        reader.close()


def test_a_late_acknowledgement_is_not_taken_for_anothers(board, monkeypatch):
    first = board.take()
    reader = PeerBoard(first)
    board._free.clear()
    board.end(first, reusable=True)
    second = board.take()
    assert (second.word, second.stamp != first.stamp) == (first.word, True)
    reader.acknowledge(first)
    assert not board.reader(second)
    reader.acknowledge(second)
    assert board.reader(second)
    reader.close()


def test_a_word_that_may_yet_be_written_is_not_used_again(monkeypatch):
    monkeypatch.setattr(acks, "WORDS", 4)
    board = Board(os.getpid())
    words = [board.take() for _ in range(4)]
    assert board.take() is None
    for word in words[:3]:
        board.end(word, reusable=False)
    assert board.take() is None
    assert board.is_used_up
    assert not board.is_idle
    board.end(words[3], reusable=True)
    assert board.is_idle
    assert board.take().word == words[3].word
    board.close()


def test_the_sender_s_end_is_seen(board):
    reader = PeerBoard(board.take())
    assert not reader.is_abandoned()
    board.close()
    assert reader.is_abandoned()
    reader.close()
    board.__init__(os.getpid())  # for the fixture


def test_beyond_the_board(board):
    word = board.take()
    reader = PeerBoard(word)
    with pytest.raises(LaneError):
        reader.acknowledge(word._replace(word=acks.WORDS))
    reader.acknowledge(word._replace(word=acks.WORDS - 1))
    reader.close()


def test_another_token(board):
    word = board.take()
    before = ours()
    with pytest.raises(LaneError):
        PeerBoard(word._replace(token=word.token ^ 1))
    assert ours() == before

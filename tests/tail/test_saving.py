"""Messages saved undecoded are the messages that were sent."""

import os

import numpy as np
import pytest

import oobpickle
from oobpickle import PickleCodec, wire
from oobpickle.codec.data_codec import DataCodec
from oobpickle.endpoints.arrivals import Message
from oobpickle.files import iter_frames
from oobpickle.tail.listener import Undecoded
from oobpickle.tail.saving import file_name, make_directory, save
from tests.same import assert_same

OBJECT = {"a": np.arange(100_000.0), "b": "text", "c": np.arange(7)}


def message(codec, topic="camera/left"):
    stream, buffers = codec.encode(OBJECT)
    return Message(topic, Undecoded(codec.number, memoryview(stream), buffers), 12, 1e9, 0, 1)


@pytest.mark.parametrize("codec", [PickleCodec(), DataCodec()], ids=["pickle", "data"])
def test_what_is_saved_can_be_loaded(tmp_path, codec):
    for _ in range(2):  # the second time it is there
        make_directory(str(tmp_path / "new" / "folder"))
    path = save(message(codec), str(tmp_path / "new" / "folder"))
    assert save(message(codec), str(tmp_path / "new" / "folder")) == path
    found = list(oobpickle.iter_file(path, codec=codec))
    assert_same(found, [OBJECT, OBJECT])
    header = wire.unpack(next(iter_frames(path)))
    assert (header.codec, header.sequence, header.sent_at) == (codec.number, 12, 10**18)
    del found, header


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("camera/left", "camera%2Fleft.oob"),
        ("", "%.oob"),
        ("..", "%2E..oob"),
        (".hidden", "%2Ehidden.oob"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd.oob"),
        ("a b\x1b\n", "a%20b%1B%0A.oob"),
        ("é", "%C3%A9.oob"),
    ],
)
def test_names(topic, name):
    assert file_name(topic) == name


def test_every_topic_has_a_file_of_its_own(tmp_path):
    topics = ["%", "", ".", "..", "%2E", "a/b", "a%2Fb", "é" * 127, "é" * 126 + "è", "x" * 255]
    names = {file_name(topic) for topic in topics}
    assert len(names) == len(topics)
    for topic in topics:
        path = save(message(PickleCodec(), topic), str(tmp_path))
        assert os.path.dirname(path) == str(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(names)


def test_a_directory_that_cannot_be_made_or_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for path in ("file", "file/x"):
        with pytest.raises(OSError, match="file"):
            make_directory(str(tmp_path / path))
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(PermissionError):
        make_directory(str(tmp_path))

"""Where messages come from: files of every kind, and addresses."""

import os
import pickle
import threading

import numpy as np
import pytest
import zmq

import oobpickle
from oobpickle import DecodeError, Timeout
from oobpickle.inspection.sources import from_address, in_file


def test_a_file_of_messages(tmp_path):
    path = tmp_path / "a.oob"
    with open(path, "wb") as file:
        for n in range(3):
            oobpickle.dump(np.arange(10_000 + n), file)
    found = list(in_file(path))
    assert [oobpickle.loads(frames).size for frames in found] == [10_000, 10_001, 10_002]
    del found


def test_plain_pickles(tmp_path):
    for protocol in range(6):
        path = tmp_path / f"p{protocol}"
        with open(path, "wb") as file:
            for n in range(3):
                pickle.dump({"n": n}, file, protocol)
        assert [pickle.loads(stream) for (stream,) in in_file(path)] == [{"n": n} for n in range(3)]


def test_a_head_in_a_file(tmp_path):
    (tmp_path / "head").write_bytes(oobpickle.dumps([1, 2])[0])
    ((head,),) = in_file(tmp_path / "head")
    assert oobpickle.loads([head]) == [1, 2]


def test_a_pickle_that_is_cut_off_is_given_as_it_is(tmp_path):
    stream = pickle.dumps(1) + pickle.dumps([2, 3])[:-1]
    (tmp_path / "p").write_bytes(stream)
    assert [bytes(frame) for (frame,) in in_file(tmp_path / "p")] == [pickle.dumps(1), pickle.dumps([2, 3])[:-1]]


@pytest.mark.parametrize(
    "content", [b"", b"hello world\n", b"\x89PNG\r\n", b"\xf5oobfile", b"\xf5oobfile" + b"\xff" * 20]
)
def test_other_files(tmp_path, content):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(DecodeError):
        list(in_file(tmp_path / "other"))


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DecodeError, match="pipe: not a regular file"):
        list(in_file(str(tmp_path / "pipe")))


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(in_file(tmp_path / "nothing"))


@pytest.fixture
def sender():
    """Sends a message again and again on a socket of this kind, and gives its address."""
    context = zmq.Context()
    threads, stop = [], threading.Event()

    def start(kind, frames, bind=None):
        socket = context.socket(kind)
        socket.linger = 0
        socket.sndtimeo = 20
        if bind is None:
            socket.bind("tcp://127.0.0.1:*")
        else:
            socket.connect(bind)
        address = socket.last_endpoint.decode()

        def send():
            while not stop.wait(0.01):
                try:
                    socket.send_multipart(frames)
                except zmq.Again:
                    pass
            socket.close()

        threads.append(threading.Thread(target=send))
        threads[-1].start()
        return address

    yield start
    stop.set()
    for thread in threads:
        thread.join()
    context.term()


def test_listening(sender):
    address = sender(zmq.PUB, [b"camera\0head", b"buffer"])
    assert [bytes(frame) for frame in from_address(address, timeout=30)] == [b"camera\0head", b"buffer"]
    assert from_address(address, topics=("cam",), timeout=30)
    with pytest.raises(Timeout):
        from_address(address, topics=("lidar",), timeout=0.2)


def test_taking_a_message(sender):
    assert [bytes(frame) for frame in from_address(sender(zmq.PUSH, [b"x"]), pattern="pull", timeout=30)] == [b"x"]


def test_binding(sender):
    context = zmq.Context()
    with context.socket(zmq.PULL) as probe:
        probe.bind("tcp://127.0.0.1:*")
        address = probe.last_endpoint.decode()
    context.term()
    sender(zmq.PUSH, [b"x"], bind=address)
    assert from_address(address, pattern="pull", bind=True, timeout=30)


def test_nobody_there():
    with pytest.raises(Timeout, match="tcp://127.0.0.1:1"):
        from_address("tcp://127.0.0.1:1", timeout=0.1)


@pytest.mark.parametrize("address", ["nonsense://x", "tcp://", "tcp://127.0.0.1:notaport"])
def test_an_address_that_is_none(address):
    with pytest.raises(zmq.ZMQError, match="(write|use) tcp://host:port"):
        from_address(address, timeout=1)

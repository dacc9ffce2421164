"""The leak checks of conftest.py can fail."""

import mmap
import os
import threading

import zmq

from tests.conftest import descriptors, mappings, new, open_sockets, threads


def test_a_descriptor_is_seen():
    before = descriptors()
    read, write = os.pipe()
    assert {fd for fd, _ in new(descriptors, before)} == {read, write}
    os.close(read)
    os.close(write)
    assert not new(descriptors, before)


def test_a_thread_is_seen():
    before = threads()
    go = threading.Event()
    thread = threading.Thread(target=go.wait, name="left")
    thread.start()
    assert [name for _, name in new(threads, before)] == ["left"]
    go.set()
    thread.join()
    assert not new(threads, before)


def test_a_context_and_its_sockets_are_seen():
    before = descriptors(), threads()
    socket = zmq.Context.instance().socket(zmq.PAIR)
    assert open_sockets() == [socket]
    assert new(descriptors, before[0])
    assert any(name.startswith("ZMQ") for _, name in new(threads, before[1]))
    socket.close()
    zmq.Context.instance().term()
    assert not new(descriptors, before[0])
    assert not new(threads, before[1])


def test_mappings_are_seen():
    before = mappings()
    fd = os.memfd_create("left")
    os.truncate(fd, 4096)
    mapped = mmap.mmap(fd, 4096)
    assert len(new(mappings, before)) == 1
    mapped.close()
    os.close(fd)
    assert not new(mappings, before)

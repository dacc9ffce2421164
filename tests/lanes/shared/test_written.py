"""What the kernel tells of pages, by each of its three ways; and that no way to write to a page escapes the count of faults."""

import ctypes
import mmap
import os
import socket
import threading

import numpy as np
import pytest

from oobpickle.lanes.shared import written
from oobpickle.lanes.shared.written import PAGE, Pagemap

PAGES = 300


@pytest.fixture
def private():
    """A private map of a file whose pages were all read."""
    fd = os.memfd_create("test")
    os.posix_fallocate(fd, 0, PAGES * PAGE)
    memory = mmap.mmap(fd, PAGES * PAGE, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    os.close(fd)
    with memory:
        assert not np.frombuffer(memory, np.uint8).any()
        yield memory


@pytest.fixture
def pagemap():
    pagemap = Pagemap()
    yield pagemap
    pagemap.close()


def by_call(pagemap):
    pass


def by_file(pagemap):
    pagemap._scans = False


def address(memory):
    return np.frombuffer(memory, np.uint8).ctypes.data


def where(memory, pagemap, first=0, stop=PAGES * PAGE):
    """The numbers of the pages that were written."""
    start = address(memory)
    ranges = pagemap.written(start + first, start + stop)
    return [page for low, high in ranges for page in range((low - start) // PAGE, (high - start) // PAGE)]


@pytest.mark.parametrize("way", [by_call, by_file])
def test_the_pages_that_were_written_are_found(private, pagemap, way):
    way(pagemap)
    assert where(private, pagemap) == []
    odd = list(range(1, PAGES, 2))  # more ranges than one call tells
    for page in odd:
        private[page * PAGE] = 1
    assert where(private, pagemap) == odd
    assert where(private, pagemap, 3 * PAGE + 1, 5 * PAGE + 1) == [3, 5]  # the pages that it reaches into


def test_a_kernel_without_the_call_is_asked_by_file(private, pagemap, monkeypatch):
    def unknown(*_):
        raise OSError(25, "Inappropriate ioctl for device")

    monkeypatch.setattr(written.fcntl, "ioctl", unknown)
    private[7 * PAGE] = 1
    assert where(private, pagemap) == [7]


def test_where_nothing_is_told_all_may_be_written(private, pagemap):
    pagemap.close()
    pagemap._fd = -1
    assert where(private, pagemap) == list(range(PAGES))


def store(memory):
    memory[PAGE] = 1


def store_in_a_thread(memory):
    thread = threading.Thread(target=store, args=(memory,))
    thread.start()
    thread.join()


def memmove(memory):
    ctypes.memmove(address(memory) + PAGE, b"\1", 1)


def receive(memory):
    near, far = socket.socketpair()
    with near, far, memoryview(memory) as view:
        near.send(b"\1")
        with view[PAGE:] as rest:
            far.recv_into(rest, 1)


def read_a_file(memory):
    with open("/dev/zero", "rb", buffering=0) as file, memoryview(memory) as view, view[PAGE : 2 * PAGE] as page:
        assert file.readinto(page) == PAGE


@pytest.mark.parametrize("write", [store, store_in_a_thread, memmove, receive, read_a_file])
def test_no_write_escapes_the_count_of_faults(private, pagemap, write):
    assert pagemap._counts
    pagemap.is_untouched_since(pagemap.mark)
    before = pagemap.mark
    write(private)
    assert not pagemap.is_untouched_since(before)
    assert where(private, pagemap) == [1]


def test_reading_what_was_read_takes_no_fault(private, pagemap):
    for _ in range(100):
        before = pagemap.mark
        private.find(b"x")
        if pagemap.is_untouched_since(before):  # something else may have taken one
            break
    else:
        pytest.fail("reading takes a fault each time")


def test_a_kernel_that_does_not_count_is_not_believed(private, monkeypatch):
    monkeypatch.setattr(written, "_faults", lambda: 0)
    pagemap = Pagemap()
    assert not pagemap.is_untouched_since(pagemap.mark)
    pagemap.close()


def test_who_may_not_ask_is_told_nothing(private, monkeypatch):
    def forbidden():
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(written, "_faults", forbidden)
    pagemap = Pagemap()
    assert not pagemap.is_untouched_since(pagemap.mark)
    pagemap.close()


def test_the_mark_of_another_process_is_not_ours(pagemap):
    for _ in range(100):
        other = Pagemap()
        pagemap.is_untouched_since(pagemap.mark)
        other.is_untouched_since(other.mark)
        assert not pagemap.is_untouched_since(other.mark)
        other.close()

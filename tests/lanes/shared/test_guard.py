import dis
import gc
import itertools
import sys
import threading

import numpy as np
import pytest

from oobpickle.lanes.shared.guard import Guard


class Counted:
    def __init__(self):
        self.drops = 0

    def hold(self):
        raise AssertionError

    def drop(self):
        self.drops += 1


def array(size=100):
    return np.frombuffer(memoryview(bytearray(size)), np.uint8)


def test_an_array_lets_go_when_its_last_view_is_gone():
    guard, held = Guard(), Counted()
    watched = array()
    guard.watch(watched, held)
    views = [watched[3:], watched.view("u4")[::2].reshape(-1), memoryview(watched.data), np.asarray(watched.data)]
    del watched
    while views:
        assert held.drops == 0
        views.pop()
    assert held.drops == 1


def test_not_before_what_a_garbage_cycle_may_still_reach():
    guard, held = Guard(), Counted()
    seen = []

    class Node:
        def __del__(self):
            seen.append((held.drops, int(self.array[0])))

    node = Node()
    node.self = node
    node.array = array()[5:]
    guard.watch(node.array.base, held)
    del node
    gc.collect()
    assert seen == [(0, 0)]
    assert held.drops == 1


def test_inside_the_mutex_it_waits_and_is_done_on_leaving():
    guard, held = Guard(), Counted()
    watched = [array()]
    guard.watch(watched[0], held)

    def books():
        watched.clear()
        assert held.drops == 0
        return "done"

    assert guard.run(books) == "done"
    assert held.drops == 1


def test_leaving_by_an_error_drains_too():
    guard, held = Guard(), Counted()
    watched = [array()]
    guard.watch(watched[0], held)

    def books():
        watched.clear()
        raise KeyError

    with pytest.raises(KeyError):
        guard.run(books)
    assert held.drops == 1
    assert guard.run(lambda: 5) == 5


def test_another_thread_in_the_mutex_is_not_waited_for():
    guard, held = Guard(), Counted()
    watched = [array()]
    guard.watch(watched[0], held)
    inside, leave = threading.Event(), threading.Event()

    def books():
        inside.set()
        assert leave.wait(10)

    thread = threading.Thread(target=guard.run, args=(books,))
    thread.start()
    assert inside.wait(10)
    watched.clear()  # would hang here if it waited
    assert held.drops == 0
    leave.set()
    thread.join()
    assert held.drops == 1


def test_nothing_is_let_go_after_the_end():
    guard, held = Guard(), Counted()
    watched = [array()]
    guard.watch(watched[0], held)
    guard.end()
    watched.clear()
    assert held.drops == 0


def test_many_threads_lose_none():
    guard = Guard()
    helds = [Counted() for _ in range(2000)]

    def work(part):
        for held in part:
            guard.watch(array(), held)  # gone at once
            guard.run(lambda: None)

    threads = [threading.Thread(target=work, args=(helds[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [held.drops for held in helds] == [1] * len(helds)


def drained_with_an_interrupt(guard, at):
    """Whether there is an at-th place in a drain where Python looks for signals; there comes Ctrl-C."""
    looks = itertools.count(1)
    last = ""

    def trace(frame, event, _):
        nonlocal last
        frame.f_trace_opcodes = True
        if event == "opcode" and frame.f_code is Guard.drain.__code__:
            if last.startswith(("CALL", "JUMP_BACKWARD", "RESUME")) and next(looks) == at:
                sys.settrace(None)
                raise KeyboardInterrupt
            last = dis.opname[frame.f_code.co_code[frame.f_lasti]]
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        guard.drain()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_an_interrupt_leaves_the_mutex_free():
    for at in itertools.count(1):
        guard = Guard()
        guard._queue.extend([int, int])
        interrupted = drained_with_an_interrupt(guard, at)
        assert guard.mutex.acquire(blocking=False), at
        guard.mutex.release()
        guard.drain()
        assert not guard._queue
        if not interrupted:
            break
    assert at > 5

"""Every order of the steps of a sender that uses a slot again and of a reader that attaches to it.

The two are threads with a lane each. Both stop before and after each lock call and at the points that the test names, and
go on one step at a time as a schedule says; all schedules are run. For each rule of the protocol that says what comes
before what there is a case with the order turned round, which must be seen to fail.
"""

import threading
from itertools import combinations

import numpy as np
import pytest

from oobpickle.errors import LaneError
from oobpickle.lanes.shared import inbox as inbox_module
from oobpickle.lanes.shared import loans, locks, placing, references
from oobpickle.lanes.shared import outbox as outbox_module
from oobpickle.lanes.shared.attach import Attachment, Lease
from oobpickle.lanes.shared.inbox import SharedInbox
from oobpickle.lanes.shared.outbox import SharedOutbox
from oobpickle.lanes.shared.segment import Segment

SIZE = 32 * 1024
OLD, NEW = 1, 2


class Steps:
    """Lets two threads take their steps in the order of a schedule, a string of their names."""

    def __init__(self, schedule):
        self.schedule = list(schedule)
        self.changed = threading.Condition()
        self.ended = set()
        self.local = threading.local()
        self.errors = []

    def step(self):
        """Wait for this thread's turn. A thread that no schedule knows goes on."""
        name = getattr(self.local, "name", None)
        if name is None:
            return
        with self.changed:
            assert self.changed.wait_for(lambda: self.next() in (name, None), 10)
            if self.schedule:
                self.schedule.pop(0)
            self.changed.notify_all()

    def next(self):
        while self.schedule and self.schedule[0] in self.ended:
            self.schedule.pop(0)
        return self.schedule[0] if self.schedule else None

    def run(self, **works):
        def body(name, work):
            self.local.name = name
            try:
                work()
            except BaseException as error:
                self.errors.append(error)
            finally:
                with self.changed:
                    self.ended.add(name)
                    self.changed.notify_all()

        threads = [threading.Thread(target=body, args=item) for item in works.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]


def schedules(sender, reader):
    """All orders of so many steps of S and of R."""
    for places in combinations(range(sender + reader), sender):
        yield "".join("S" if index in places else "R" for index in range(sender + reader))


@pytest.fixture
def stepping(monkeypatch):
    """Makes lock calls steps: returns what sets the schedule."""
    current = []

    def around(name):
        real = getattr(locks, name)

        def stepped(fd, byte, count=1):
            if current and byte < 1 << 30:
                current[0].step()
            result = real(fd, byte, count)
            if current and byte < 1 << 30:
                current[0].step()
            return result

        monkeypatch.setattr(locks, name, stepped)

    for name in ("lock_exclusive", "lock_shared", "unlock"):
        around(name)

    def begin(schedule):
        current[:] = [Steps(schedule)]
        return current[0]

    begin.step = lambda: current[0].step()
    return begin


class Pair:
    """A sender's lane with one slot's worth of room, and a reader's."""

    def __init__(self, sender, reader, monkeypatch, receivers):
        self.sender, self.reader = sender, reader
        sender.guard.run(sender.arena.set_limit, SIZE)
        for module in (outbox_module, placing):
            monkeypatch.setattr(module, "SHARE_FROM", SIZE)
        monkeypatch.setattr(inbox_module, "COPY_UP_TO", 0)
        for module in (outbox_module, loans):
            monkeypatch.setattr(module, "current", lambda: sender)
        monkeypatch.setattr(inbox_module, "current", lambda: reader)
        self.outbox = SharedOutbox(receivers=receivers, retain=0)
        self.inbox = SharedInbox()
        self.other = SharedOutbox(receivers="one")

    def place(self, fill):
        return self.outbox.place([memoryview(np.full(SIZE, fill, np.uint8))])

    def follow(self, placed, step):
        """What a reader sees, looked at twice: None: nothing, it is told so."""
        try:
            (view,) = self.inbox.follow(placed.references, [SIZE])
        except LaneError:
            return None
        first = bytes(view[: SIZE // 2])
        step()
        second = bytes(view[SIZE // 2 :])
        step()
        return set(first) | set(second) | set(bytes(view))

    def end(self):
        self.outbox.close()
        self.other.close()
        self.inbox.close()


def reuse(pair, stepping, schedule):
    """A published message, no longer kept, and its slot that is wanted again: what the reader saw, whether it was used."""
    placed = pair.place(OLD)
    pair.outbox.cancel(placed)  # no longer kept
    steps = stepping(schedule)
    seen, used = [], []

    def sender():
        steps.step()  # a turn that is wrong may have no lock call to stop at
        block = pair.sender.guard.run(pair.sender.arena.allocate, SIZE)
        steps.step()
        if block is not None:
            block.memory[: SIZE // 2] = bytes([NEW]) * (SIZE // 2)
            steps.step()
            block.memory[SIZE // 2 :] = bytes([NEW]) * (SIZE // 2)
            used.append(block)

    steps.run(S=sender, R=lambda: seen.append(pair.follow(placed, steps.step)))
    stepping("")
    for block in used:
        pair.sender.guard.run(block.drop)
    pair.sender.arena._full_until = 0.0
    return seen[0], bool(used)


@pytest.fixture(params=["the way of one", "the way of several"])
def way(request, monkeypatch):
    """Of the two ways in which a reader follows references: the quick one, and the one that all can take."""
    if request.param == "the way of several":
        monkeypatch.setattr(inbox_module.references, "unpack_one", lambda _: None)


@pytest.fixture
def published(lane, other, monkeypatch, way):
    pair = Pair(lane, other, monkeypatch, "many")
    yield pair
    pair.end()


SCHEDULES = list(schedules(7, 6))


def test_reuse_and_attach(published, stepping):
    outcomes = set()
    for schedule in SCHEDULES:
        seen, used = reuse(published, stepping, schedule)
        assert seen in (None, {OLD}), schedule
        outcomes.add((seen is None, used))
    assert (True, True) in outcomes  # the sender was first
    assert (False, False) in outcomes  # the reader was first


def turn_unlocking_first(self, slot):
    if not locks.lock_exclusive(self.fd, slot):
        return 0
    locks.unlock(self.fd, slot)
    self.generations[slot] += 1
    return self.generations[slot]


def turn_without_a_lock(self, slot):
    locks.is_locked(self.fd, slot)
    self.generations[slot] += 1
    return self.generations[slot]


def lease_comparing_first(self, slot, generation):
    if self._generations[slot] != generation:
        raise LaneError("stale")
    locks.unlock(self.fd, slot)  # which it has not: a step, or the sender may have taken all of its own by now
    if not locks.lock_shared(self.fd, slot):
        raise LaneError("stale")
    self.kept.leases += 1
    lease = self.leases[slot] = Lease(self, slot, generation)
    return lease


@pytest.mark.parametrize(
    ("owner", "name", "wrong"),
    [
        (Segment, "turn", turn_unlocking_first),
        (Segment, "turn", turn_without_a_lock),
        (Attachment, "lease", lease_comparing_first),
    ],
)
def test_the_order_matters(published, stepping, monkeypatch, owner, name, wrong):
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, wrong)
        assert any(reuse(published, stepping, schedule)[0] not in (None, {OLD}) for schedule in SCHEDULES)


def acknowledged(pair, stepping, schedule):
    """A message to one receiver, and a sender that wants its slot as soon as it may: what the reader saw."""
    placed = pair.place(OLD)
    steps = stepping(schedule)
    seen, used = [], []

    def sender():
        for _ in range(2):
            steps.step()
            pair.sender.arena._full_until = 0.0
            block = pair.sender.guard.run(pair.sender.arena.allocate, SIZE)
            if block is not None:
                block.memory[:] = bytes([NEW]) * SIZE
                used.append(block)

    steps.run(S=sender, R=lambda: seen.append(pair.follow(placed, steps.step)))
    stepping("")
    for block in used:
        pair.sender.guard.run(block.drop)
    assert pair.outbox.wait(0)
    pair.sender.arena._full_until = 0.0
    return seen[0]


@pytest.fixture
def point_to_point(lane, other, monkeypatch, way):
    pair = Pair(lane, other, monkeypatch, "one")
    yield pair
    pair.end()


def test_a_message_to_one_receiver_is_always_to_be_had(point_to_point, stepping):
    for schedule in schedules(7, 5):
        assert acknowledged(point_to_point, stepping, schedule) == {OLD}, schedule


def test_acknowledging_before_the_lock_loses_messages(point_to_point, stepping, monkeypatch):
    right = SharedInbox.follow

    def wrong(self, packed, lengths):
        self._boards.acknowledge(references.unpack(packed, len(lengths)).acknowledge)
        stepping.step()  # or the sender may have taken its steps before this thread began
        return right(self, packed, lengths)

    monkeypatch.setattr(SharedInbox, "follow", wrong)
    outcomes = [acknowledged(point_to_point, stepping, schedule) for schedule in schedules(7, 5)]
    assert None in outcomes
    assert all(seen in (None, {OLD}) for seen in outcomes)  # lost, not corrupt


def settled(pair, stepping, schedule):
    """A loaned array, published, that its owner writes to as soon as the tracker lets it: what a late reader saw."""
    array = loans.lend(SIZE)
    array[:] = OLD
    placed = pair.outbox.place([memoryview(array)])
    pair.outbox.cancel(placed)  # no longer kept
    steps = stepping(schedule)
    seen = []

    def sender():
        if placed.tracker.done:
            array[: SIZE // 2] = NEW
            steps.step()
            array[SIZE // 2 :] = NEW

    steps.run(S=sender, R=lambda: seen.append(pair.follow(placed, steps.step)))
    stepping("")
    return seen[0]


def test_what_a_tracker_lets_be_written_no_reader_sees(published, stepping):
    outcomes = [settled(published, stepping, schedule) for schedule in schedules(6, 6)]
    assert {OLD} in outcomes
    assert None in outcomes
    assert all(seen in (None, {OLD}) for seen in outcomes)

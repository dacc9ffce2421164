"""The arena against a dictionary: any sequence of sends, receipts, losses and releases, the invariants after each step.

The model keeps, of everything that lives, the bytes that it must have. Sender and reader are two lanes in one process,
as two processes have them.
"""

import gc

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from tests.lanes.shared.support import give_up, ours, peer

from oobpickle.errors import LaneError
from oobpickle.lanes.shared import arena as arena_module
from oobpickle.lanes.shared import inbox as inbox_module
from oobpickle.lanes.shared import loans as loans_module
from oobpickle.lanes.shared import attach, locks, placing, segment
from oobpickle.lanes.shared import outbox as outbox_module
from oobpickle.lanes.shared import sends as sends_module
from oobpickle.lanes.shared.lane import Lane

KB = 1 << 10
LIMIT = 160 * KB  # all sizes are small, so that there is little room and much to do
SIZES = st.sampled_from([4 * KB, 5 * KB, 9 * KB, 20 * KB, 40 * KB])


class Sent:
    """What the model knows of a message."""

    def __init__(self, placed, bytes_, outbox, tracker, loan):
        self.placed = placed
        self.bytes = bytes_  # of each buffer, by index
        self.outbox = outbox
        self.tracker = tracker
        self.loan = loan  # the loaned array that it refers to, or None
        self.safe = outbox == "one"  # it cannot be lost: in flight to one receiver


class Model(RuleBasedStateMachine):
    messages = Bundle("messages")
    views = Bundle("views")
    loans = Bundle("loans")

    def __init__(self):
        super().__init__()
        self.before = len(ours())
        self.sender, self.reader = Lane(LIMIT), Lane(LIMIT)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(sends_module, "JUDGE_AFTER", 0.0)
        self.patch.setattr(arena_module, "_RETRY_AFTER", 0.0)
        self.patch.setattr(inbox_module, "COPY_UP_TO", 6 * KB)
        self.patch.setattr(outbox_module, "SHARE_FROM", 4 * KB)
        self.patch.setattr(placing, "SHARE_FROM", 4 * KB)
        self.patch.setattr(placing, "ALONE_FROM", 16 * KB)
        self.patch.setattr(segment, "SIZE", 64 * KB)
        self.as_lane(self.sender)
        self.outboxes = {}
        self.make_outboxes()
        self.as_lane(self.reader)
        self.inboxes = [inbox_module.SharedInbox(), inbox_module.SharedInbox()]
        self.as_lane(self.sender)
        self.counter = 0
        self.sent = []  # every message in flight
        self.live_views = []  # (array, bytes) of all that lives
        self.live_loans = []  # (array, bytes)

    def as_lane(self, lane):
        for module in (outbox_module, inbox_module, loans_module):
            self.patch.setattr(module, "current", lambda: lane)

    def make_outboxes(self):
        for name in ("one", "many"):
            if name not in self.outboxes:
                self.outboxes[name] = outbox_module.SharedOutbox(receivers=name, retain=40 * KB)

    def fresh(self, size):
        self.counter += 1
        array = np.arange(size, dtype=np.uint32).view(np.uint8)[:size] ^ (self.counter % 251)
        return array

    # What a sender does

    @rule(target=messages, sizes=st.lists(SIZES, min_size=1, max_size=3), outbox=st.sampled_from(["one", "many"]),
          readonly=st.booleans())  # fmt: skip
    def send_copies(self, sizes, outbox, readonly):
        arrays = [self.fresh(size) for size in sizes]
        for array in arrays:
            array.flags.writeable = not readonly
        return self.send(arrays, outbox)

    @rule(target=messages, loan=loans, outbox=st.sampled_from(["one", "many"]), start=st.sampled_from([0, 3]))
    def send_loaned(self, loan, outbox, start):
        return self.send([loan[0][start:]], outbox, loan) if loan else multiple()

    @rule(target=messages, view=views, outbox=st.sampled_from(["one", "many"]))
    def send_on(self, view, outbox):
        """A relay: the reader's lane sends what it received."""
        if not view:
            return multiple()
        self.as_lane(self.reader)
        relay = outbox_module.SharedOutbox(receivers="one")
        self.as_lane(self.sender)
        placed = relay.place([memoryview(view[0])])
        expected = view[0].tobytes()
        if placed.shared:
            (got,) = self.inboxes[1].follow(placed.references, [len(expected)])
            assert bytes(got) == expected
        relay.close()
        return multiple()

    def send(self, arrays, outbox, loan=None):
        placed = self.outboxes[outbox].place([memoryview(array) for array in arrays])
        if not placed.shared:
            return multiple()
        message = Sent(placed, {i: arrays[i].tobytes() for i in placed.shared}, outbox, placed.tracker, loan)
        message.lane = self.outboxes[outbox]
        self.sent.append(message)
        return message

    @rule(target=loans, size=SIZES)
    def lend(self, size):
        array = loans_module.lend(size)
        if array is None:
            return multiple()
        array[:] = self.fresh(size)
        loan = [array, array.tobytes()]
        self.live_loans.append(loan)
        return loan

    @rule(loan=consumes(loans))
    def let_loan_go(self, loan):
        if loan:
            self.live_loans[:] = [other for other in self.live_loans if other is not loan]
            loan.clear()

    @rule(message=messages)
    def ask_tracker(self, message):
        """When it is done the memory is written, as a user would; nobody may see that."""
        if message.tracker is not None and message.loan and message.tracker.done:
            array = message.loan[0]
            array[:] = self.fresh(array.size)
            message.loan[1] = array.tobytes()
            message.tracker = None

    @rule(message=consumes(messages))
    def cancel(self, message):
        if message in self.sent and message.lane is self.outboxes.get(message.outbox):
            message.lane.cancel(message.placed)
        if message in self.sent:
            self.sent.remove(message)

    @rule(name=st.sampled_from(["one", "many"]))
    def close_outbox(self, name):
        self.outboxes.pop(name).close()
        for message in self.sent:
            if message.outbox == name:
                message.safe = False
        self.make_outboxes()

    @rule()
    def all_peers_gone(self):
        self.outboxes["one"].peer_gone(0)
        for message in self.sent:
            message.safe = False

    # What a reader does

    @rule(target=views, message=messages, readonly=st.booleans(), reader=st.sampled_from([0, 1]))
    def receive(self, message, readonly, reader):
        if message not in self.sent:
            return multiple()
        try:
            indices = sorted(message.bytes)
            got = self.inboxes[reader].follow(
                message.placed.references, [len(message.bytes[index]) for index in indices], readonly=readonly
            )
        except LaneError:
            assert not message.safe, "a message in flight to one receiver was not to be had"
            return multiple()
        finally:
            if message.outbox == "one":
                message.safe = False  # from now on only its views keep it
        arrays = []
        for index, view in zip(indices, got, strict=True):
            expected = message.bytes[index]
            assert bytes(view) == expected
            array = [np.frombuffer(view, np.uint8), expected]
            self.live_views.append(array)
            arrays.append(array)
        return multiple(*arrays)

    @rule(view=views)
    def write(self, view):
        if view and view[0].flags.writeable:
            view[0][::3001] ^= 0xA5
            view[1] = view[0].tobytes()

    @rule(view=consumes(views))
    def let_view_go(self, view):
        if view:
            self.live_views[:] = [other for other in self.live_views if other is not view]
            view.clear()

    @rule(reader=st.sampled_from([0, 1]))
    def reader_closes(self, reader):
        self.inboxes[reader].close()
        self.as_lane(self.reader)
        self.inboxes[reader] = inbox_module.SharedInbox()
        self.as_lane(self.sender)

    @rule()
    def sweep(self):
        self.reader.guard.run(self.reader.settle)
        self.sender.guard.run(self.sender.settle)

    @rule()
    def give_back_what_is_idle(self):
        self.sender.guard.run(self.sender.arena.trim, float("inf"))

    # What must hold

    @invariant()
    def every_view_has_its_bytes(self):
        for array, expected in self.live_views + self.live_loans:
            assert array.tobytes() == expected

    @invariant()
    def a_view_s_slot_is_locked(self):
        for attachment in self.reader.attachments.all.values():
            for slot, lease in attachment.leases.items():
                assert lease.holders > 0
                fd = locks.reopen(attachment.fd, writable=True)
                assert locks.is_locked(fd, slot)
                assert attachment._generations[slot] == lease.generation
                locks.os.close(fd)

    @invariant()
    def memory_is_bounded_and_counted(self):
        arena = self.sender.arena
        assert arena.resident == sum(owner.resident() for owner in arena.segments) <= LIMIT
        for owner in arena.segments:
            allocated = locks.os.fstat(owner.fd).st_blocks * 512
            assert owner.resident() <= allocated <= owner.resident() + owner.start + 4096

    @invariant()
    def each_slot_is_somebody_s_or_free(self):
        arena = self.sender.arena
        free = [entry for entries in arena._free.values() for entry in entries]
        assert len(set(map(lambda entry: (id(entry[0]), entry[1]), free))) == len(free)
        for owner in arena.segments:
            taken = set(owner.blocks)
            listed = {slot for other, slot in free if other is owner}
            assert taken | listed == set(range(owner.unused))
            assert not taken & listed
            assert all(block.holders > 0 for block in owner.blocks.values())
            assert all(block.generation == owner.generations[slot] for slot, block in owner.blocks.items())
        assert arena.loans == len(self.live_loans)

    def teardown(self):
        for outbox in self.outboxes.values():
            outbox.close()
        for reader in self.inboxes:
            reader.close()
        for held in self.live_views + self.live_loans:
            held.clear()
        self.sent.clear()
        gc.collect()
        stats = self.sender.guard.run(self.sender.arena.stats)
        assert (stats.in_use, stats.blocks) == (0, 0)
        assert not self.reader.attachments.all
        for lane in (self.sender, self.reader):
            give_up(lane)
        self.patch.undo()
        assert len(ours()) == self.before


def run(**options):
    run_state_machine_as_test(
        Model,
        settings=settings(stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), **options),
    )


def test_the_arena_against_a_dictionary():
    run(max_examples=20)


@pytest.mark.slow
def test_the_arena_against_a_dictionary_for_long():
    run(max_examples=1000)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", ["readers do not lock", "leases end at once", "the sender forgets readers"])
def test_the_model_can_fail(mistake):
    def work(connection):
        if mistake == "readers do not lock":
            locks.lock_shared = lambda fd, byte, count=1: True
        elif mistake == "leases end at once":
            attach.Arrival.hold = lambda self: None
        else:
            locks.lock_exclusive = lambda fd, byte, count=1: True
        try:
            run(max_examples=200, database=None, phases=[Phase.generate], report_multiple_bugs=False)
        except BaseException as error:
            connection.send(repr(error))
        else:
            connection.send("nothing was seen")

    with peer(work) as other:
        assert "nothing was seen" not in other.receive(60)

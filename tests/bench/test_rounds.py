import os
import sys
from contextlib import closing

import pytest

from oobpickle.bench import rounds
from oobpickle.bench.figures import Case, Figures
from oobpickle.bench.peer import FAN_OUT, INPROC, IPC, ONE_WAY, ROUND_TRIP, TCP
from oobpickle.bench.rounds import measure
from oobpickle.bench.things import ARRAY, ARRAYS, BYTES, Thing
from tests.bench import strange
from tests.bench.measured import measured
from tests.until import until


@pytest.mark.parametrize(
    ("pattern", "transport"), [(ONE_WAY, TCP), (ROUND_TRIP, IPC), (ONE_WAY, INPROC), (ROUND_TRIP, INPROC)]
)
def test_ours_beside_the_recipe(pattern, transport):
    found = measured("oobpickle", "recipe", pattern=pattern, transport=transport)
    assert not found.left_out
    assert not found.failed
    for runs in found.runs.values():
        assert len(runs) == 2
        assert all(run.messages >= 4 and run.seconds > 0 for run in runs)
        assert all(len(run.latencies) == run.messages for run in runs) or pattern == ONE_WAY
    assert found.ratio("oobpickle", "recipe").value > 0


def test_fan_out_is_received_by_all():
    found = measured("oobpickle", pattern=FAN_OUT, fars=3, rounds=1)
    assert len(found.runs["oobpickle"]) == 1


@pytest.mark.parametrize("thing", [Thing(ARRAYS, 50), Thing(BYTES, 8)], ids=lambda thing: thing.name)
def test_other_things(thing):
    assert not measured("oobpickle", "send_pyobj", thing=thing, rounds=1).failed


def test_what_arrives_wrong_fails_by_name_and_the_others_go_on():
    found = measured(strange.DAMAGES, "recipe")
    assert list(found.runs) == ["recipe"]
    assert "were not what was sent" in found.failed[strange.DAMAGES]


def test_an_old_message_is_not_taken_for_a_new_one():
    found = measured(strange.REPEATS)
    assert "1 of 2 messages of 64 KB were not what was sent" in found.failed[strange.REPEATS]


def test_a_peer_that_dies_or_refuses_fails():
    found = measured(strange.DIES, strange.DIES_EARLY, strange.REFUSES, strange.HONEST)
    assert found.failed[strange.DIES]
    assert found.failed[strange.DIES_EARLY]
    assert found.failed[strange.REFUSES] == "RuntimeError: not today"
    assert list(found.runs) == [strange.HONEST]


def test_what_a_far_end_raises_is_told_at_once(capfd):
    for pattern in (ONE_WAY, ROUND_TRIP):
        found = measured(strange.CANNOT_READ, strange.DOES_NOT_JOIN, strange.HONEST, pattern=pattern)
        assert found.failed[strange.CANNOT_READ] == "EOFError: no more"
        assert found.failed[strange.DOES_NOT_JOIN] == "RuntimeError: not there"
        assert list(found.runs) == [strange.HONEST]
    assert capfd.readouterr().err == ""


def test_one_whose_far_end_does_not_start():
    found = measured(strange.START_FAILS, strange.HONEST)
    assert found.failed[strange.START_FAILS] == "RuntimeError: no such machine"
    assert list(found.runs) == [strange.HONEST]


@pytest.mark.slow
def test_one_whose_far_end_never_comes():
    found = measured(strange.STARTS_NOTHING, strange.HONEST)
    assert "did not start within 30 s" in found.failed[strange.STARTS_NOTHING]


def test_peers_that_cannot_are_left_out_with_the_reason():
    found = measured(strange.ABSENT, "memcpy", "recipe", pattern=ROUND_TRIP)
    assert found.left_out == {strange.ABSENT: "no_such_module is not installed", "memcpy": "has no round trip"}
    assert list(found.runs) == ["recipe"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_measurement_that_is_given_up_leaves_no_process_and_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    case = Case(Thing(ARRAY, 1 << 16), ONE_WAY, IPC, ("oobpickle", "recipe"))
    with closing(measure([case], 100, 0.01, 1 << 30)) as measuring:
        next(measuring)
        assert len(list(tmp_path.iterdir())) == 2
        running = descendants()
        assert len(running) >= 3  # a near and a far end, and the near one of the peer whose turn is next
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in running))
    assert not list(tmp_path.iterdir())


def descendants():
    """Processes that this one started, and those that they did."""
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                parents[int(pid)] = int(stat.read().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = {os.getpid()}
    while new := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= new
    return found - {os.getpid()}


def test_a_time_for_all_ends_the_rounds_early():
    case = Case(Thing(ARRAY, 1024), ONE_WAY, IPC, ("memcpy",))
    steps = list(measure([case], 1000, 0.01, 1 << 30, within=0.0))
    assert len(steps[-1].figures.runs["memcpy"]) == 2
    assert steps[-1].turn == steps[-1].turns == 2


@pytest.mark.parametrize(
    ("longer", "looks", "wanted"), [(0.0, (), 5), (1e9, (False, False, True), 15), (1e9, (True,), 5)]
)
def test_rounds_are_added_until_the_figures_are_steady(longer, looks, wanted, monkeypatch):
    looking = iter(looks)
    monkeypatch.setattr(Figures, "is_steady", lambda *_: next(looking))
    case = Case(Thing(ARRAY, 1024), ONE_WAY, IPC, ("memcpy", "recipe"))
    steps = list(measure([case], 5, 0.001, 1 << 30, longer=longer))
    assert {name: len(runs) for name, runs in steps[-1].figures.runs.items()} == {"memcpy": wanted, "recipe": wanted}
    assert steps[-1].turn == steps[-1].turns == 2 * wanted


def test_processes_are_started_anew_after_some_rounds():
    case = Case(Thing(ARRAY, 1024), ONE_WAY, IPC, ("memcpy",))
    lives = []
    with closing(measure([case], 5, 0.001, 1 << 30, renew=2)) as steps:
        for step in steps:
            lives.append(descendants())
    assert len(step.figures.runs["memcpy"]) == 5
    assert lives[0] == lives[1] != lives[2] == lives[3] != lives[4]
    assert not descendants()


def test_no_turn_begins_while_processes_start(monkeypatch):
    done, take = [], rounds.Pair.take

    def told(pair, turn):
        assert all(other._joined or other._control.poll() for other in pairs)
        done.append(pair)
        return take(pair, turn)

    pairs, start = set(), rounds._started
    monkeypatch.setattr(rounds.Pair, "take", told)
    monkeypatch.setattr(rounds, "_started", lambda key: pairs.add(pair := start(key)) or pair)
    monkeypatch.setattr(rounds.Pair, "close", lambda pair, close=rounds.Pair.close: pairs.discard(pair) or close(pair))
    case = Case(Thing(ARRAY, 1024), ONE_WAY, IPC, ("memcpy", "recipe"))
    list(measure([case], 2, 0.001, 1 << 30, renew=1))
    assert len(done) == len(set(done)) == 4


def test_an_interrupt_while_processes_are_started_anew_ends_the_others(monkeypatch):
    started, real = [], rounds._started

    def interrupted(key):
        started.append(key)
        if len(started) == 3:
            raise KeyboardInterrupt
        return real(key)

    monkeypatch.setattr(rounds, "_started", interrupted)
    case = Case(Thing(ARRAY, 1024), ONE_WAY, IPC, ("memcpy", "recipe"))
    with pytest.raises(KeyboardInterrupt):
        list(measure([case], 5, 0.001, 1 << 30, renew=1))
    assert not descendants()

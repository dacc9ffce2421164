from oobpickle.bench.memory import free_memory, needed
from oobpickle.bench.peer import peer_named
from oobpickle.bench.things import ARRAY, Thing
from tests.bench.measured import measured


def test_free_memory_is_a_plausible_number():
    assert 1 << 26 < free_memory() < 1 << 50


def test_what_is_needed_grows_with_size_copies_and_receivers():
    small, large = Thing(ARRAY, 1 << 20), Thing(ARRAY, 1 << 28)
    recipe, queue = peer_named("recipe"), peer_named("multiprocessing.Queue")
    assert needed(recipe, small, 1) < needed(recipe, large, 1) < needed(recipe, large, 4)
    assert needed(recipe, large, 1) < needed(queue, large, 1)
    assert needed(recipe, large, 1) >= 4 * large.nbytes  # the object, two in flight, one with the receiver


def test_a_peer_that_needs_too_much_is_left_out_by_name():
    found = measured("recipe", "memcpy", thing=Thing(ARRAY, 1 << 30), memory=1 << 27)
    assert not found.runs
    assert found.left_out["recipe"].startswith("needs 4 GB of memory")

"""The part at fault: the smallest that is refused on its own, found with few tries."""

import pytest

from oobpickle.codec import blame
from oobpickle.codec.blame import smallest
from oobpickle.codec.whereabouts import path_to

CARRIED = (list, tuple, dict, set, frozenset, int, str)
WHOLE = ValueError("the whole")
BAD = "bad"


class Fails:
    """What has the bad one in it is refused. Counts how often it is asked."""

    def __init__(self, bad=BAD):
        self.bad = bad
        self.tries = 0

    def __call__(self, obj):
        self.tries += 1
        return ValueError(f"try {self.tries}") if path_to(obj, self.bad) else None


def blamed(obj, fails=None):
    return smallest(obj, fails or Fails(), CARRIED.__contains__, WHOLE)


PLACES = {
    "obj": BAD,
    "obj[0]": [BAD],
    "obj[7]": [*range(7), BAD, *range(9)],
    "obj['k'][2]['x']": {"j": [1], "k": (0, 1, {"w": 0, "x": BAD}), "l": 5},
    "obj.keys() <key 'bad'>": {0: 1, BAD: 2},
    "obj[1] <member 'bad'>": [0, {BAD, 5}],
    "obj[0].keys() <key (1, 'bad')>": [{(1, BAD): 0}],
}


@pytest.mark.parametrize("path", PLACES)
def test_it_is_found(path):
    part, where, error = blamed(PLACES[path])
    assert where == path
    assert part == ((1, BAD) if "(1," in path else BAD)
    assert (error is WHOLE) == (path == "obj")


def test_the_error_is_that_of_the_part():
    fails = Fails()
    _, _, error = blamed([[BAD]], fails)
    assert str(error) == f"try {fails.tries}"


def test_a_key_is_tried_as_a_key():
    """An object that is fine as a value: the whole dict is tried with nothing in it but the key."""
    part, path, _ = blamed([{(1,): 0, (2,): 0}], lambda obj: ValueError("key") if _keyed(obj, (2,)) else None)
    assert (part, path) == ((2,), "obj[0].keys() <key (2,)>")


def _keyed(obj, key):
    if isinstance(obj, dict):
        return key in obj or any(_keyed(value, key) for value in obj.values())
    return isinstance(obj, list) and any(_keyed(value, key) for value in obj)


def test_where_each_part_passes_it_is_the_whole():
    obj = [0, ["a", "b", "c"]]
    part, path, _ = blamed(obj, lambda value: ValueError() if path_to(value, "a") and path_to(value, "b") else None)
    assert part is obj[1]
    assert path == "obj[1]"


def test_what_is_not_carried_is_not_looked_into():
    class Box(list):
        pass

    box = Box([BAD])
    part, path, _ = blamed([box])
    assert part is box
    assert path == "obj[0]"


def test_a_cycle_ends():
    loop = [0]
    loop.append(loop)
    fails = Fails(bad=loop)
    part, path, error = smallest(loop, fails, CARRIED.__contains__, WHOLE)
    assert (part is loop, path, error) == (True, "obj", WHOLE)


def test_one_of_many_takes_few_tries():
    fails = Fails()
    values = [*range(100_000), BAD]
    assert blamed(values, fails)[1] == "obj[100000]"
    assert fails.tries <= 2 * 17 + 2


def test_it_gives_up_with_what_it_has(monkeypatch):
    monkeypatch.setattr(blame, "TRIES", 5)
    fails = Fails()
    deep = [BAD]
    for _ in range(50):
        deep = [deep]
    part, path, error = blamed(deep, fails)
    assert fails.tries == 5
    assert path == "obj" + "[0]" * 5
    assert path_to(part, BAD)
    assert str(error) == "try 5"


def test_it_gives_up_amid_the_parts(monkeypatch):
    monkeypatch.setattr(blame, "TRIES", 5)
    fails = Fails()
    assert blamed([*range(1000), BAD], fails)[1:] == ("obj", WHOLE)
    assert fails.tries == 5

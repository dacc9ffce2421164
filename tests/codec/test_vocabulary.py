"""A name resolves in the vocabulary or not at all, and each has its reducer's side, its rebuilder and its rule."""

import sys

import numpy as np
import pytest

from oobpickle.codec.registry import Registry
from oobpickle.codec.rules import Rule
from oobpickle.codec.vocabulary import LIBRARIES, Vocabulary
from oobpickle.codec.weights import Refused
from tests.hostile import corpus


@pytest.fixture
def words():
    return Vocabulary(corpus.registry())


def test_each_rebuilder_has_a_rule_and_the_reverse(words):
    rules = {(module.decode(), name.decode()) for module, name in words.rules}
    assert rules == words.rebuilders.keys() == words.plain.keys() == words.known.keys()
    assert all(type(rule) is Rule for rule in words.rules.values())
    assert sum(rule.source for rule in words.rules.values()) == 1


def test_only_the_table_differs_by_what_is_known(words):
    differs = {name for name in words.rebuilders if len({*map(id, (words.rebuilders[name], words.plain[name], words.known[name]))}) > 1}  # fmt: skip
    [table] = differs
    assert len({words.rebuilders[table], words.plain[table], words.known[table]}) == 3
    assert differs == {("oobpickle.codec.reducers.numpy", "array_table")}


@pytest.mark.parametrize(
    "name",
    [
        *((b"os", b"system"), (b"builtins", b"eval"), (b"builtins", b"getattr"), (b"", b""), (b"\xff", b"\xff")),
        *((b"oobpickle.codec.reducers.stdlib", b"np.load"), (b"oobpickle.codec.reducers.values", b"os.system")),
        (b"oobpickle.codec.reducers.secret", b"rebuild"),
    ],
)
def test_any_other_name_does_not_exist(words, name):
    before = set(sys.modules)
    with pytest.raises(KeyError):
        words.rules[name]
    assert set(sys.modules) == before
    assert name not in words.rules


def test_a_reducer_is_found_by_exact_type_and_kept(words):
    for cls in (corpus.Point, type(np.dtype("f8"))):
        assert cls not in words.reducers
        assert words.reducer_for(cls) is words.reducers[cls]
    for cls in (type("Sub", (corpus.Point,), {}), type("Odd", (), {"__module__": 5}), type, object):
        assert words.reducer_for(cls) is None
        assert not words.carries(cls)
        assert cls not in words.reducers
    assert all(map(words.carries, (int, type(None), np.ndarray, corpus.Pair, complex, np.float32)))


def test_registries_are_apart():
    mine, other = Vocabulary(Registry([corpus.Point])), Vocabulary(Registry())
    assert mine.carries(corpus.Point)
    assert not other.carries(corpus.Point)


def test_libraries():
    for wrong in (["os"], ["scipy", "oobpickle"], "scipy"):
        with pytest.raises(ValueError, match="there are pandas"):
            Vocabulary(Registry(), wrong)
    words = Vocabulary(Registry(), iter(["scipy"]))
    with pytest.raises(KeyError):
        words.rules[b"oobpickle.codec.reducers.pandas", b"rebuild_timestamp"]
    assert set(LIBRARIES) >= {"scipy"}


def test_a_library_that_is_not_here(words, monkeypatch):
    """The message is refused for that, not for its name; and only a module that has reducers is tried."""
    module = "oobpickle.codec.reducers.scipy"
    monkeypatch.setitem(sys.modules, module, None)
    for _ in range(2):
        with pytest.raises(Refused, match="needs scipy, which cannot be imported here"):
            words.rules[module.encode(), b"anything"]


def test_a_library_is_loaded_by_its_first_name(words):
    pytest.importorskip("scipy")
    with pytest.raises(KeyError):
        words.rules[b"oobpickle.codec.reducers.scipy", b"no such name"]
    assert any(module == b"oobpickle.codec.reducers.scipy" for module, _ in words.rules)
    test_each_rebuilder_has_a_rule_and_the_reverse(words)

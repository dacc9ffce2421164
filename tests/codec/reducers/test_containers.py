"""Containers: rebuilt of a plain dict or list, which is not kept, and paid for before it is copied."""

from collections import Counter, OrderedDict, defaultdict, deque

import pytest

from oobpickle import DataCodec, EncodeError
from oobpickle.codec import allowance
from oobpickle.codec.reducers import containers
from oobpickle.limits import DEFAULT


def rebuilt(value):
    rebuilder, arguments = containers.DATA_REDUCERS[type(value)](value)
    return rebuilder(*arguments)


def moved():
    value = OrderedDict.fromkeys("abc")
    value.move_to_end("a")
    return value


FACTORIES = [None, list, dict, set, int, float, str]
SAME = [
    *(moved(), OrderedDict(), Counter(a=-1, b=0, c=2.5, d=None), Counter()),
    *(deque(), deque([1, 2], 2), deque([], 0), deque([[]], None)),
    *(defaultdict(factory, {"a": 1}) for factory in FACTORIES),
]


@pytest.mark.parametrize("value", SAME, ids=repr)
def test_a_rebuilt_one_is_the_same(value):
    got = rebuilt(value)
    assert type(got) is type(value)
    assert repr(got) == repr(value)
    for name in ("maxlen", "default_factory"):
        assert getattr(got, name, None) is getattr(value, name, None)


@pytest.mark.parametrize(
    ("rebuilder", "arguments", "grow"),
    [
        (containers.rebuild_ordered, ({},), dict.clear),
        (containers.rebuild_counter, ({},), dict.clear),
        (containers.rebuild_defaultdict, ("int", {}), dict.clear),
        (containers.rebuild_deque, ([], None), deque.clear),
    ],
)
def test_what_it_was_made_of_may_be_shared(rebuilder, arguments, grow):
    content = next(part for part in arguments if type(part) in (dict, list))
    content.update(a=1) if type(content) is dict else content.append(1)
    got = rebuilder(*arguments)
    grow(got)
    assert len(content) == 1


class Sub(dict):
    pass


WRONG = {
    containers.rebuild_ordered: [([("a", 1)],), (Sub(),), (None,), (OrderedDict(),)],
    containers.rebuild_counter: [("abc",), (Sub(),), (None,), (Counter(),)],
    containers.rebuild_defaultdict: [("tuple", {}), ("", {}), (list, {}), (0, {}), (None, []), ("list", Sub())],
    containers.rebuild_deque: [((1,), None), ("abc", 3), ([], -1), ([], 1 << 70), ([], True), ([], 1.0), (range(3), None)],
}  # fmt: skip


@pytest.mark.parametrize(("rebuilder", "arguments"), [(one, wrong) for one in WRONG for wrong in WRONG[one]])
def test_wrong_arguments_are_refused(rebuilder, arguments):
    with pytest.raises((TypeError, ValueError, KeyError, OverflowError)):
        rebuilder(*arguments)


@pytest.mark.parametrize(
    ("rebuilder", "arguments", "price"),
    [
        (containers.rebuild_ordered, (dict.fromkeys(range(1000)),), 100_000),
        (containers.rebuild_counter, (dict.fromkeys(range(1000)),), 100_000),
        (containers.rebuild_defaultdict, ("int", dict.fromkeys(range(1000))), 100_000),
        (containers.rebuild_deque, ([None] * 1000, 5), 8000),
    ],
)
def test_the_price_is_paid_beforehand(rebuilder, arguments, price):
    before = allowance.begin(DEFAULT, 0, 0)
    try:
        allowance.spend(allowance.BASE - 2 * price)
        rebuilder(*arguments)
        rebuilder(*arguments)
        with pytest.raises(ValueError, match="more copies"):
            rebuilder(*arguments)
    finally:
        allowance.end(before)


def with_attribute(value):
    value.unit = "m"
    return value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (with_attribute(OrderedDict(a=1)), "attributes of its own"),
        (with_attribute(Counter("a")), "attributes of its own"),
        (defaultdict(tuple), "defaultdict of <class 'tuple'>.*list, dict, set"),
        (defaultdict(lambda: 0), "defaultdict of <function"),
    ],
)
def test_what_would_be_lost_is_refused_at_the_sender(value, said):
    with pytest.raises(EncodeError, match=said):
        rebuilt(value)
    with pytest.raises(EncodeError):
        DataCodec().encode(value)

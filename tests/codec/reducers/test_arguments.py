"""A type is exactly one of those that are expected: neither a subclass nor something that calls itself one."""

import pytest

from oobpickle.codec.reducers.arguments import expect, expect_all


class Text(str):
    pass


class Liar:
    __class__ = int


@pytest.mark.parametrize(
    ("value", "kinds"), [(1, (int,)), ("", (int, str)), (None, (type(None),)), (Text(), (Text,)), (Liar(), (Liar,))]
)
def test_what_is_expected(value, kinds):
    expect(value, *kinds)
    expect_all([value, value], *kinds)


@pytest.mark.parametrize(
    ("value", "kinds", "said"),
    [
        (True, (int,), "int expected, not bool"),
        (1, (bool,), "bool expected, not int"),
        (1.0, (int, type(None)), "int or NoneType expected, not float"),
        (Text(), (str,), "str expected, not Text"),
        (Liar(), (int,), "int expected, not Liar"),
        (int, (int,), "int expected, not type"),
    ],
    ids=str,
)
def test_what_is_not(value, kinds, said):
    with pytest.raises(TypeError) as caught:
        expect(value, *kinds)
    assert str(caught.value) == said
    good = kinds[0]()
    for values in ([value], (good, good, value), [value, good]):
        with pytest.raises(TypeError) as caught:
            expect_all(values, *kinds)
        assert str(caught.value) == said


def test_of_nothing():
    expect_all((), int)

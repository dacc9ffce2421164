"""The error tree: whose fault, fields, text, and survival in a pickle."""

import copy
import pickle
import re

import pytest

import oobpickle
from oobpickle import errors

EXAMPLES = [
    (errors.OobpickleError("words"), "words"),
    (errors.EncodeError("cannot pickle it"), "cannot pickle it"),
    (
        errors.EncodeError("cannot pickle it", type_name="my.Type", path="obj['a'][3]", advice="leave it out"),
        "obj['a'][3] (my.Type): cannot pickle it; leave it out",
    ),
    (errors.EncodeError("cannot pickle it", type_name="my.Type"), "my.Type: cannot pickle it"),
    (errors.DecodeError("not ours"), "not ours"),
    (errors.DecodeError("not data", offset=12), "not data (at byte 12 of the stream)"),
    (errors.DecodeError("not data", offset=12, opcode="GLOBAL"), "not data (at byte 12 of the stream, GLOBAL)"),
    (errors.LaneError("stale"), "stale"),
    (errors.LaneError("out of reach", advice="run as the same user"), "out of reach; run as the same user"),
    (errors.Timeout("a message", 1.5), "a message: nothing within 1.5 s"),
    (errors.Timeout("a reply", 2, "nobody is connected"), "a reply: nothing within 2 s (nobody is connected)"),
    (errors.Closed("the Publisher is closed"), "the Publisher is closed"),
    (errors.RemoteError("KeyError", "'x'", "Traceback ..."), "KeyError: 'x'"),
]
IDS = [f"{type(error).__name__}-{number}" for number, (error, _) in enumerate(EXAMPLES)]


@pytest.mark.parametrize(("error", "text"), EXAMPLES, ids=IDS)
def test_text(error, text):
    assert str(error) == text


def test_insecure_endpoint_says_what_can_be_done():
    error = errors.InsecureEndpoint("tcp://0.0.0.0:5555")
    assert error.address == "tcp://0.0.0.0:5555"
    for words in ("tcp://0.0.0.0:5555", 'codec="data"', "curve=", "insecure=True"):
        assert words in str(error)


@pytest.mark.parametrize("error", [error for error, _ in EXAMPLES] + [errors.InsecureEndpoint("tcp://*:1")], ids=str)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_survives_pickling(error, protocol):
    for again in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.args == error.args
        assert vars(again) == vars(error)


def test_bases():
    """A user of pickle or of plain time-outs catches ours without knowing of them."""
    assert issubclass(errors.EncodeError, pickle.PicklingError)
    assert issubclass(errors.DecodeError, pickle.UnpicklingError)
    assert issubclass(errors.LaneError, errors.DecodeError)
    assert issubclass(errors.Timeout, TimeoutError)
    assert not issubclass(errors.EncodeError, errors.DecodeError)


def test_the_docstring_is_the_tree():
    names = re.findall(r"[├└]── (\w+)", errors.__doc__)
    classes = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == "oobpickle.errors"
    }
    assert set(names) | {"OobpickleError"} == classes
    for name in classes:
        assert issubclass(getattr(errors, name), errors.OobpickleError)
        assert getattr(oobpickle, name) is getattr(errors, name)


def test_a_timeout_is_no_system_error():
    """TimeoutError is an OSError, which takes two arguments for errno and its text."""
    error = errors.Timeout("a message", 0.25)
    assert (error.errno, error.strerror, error.filename) == (None, None, None)
    assert (error.what, error.seconds) == ("a message", 0.25)


def test_type_name():
    class Inner:
        pass

    assert errors.type_name([]) == "list"
    assert errors.type_name(Inner()) == f"{__name__}.test_type_name.<locals>.Inner"

"""The façades have the same names, arguments and properties; what each does is tested by one suite, in tests/endpoints."""

import inspect

import pytest

import oobpickle
from oobpickle import aio
from oobpickle.endpoints import pubsub, pushpull, request

BLOCKING = {
    name: getattr(module, name)
    for module, names in (
        (pubsub, ("Publisher", "Subscriber")),
        (pushpull, ("Pusher", "Puller")),
        (request, ("Client", "Server", "Request")),
    )
    for name in names
}

PROTOCOL = {"__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__"}


def public(cls):
    return {name for name in dir(cls) if not name.startswith("_")}


@pytest.mark.parametrize("name", BLOCKING)
def test_same_names(name):
    assert public(BLOCKING[name]) == public(getattr(aio, name))


@pytest.mark.parametrize("name", BLOCKING)
def test_same_arguments(name):
    blocking, asynchronous = BLOCKING[name], getattr(aio, name)
    for member in ["__init__", *public(blocking)]:
        ours, theirs = getattr(blocking, member), getattr(asynchronous, member)
        if not callable(ours):
            assert type(ours) is type(theirs), member
            continue
        one, two = inspect.signature(ours), inspect.signature(theirs)
        assert one.parameters == two.parameters, member
        assert one.return_annotation == two.return_annotation or "Request" in str(one.return_annotation), member


@pytest.mark.parametrize("name", BLOCKING)
def test_what_waits_is_awaited_and_nothing_else(name):
    blocking, asynchronous = BLOCKING[name], getattr(aio, name)
    for member in public(blocking):
        if getattr(blocking, member) is not getattr(asynchronous, member):
            assert inspect.iscoroutinefunction(getattr(asynchronous, member)), member
            assert getattr(asynchronous, member).__doc__, member


@pytest.mark.parametrize("name", BLOCKING)
def test_the_same_protocols(name):
    for blocking, asynchronous in PROTOCOL.items():
        assert hasattr(BLOCKING[name], blocking) == hasattr(getattr(aio, name), asynchronous)
        assert not hasattr(BLOCKING[name], asynchronous)
        assert not hasattr(getattr(aio, name), blocking)


def test_it_is_reached_through_the_package():
    assert oobpickle.aio is aio
    assert sorted(aio.__all__) == sorted(BLOCKING)


def test_asyncio_is_loaded_by_those_who_use_it(python):
    assert python(
        "import sys, zmq, numpy, oobpickle; print('asyncio' in sys.modules, 'oobpickle.aio' in sys.modules)"
    ) == ("False False\n")

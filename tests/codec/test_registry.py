"""`register`: which classes may travel, what the decoder runs of them (nothing), and what it checks."""

import dataclasses
import enum
import functools
import operator
import os
import pickle
import subprocess
from typing import Any, NamedTuple

import pytest

import oobpickle
from oobpickle import DataCodec, DecodeError, EncodeError
from oobpickle.codec import registry
from oobpickle.codec.registry import Registry

RAN = []


@dataclasses.dataclass
class Plain:
    x: Any
    y: Any = 0

    def __init__(self, x, y=0):
        RAN.append("init")
        self.x, self.y = x, y

    def __setstate__(self, state):
        RAN.append("setstate")

    def __reduce__(self):
        RAN.append("reduce")
        return Plain, (1,)

    def __setattr__(self, name, value):
        RAN.append("setattr")
        object.__setattr__(self, name, value)


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    low: int
    high: int

    def __post_init__(self):
        RAN.append("post_init")
        if not self.low <= self.high:
            raise ValueError("the wrong way round")


class Pair(NamedTuple):
    left: Any
    right: Any


class Colour(enum.Enum):
    RED = 1
    BLUE = "blue"
    CRIMSON = 1


class Permission(enum.Flag):
    READ = 1
    WRITE = 2


class Opaque:
    def __init__(self, value):
        self.value = value


def codec(*classes, **options):
    own = Registry()
    for cls in classes:
        own.register(cls, **options)
    return DataCodec(types=own)


def there_and_back(obj, codec):
    return codec.decode(*codec.encode(obj))


def calling(tag, names, values):
    """A message that calls for a registered class with arguments of the sender's choice."""

    class Liar:
        pass

    liar = Registry()
    liar.register(Liar, encode=lambda _: None, decode=id, tag="liar")
    liar._by_class[Liar] = liar._by_class[Liar]._replace(tag=tag, encode=lambda _: (names, values))
    pickler = DataCodec(types=liar)
    liar._by_tag[tag] = registry.Registration(Liar, tag, None, lambda names, values: None)
    return pickler.encode(Liar())


class TestDecodingRunsNothing:
    def test_of_a_dataclass(self):
        obj = Plain(1, [2])
        RAN.clear()
        got = there_and_back(obj, codec(Plain))
        assert RAN == []
        assert type(got) is Plain
        assert (got.x, got.y) == (1, [2])

    def test_of_a_frozen_one_with_slots(self):
        obj = Range(1, 2)
        RAN.clear()
        got = there_and_back(obj, codec(Range))
        assert (got, RAN) == (obj, [])

    def test_unless_a_constructor_is_asked_for(self):
        strict = codec(Range, constructor=True)
        assert there_and_back(Range(1, 2), strict) == Range(1, 2)
        stream, buffers = calling(f"{__name__}:Range", ("low", "high"), (2, 1))
        with pytest.raises(DecodeError, match="the wrong way round"):
            strict.decode(stream, buffers)
        got = codec(Range).decode(stream, buffers)
        assert (got.low, got.high) == (2, 1)  # what a peer says, unchecked

    def test_of_attrs(self):
        attrs = pytest.importorskip("attrs")

        def converted(value):
            RAN.append("converter")
            return value

        @attrs.define
        class Point:
            x: int = attrs.field(converter=converted)
            _y: int = 0

        own = Registry()
        own.register(Point, tag="point")
        obj = Point(1, y=2)
        RAN.clear()
        assert there_and_back(obj, DataCodec(types=own)) == obj
        assert RAN == []
        built = Registry()
        built.register(Point, tag="point", constructor=True)
        assert there_and_back(obj, DataCodec(types=built)) == obj
        assert RAN == ["converter"]


class TestKinds:
    def test_named_tuple_and_enum(self):
        own = codec(Pair, Colour)
        for obj in (Pair(1, [Pair(2, 3)]), Colour.RED, Colour.BLUE, Colour.CRIMSON):
            got = there_and_back(obj, own)
            assert (got, type(got)) == (obj, type(obj))
        assert there_and_back(Colour.RED, own) is Colour.RED

    def test_members_put_together(self):
        with pytest.raises(EncodeError, match="no single member"):
            codec(Permission).encode(Permission.READ | Permission.WRITE)

    def test_functions_of_the_users_own(self):
        own = codec(Opaque, encode=lambda obj: {"value": obj.value}, decode=lambda told: Opaque(told["value"]))
        assert there_and_back([Opaque([1])], own)[0].value == [1]
        stream, buffers = calling(f"{__name__}:Opaque", None, [1])
        with pytest.raises(DecodeError, match="TypeError"):
            own.decode(stream, buffers)

    def test_as_a_decorator(self):
        own = Registry()

        @own.register(tag="local")
        @dataclasses.dataclass
        class Local:
            x: int

        assert there_and_back(Local(3), DataCodec(types=own)) == Local(3)

    def test_the_process_has_one_registry(self):
        @dataclasses.dataclass
        class Everywhere:
            x: int

        with pytest.raises(EncodeError, match="oobpickle.register"):
            oobpickle.dumps(Everywhere(1))
        assert oobpickle.register(Everywhere, tag="tests.everywhere") is Everywhere
        assert oobpickle.loads(oobpickle.dumps({"e": Everywhere(1)})) == {"e": Everywhere(1)}
        stream, buffers = DataCodec().encode(Everywhere(2))
        assert pickle.loads(stream, buffers=buffers) == Everywhere(2)

    def test_a_subclass_is_another_class(self):
        class More(Pair):
            pass

        with pytest.raises(EncodeError, match="does not carry"):
            codec(Pair).encode(More(1, 2))


class TestWhatIsSentIsChecked:
    @pytest.mark.parametrize(
        ("tag", "names", "values"),
        [
            ("Nobody", ("x", "y"), (1, 2)),
            ("Plain", ("x",), (1,)),
            ("Plain", ("y", "x"), (1, 2)),
            ("Plain", ("x", "y"), (1,)),
            ("Plain", ("x", "__class__"), (1, 2)),
            ("Plain", ["x", "y"], (1, 2)),
            ("Plain", None, (1, 2)),
            ("Pair", ("left", "right", "more"), (1, 2, 3)),
            ("Pair", ("left", "right"), (1, 2, 3)),
            ("Pair", ("left", "right"), [1, 2]),
            ("Colour", None, "GREEN"),
            ("Colour", None, "__class__"),
            ("Colour", None, 1),
            ("Colour", ("name",), "RED"),
        ],
    )
    def test_fields_and_members(self, tag, names, values):
        stream, buffers = calling(f"{__name__}:{tag}", names, values)
        with pytest.raises(DecodeError, match=r"no class|has the fields|no member|expected"):
            codec(Plain, Pair, Colour).decode(stream, buffers)

    def test_a_receiver_that_has_not_registered_it(self):
        stream, buffers = codec(Pair).encode(Pair(1, 2))
        with pytest.raises(DecodeError, match=f"no class is registered as '{__name__}:Pair'"):
            codec(Colour).decode(stream, buffers)

    def test_what_to_do_about_it_is_said(self):
        stream, buffers = codec(Pair).encode(Pair(1, 2))
        told = f"no class is registered as '{__name__}:Pair' here; {{}}(cls, tag='{__name__}:Pair') in this process too"
        for receiver, register in ((DataCodec(), "oobpickle.register"), (codec(), "its codec's Registry.register")):
            with pytest.raises(DecodeError) as caught:
                receiver.decode(stream, buffers)
            assert str(caught.value) == told.format(register)

    def test_a_tag_that_is_too_long_is_not_told_whole(self):
        stream, buffers = calling("x" * 100_000, None, 1)
        with pytest.raises(DecodeError) as caught:
            codec(Plain).decode(stream, buffers)
        assert len(str(caught.value)) < 1000

    def test_what_is_no_field_would_be_lost(self):
        obj = Plain(1)
        obj.extra = 2
        with pytest.raises(EncodeError, match="'extra'") as caught:
            codec(Plain).encode({"k": [obj]})
        assert caught.value.path == "obj['k'][0]"

    def test_a_field_without_a_value(self):
        with pytest.raises(EncodeError, match="no value"):
            codec(Plain).encode(object.__new__(Plain))


class Callable:
    def __call__(self):
        pass


@dataclasses.dataclass
class Deleted:
    x: int

    def __del__(self):
        pass


@dataclasses.dataclass
class Computed:
    x: int

    @property
    def y(self):
        return self.x

    @y.setter
    def y(self, value):
        RAN.append("setter")


Computed.__dataclass_fields__["y"] = dataclasses.field()
Computed.__dataclass_fields__["y"].name = "y"
Computed.__dataclass_fields__["y"]._field_type = dataclasses._FIELD


class TestWhatMayNotBeRegistered:
    @pytest.mark.parametrize(
        "cls", [functools.partial, operator.itemgetter, subprocess.Popen, os._Environ, pickle.Unpickler, type, Callable]
    )
    def test_what_does_things(self, cls):
        with pytest.raises(ValueError, match=r"no data|called"):
            Registry().register(cls, encode=id, decode=id)

    @pytest.mark.parametrize("thing", [print, len, lambda: 0, os, "os.system", functools.lru_cache(id)])
    def test_what_is_no_class(self, thing):
        with pytest.raises(TypeError, match="no class"):
            Registry().register(thing, encode=id, decode=id)

    def test_what_would_run_later(self):
        with pytest.raises(ValueError, match="__del__"):
            Registry().register(Deleted)

    def test_what_runs_when_it_is_set(self):
        with pytest.raises(ValueError, match="constructor=True"):
            Registry().register(Computed)

    def test_a_class_of_no_kind(self):
        with pytest.raises(TypeError, match="give encode= and decode="):
            Registry().register(Opaque)
        with pytest.raises(TypeError, match="go together"):
            Registry().register(Opaque, encode=id)

    def test_a_class_without_a_name_elsewhere(self):
        made = dataclasses.make_dataclass("Made", ["x"])
        made.__module__ = "__main__"
        with pytest.raises(ValueError, match="tag="):
            Registry().register(made)

        @dataclasses.dataclass
        class Local:
            x: int

        with pytest.raises(ValueError, match="tag="):
            Registry().register(Local)

    @pytest.mark.parametrize("tag", ["", "x" * 256, b"x", 5])
    def test_a_tag_that_is_none(self, tag):
        with pytest.raises(ValueError, match="1 to 255"):
            Registry().register(Pair, tag=tag)

    def test_a_tag_that_is_taken(self):
        own = Registry()
        own.register(Pair, tag="t")
        own.register(Pair, tag="t")  # again, as a module that is loaded again does
        with pytest.raises(ValueError, match="taken by"):
            own.register(Colour, tag="t")

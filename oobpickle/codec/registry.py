"""Registered classes: what `register` notes, and the one rebuilder of all of them.

Rule 1: the decoder runs no code of a registered class: not ``__init__``, ``__new__``, ``__post_init__``, ``__setattr__``,
``__setstate__`` or ``__reduce__``; unless the registration asks for a constructor, or gives a function.
Rule 2: what could run code by itself later is not registered: what can be called, and what has a ``__del__``.
Rule 3: a peer chooses a tag and values. The tag is looked up; nothing is imported.

In a stream a registered object is a call of `rebuild_registered`: (tag, names of the fields, their values), or (tag, None,
one value) where a function encodes it.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from enum import Enum
from threading import Lock
from types import MemberDescriptorType
from typing import Any, NamedTuple, TypeVar, overload

from oobpickle.codec.reducers.arguments import expect, expect_all
from oobpickle.codec.rules import Rule
from oobpickle.errors import EncodeError

_Class = TypeVar("_Class", bound=type)

_FORBIDDEN = frozenset(
    [
        "builtins",
        "os",
        "posix",
        "nt",
        "sys",
        "operator",
        "_operator",
        "functools",
        "_functools",
        "importlib",
        "subprocess",
        "_posixsubprocess",
        "pickle",
        "_pickle",
        "copyreg",
        "types",
        "code",
        "ctypes",
        "shutil",
        "socket",
        "io",
        "_io",
        "runpy",
        "marshal",
        "weakref",
        "threading",
        "multiprocessing",
        "asyncio",
    ]
)
"""Modules whose classes are means to do things, not data."""


class Registration(NamedTuple):
    """How one class travels."""

    cls: type
    tag: str
    encode: Callable[[Any], tuple[Any, Any]]  # an object → names of the fields or None, and their values or one value
    decode: Callable[[Any, Any], Any]  # the reverse, of what a peer has sent


class Registry:
    """Classes that may travel in the data codec. May be used from several threads."""

    def __init__(self, classes: Iterable[type] = ()) -> None:
        self._by_class: dict[type, Registration] = {}
        self._by_tag: dict[str, Registration] = {}
        self._lock = Lock()
        for cls in classes:
            self.register(cls)

    @overload
    def register(self, cls: _Class, /, *, tag: str | None = ..., constructor: bool = ...) -> _Class: ...
    @overload
    def register(
        self, cls: _Class, /, *, encode: Callable[[Any], Any], decode: Callable[[Any], Any], tag: str | None = ...
    ) -> _Class: ...
    @overload
    def register(
        self, cls: None = ..., /, *, tag: str | None = ..., constructor: bool = ...
    ) -> Callable[[_Class], _Class]: ...

    def register(
        self,
        cls: Any = None,
        /,
        *,
        tag: str | None = None,
        constructor: bool = False,
        encode: Callable[[Any], Any] | None = None,
        decode: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Let the instances of a class travel in the data codec; gives the class, so it is a decorator as well.

        cls: a dataclass, an Enum, a NamedTuple or an attrs class; any other class with encode and decode. Exactly this
        class, not its subclasses. tag: what names it in messages, ``module:QualifiedName`` when None. Both sides
        register under the same tag; a class of ``__main__`` or of a function needs one.
        constructor: rebuild by calling the class with its fields as keywords, so that it can check them. False: the
        fields are set, and no code of the class runs. Fields come from the peer: they are plain data, of any type.
        encode: gives, for an instance, a value that the codec can carry. decode: gives the instance for such a value,
        which a peer has sent: it must check what it is given.

        A registered object is refused as a dict key or member of a set. Raises TypeError for what is no class or no kind of class
        that is known here, and ValueError for one that must not travel, or whose tag is taken.
        """
        if cls is None:
            return functools.partial(self.register, tag=tag, constructor=constructor)
        if (encode is None) is not (decode is None):
            raise TypeError("encode and decode go together")
        check_class(cls)
        tag = _tag_of(cls) if tag is None else tag
        if type(tag) is not str or not 0 < len(tag.encode()) <= 255:
            raise ValueError("a tag is a text of 1 to 255 bytes")
        if encode is not None and decode is not None:
            registration = _with_functions(cls, tag, encode, decode)
        else:
            registration = _by_kind(cls, tag, constructor)
        with self._lock:
            other = self._by_tag.get(tag)
            if other is not None and (other.cls.__module__, other.cls.__qualname__) != (
                cls.__module__,
                cls.__qualname__,
            ):
                raise ValueError(f"the tag {tag!r} is taken by {other.cls.__module__}.{other.cls.__qualname__}")
            self._by_class[cls] = self._by_tag[tag] = registration
        return cls

    def reducer_for(self, cls: type) -> Callable[[Any], tuple[Any, ...]] | None:
        """What reduces instances of this class; None if it is not registered."""
        registration = self._by_class.get(cls)
        if registration is None:
            return None
        tag, encode = registration.tag, registration.encode
        return lambda obj: (rebuild_registered, (tag, *encode(obj)))

    def rebuild(self, tag: Any, names: Any, values: Any) -> Any:
        """An instance of the class with this tag. Raises ValueError or TypeError for what `reducer_for` does not give."""
        expect(tag, str)
        registration = self._by_tag.get(tag)
        if registration is None:
            register = "oobpickle.register" if self is DEFAULT else "its codec's Registry.register"
            raise ValueError(
                f"no class is registered as {tag!r:.300} here; {register}(cls, tag={tag!r:.300}) in this process too"
            )
        return registration.decode(names, values)


DEFAULT = Registry()
"""The registry of codecs that have none of their own."""

register = DEFAULT.register


def rebuild_registered(tag: Any, names: Any, values: Any) -> Any:
    """Rebuild an instance by the process's registry. A codec with a registry of its own puts that in this one's place."""
    return DEFAULT.rebuild(tag, names, values)


RULES = {rebuild_registered: Rule(work=4, sure=True)}


def check_class(cls: Any) -> None:
    """Raise TypeError for what is no class, and ValueError for one whose instances are no data."""
    if not isinstance(cls, type):
        raise TypeError(f"{cls!r} is no class")
    root = cls.__module__.partition(".")[0]
    if root in _FORBIDDEN:
        raise ValueError(f"{cls.__qualname__} is of {root}, whose classes are no data")
    if issubclass(cls, type) or any("__call__" in base.__dict__ for base in cls.__mro__):
        raise ValueError(f"instances of {cls.__qualname__} can be called: what arrives must not be")


def _tag_of(cls: type) -> str:
    if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
        raise ValueError(f"{cls.__qualname__} has no name that is the same elsewhere: give a tag=")
    return f"{cls.__module__}:{cls.__qualname__}"


def _with_functions(cls: type, tag: str, encode: Callable[[Any], Any], decode: Callable[[Any], Any]) -> Registration:
    def decode_value(names: Any, value: Any) -> Any:
        expect(names, type(None))
        return decode(value)

    return Registration(cls, tag, lambda obj: (None, encode(obj)), decode_value)


def _by_kind(cls: Any, tag: str, constructor: bool) -> Registration:
    if issubclass(cls, Enum):
        return _enum(cls, tag)
    if issubclass(cls, tuple) and type(getattr(cls, "_fields", None)) is tuple:
        return _named_tuple(cls, tag)
    if dataclasses.is_dataclass(cls):
        names = tuple(field.name for field in dataclasses.fields(cls))
        arguments = {field.name: field.name for field in dataclasses.fields(cls) if field.init}
    elif hasattr(cls, "__attrs_attrs__"):
        attributes = cls.__attrs_attrs__
        names = tuple(attribute.name for attribute in attributes)
        arguments = {a.name: getattr(a, "alias", None) or a.name.lstrip("_") for a in attributes if a.init}
    else:
        raise TypeError(
            f"{cls.__qualname__} is no dataclass, Enum, NamedTuple or attrs class: give encode= and decode="
        )
    return _with_fields(cls, tag, names, arguments if constructor else None)


def _enum(cls: Any, tag: str) -> Registration:
    def encode(member: Any) -> tuple[Any, Any]:
        if cls.__members__.get(member.name) is not member:
            raise EncodeError(f"{member!r} is no single member of its Enum", advice="give encode= and decode=")
        return None, member.name

    def decode(names: Any, value: Any) -> Any:
        expect(names, type(None))
        expect(value, str)
        member = dict.get(members, value)
        if member is None:
            raise ValueError(f"{tag} has no member {value!r}")
        return member

    members = dict(cls.__members__)
    return Registration(cls, tag, encode, decode)


def _named_tuple(cls: Any, tag: str) -> Registration:
    fields: tuple[str, ...] = cls._fields

    def encode(obj: Any) -> tuple[Any, Any]:
        if surplus := _attributes(obj):
            raise EncodeError(f"the attribute {min(surplus)!r} is no field, and would be lost")
        return fields, tuple(obj)

    def decode(names: Any, values: Any) -> Any:
        _check_fields(tag, fields, names, values)
        return tuple.__new__(cls, values)

    if "__del__" in dir(cls):
        raise ValueError(f"{cls.__qualname__} has a __del__, which would run with fields that a peer chose")
    return Registration(cls, tag, encode, decode)


def _with_fields(cls: Any, tag: str, fields: tuple[str, ...], arguments: dict[str, str] | None) -> Registration:
    """arguments: the constructor's name for each field that it takes; None: no constructor is called."""
    if arguments is None:
        _check_that_setting_runs_nothing(cls, fields)
    sent = fields if arguments is None else tuple(arguments)
    known = {*fields, *_recomputed(cls)}

    def encode(obj: Any) -> tuple[Any, Any]:
        if surplus := _attributes(obj) - known:
            raise EncodeError(f"the attribute {min(surplus)!r} is no field, and would be lost")
        try:
            return sent, tuple([object.__getattribute__(obj, name) for name in sent])
        except AttributeError as error:
            raise EncodeError(f"a field has no value: {error}") from error

    def decode(names: Any, values: Any) -> Any:
        _check_fields(tag, sent, names, values)
        if arguments is not None:
            return cls(**dict(zip(arguments.values(), values, strict=True)))
        obj = object.__new__(cls)
        for name, value in zip(sent, values, strict=True):
            object.__setattr__(obj, name, value)
        return obj

    return Registration(cls, tag, encode, decode)


def _check_fields(tag: str, fields: tuple[str, ...], names: Any, values: Any) -> None:
    expect_all((names, values), tuple)
    expect_all(names, str)  # before they are compared: another type might have an __eq__ of its own
    if names != fields or len(values) != len(fields):
        raise ValueError(f"{tag} has the fields {fields}, and {names!r:.200} were sent")


def _check_that_setting_runs_nothing(cls: Any, fields: tuple[str, ...]) -> None:
    name = cls.__qualname__
    if hasattr(cls, "__del__"):
        raise ValueError(
            f"{name} has a __del__, which would run with fields that a peer chose; give encode= and decode="
        )
    try:
        object.__new__(cls)
    except TypeError as error:
        raise ValueError(
            f"{name} cannot be made without its constructor ({error}); give encode= and decode="
        ) from error
    for field in fields:
        for base in cls.__mro__:
            found = base.__dict__.get(field)
            if found is not None:
                if hasattr(type(found), "__set__") and type(found) is not MemberDescriptorType:
                    raise ValueError(f"to set {name}.{field} runs code; register it with constructor=True")
                break


def _recomputed(cls: type) -> set[str]:
    """Attributes that need not travel: they are computed when they are asked for."""
    return {
        name
        for base in cls.__mro__
        for name, value in base.__dict__.items()
        if type(value) is functools.cached_property
    }


def _attributes(obj: Any) -> set[str]:
    """The names of all that obj holds, in its __dict__ and in slots that are filled."""
    names = set(getattr(obj, "__dict__", ()))
    for base in type(obj).__mro__:
        for name, value in base.__dict__.items():
            if type(value) is MemberDescriptorType and name not in names:
                try:
                    value.__get__(obj, base)
                except AttributeError:
                    continue
                names.add(name)
    return names

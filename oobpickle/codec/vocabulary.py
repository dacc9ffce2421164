"""What a data codec can say: a reducer for each type, and a rebuilder and its rule for each name in a stream.

Rule: a name resolves here or not at all. Nothing is imported because a stream says so; a library's reducers are loaded by
their fixed module names, when a first object of it is sent, or a first message that names one of its rebuilders comes.
"""

import importlib
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from oobpickle.codec import registry
from oobpickle.codec.reducers import checked, containers, numpy_values, stdlib, times, values
from oobpickle.codec.reducers.numpy import array_table
from oobpickle.codec.registry import Registry
from oobpickle.codec.rules import Rule
from oobpickle.codec.weights import Refused

Reducer: TypeAlias = Callable[[Any], tuple[Any, ...]]
Rebuilder: TypeAlias = Callable[..., Any]

LIBRARIES = ("pandas", "pyarrow", "scipy", "torch")
"""Those that have reducers, each in a module of that name in oobpickle.codec.reducers (pyarrow: arrow)."""

_MODULES = {library: f"oobpickle.codec.reducers.{library.removeprefix('py')}" for library in LIBRARIES}
_OWN = (stdlib, values, times, containers, numpy_values)

_PICKLES_OWN = frozenset((bool, int, float, str, bytes, bytearray, list, tuple, dict, set, frozenset, type(None)))
"""Types that pickle writes by opcodes of their own."""

_TABLE = (array_table.__module__, array_table.__qualname__)


class Vocabulary:
    """Reducers, rebuilders and rules of the standard library, numpy, the libraries that are named, and a registry.

    plain, known: the rebuilders, but for the table of arrays: one that leaves out what the scan has seen to, and one that
    checks nothing, for a stream whose table was checked before.
    """

    def __init__(self, own: Registry, libraries: Iterable[str] = LIBRARIES) -> None:
        self._registry = own
        self._libraries = tuple(libraries)
        for library in self._libraries:
            if library not in LIBRARIES:
                raise ValueError(f"libraries={self._libraries}: there are {', '.join(LIBRARIES)}")
        self.reducers: dict[type, Reducer] = {}
        self.rebuilders: dict[tuple[str, str], Rebuilder] = {}
        self.plain: dict[tuple[str, str], Rebuilder] = {}
        self.known: dict[tuple[str, str], Rebuilder] = {}
        self.rules = Rules(self._load_for)
        self.functions: set[Rebuilder] = set()
        self._loaded: set[str] = set()
        for module in _OWN:
            self._add(module)
        self._name(_TABLE, checked.checked_table, checked.RULES[checked.checked_table])
        self.plain[_TABLE] = checked.plain_table
        self.known[_TABLE] = array_table
        for name in ("bytes", "bytearray"):
            rebuilder = getattr(stdlib, f"rebuild_{name}")
            self._name(("builtins", name), rebuilder, stdlib.RULES[rebuilder])
        rebuild = registry.rebuild_registered
        self._name((rebuild.__module__, rebuild.__qualname__), own.rebuild, registry.RULES[rebuild])
        self.functions.add(rebuild)

    def reducer_for(self, cls: type) -> Reducer | None:
        """What reduces instances of exactly this type; None if it cannot be sent. Finds it for `reducers` to keep."""
        reducer = self._registry.reducer_for(cls)
        if reducer is None and issubclass(cls, np.dtype):
            reducer = numpy_values.reduce_dtype
        if reducer is None:
            module = getattr(cls, "__module__", None)
            library = module.partition(".")[0] if isinstance(module, str) else ""
            if library in self._libraries and library not in self._loaded:
                self._load(library)
                reducer = self.reducers.get(cls)
        if reducer is not None:
            self.reducers[cls] = reducer
        return reducer

    def carries(self, cls: type) -> bool:
        """Whether an object of exactly this type can be sent, as far as the type goes."""
        return cls in _PICKLES_OWN or cls is np.ndarray or cls in self.reducers or self.reducer_for(cls) is not None

    def _load_for(self, name: tuple[bytes, bytes]) -> Rule:
        """The rule of a name that is not known yet; KeyError if it never will be."""
        for library in self._libraries:
            if name[0].decode("latin-1") == _MODULES[library] and library not in self._loaded:
                try:
                    self._load(library)
                except ImportError as error:
                    raise Refused(f"the message needs {library}, which cannot be imported here: {error}") from error
                return self.rules[name]
        raise KeyError(name)

    def _load(self, library: str) -> None:
        self._add(importlib.import_module(_MODULES[library]))
        self._loaded.add(library)

    def _add(self, module: ModuleType) -> None:
        for rebuilder, rule in module.RULES.items():
            self._name((rebuilder.__module__, rebuilder.__qualname__), rebuilder, rule)
            self.functions.add(rebuilder)
        self.reducers.update(module.DATA_REDUCERS)

    def _name(self, name: tuple[str, str], rebuilder: Rebuilder, rule: Rule) -> None:
        self.rebuilders[name] = self.plain[name] = self.known[name] = rebuilder
        self.rules[name[0].encode(), name[1].encode()] = rule


class Rules(dict[tuple[bytes, bytes], Rule]):
    """Rules by name, as the scan asks for them; what is missing is asked for, once."""

    def __init__(self, find: Callable[[tuple[bytes, bytes]], Rule]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, name: tuple[bytes, bytes]) -> Rule:
        return self._find(name)

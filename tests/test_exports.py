"""What `import oobpickle` offers: these names and no others, each with its contract."""

import ast
import inspect
import pkgutil
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import pytest

import oobpickle

PUBLIC = """
    dumps loads dump load send recv iter_file explain
    Pickler Unpickler PickleCodec DataCodec register Limits
    Tracker reuse_memory
    Publisher Subscriber Message Pusher Puller Client Server Request Curve ipc_address Stats aio shared
    OobpickleError EncodeError DecodeError LaneError Timeout Closed InsecureEndpoint RemoteError
""".split()


def test_exactly_these():
    assert sorted(oobpickle.__all__) == sorted(PUBLIC)
    assert len(PUBLIC) <= 40


def test_sorted_and_once():
    assert oobpickle.__all__ == sorted(set(oobpickle.__all__))


@pytest.mark.parametrize("name", PUBLIC)
def test_has_a_contract(name):
    """A docstring of its own, that says what a failure raises where it can fail."""
    doc = (
        vars(getattr(oobpickle, name)).get("__doc__")
        if isinstance(getattr(oobpickle, name), type)
        else getattr(oobpickle, name).__doc__
    )
    assert doc
    assert len(doc.split()) >= 8
    if name in {"dumps", "loads", "dump", "load", "send", "recv", "iter_file", "explain", "Pickler"}:
        assert "Raises" in doc


@pytest.mark.parametrize("name", [name for name in PUBLIC if isinstance(getattr(oobpickle, name), type)])
def test_public_methods_have_contracts(name):
    cls = getattr(oobpickle, name)
    for attribute, value in vars(cls).items():
        if not attribute.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            assert value.__doc__, f"{name}.{attribute}"


@pytest.mark.parametrize("name", PUBLIC)
def test_is_annotated_throughout(name):
    """Every parameter of a public callable and what it gives."""
    thing = getattr(oobpickle, name)
    if inspect.ismodule(thing) or (isinstance(thing, type) and "__init__" not in vars(thing)):
        return
    signature = inspect.signature(vars(thing)["__init__"] if isinstance(thing, type) else thing)
    for parameter in signature.parameters.values():
        assert parameter.name == "self" or parameter.annotation is not parameter.empty, f"{name}: {parameter}"
    assert signature.return_annotation is not signature.empty


def test_the_keyword_arguments_are_keyword_only():
    """So that they can be added to and put in another order."""
    for name in ("dumps", "loads", "dump", "load", "send", "recv", "iter_file", "explain"):
        parameters = inspect.signature(getattr(oobpickle, name)).parameters
        assert parameters["codec"].kind is inspect.Parameter.KEYWORD_ONLY, name


def test_a_star_import_gives_them(python):
    assert set(python("from oobpickle import *; print(*[n for n in dir() if not n.startswith('__')])").split()) == set(
        PUBLIC
    )


def test_the_version_is_the_projects():
    project = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert f'version = "{oobpickle.__version__}"' in project


def test_it_says_that_it_is_typed():
    assert (Path(oobpickle.__file__).parent / "py.typed").exists()
    try:
        shipped = {str(path) for path in files("oobpickle") or ()}
    except PackageNotFoundError:
        return  # run from a source tree
    if not any(path.endswith((".pth", "direct_url.json")) for path in shipped):
        assert "oobpickle/py.typed" in shipped


def test_every_module_opens_with_what_it_is_for():
    root = Path(oobpickle.__file__).parent
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text())
        assert not tree.body or ast.get_docstring(tree), path


def test_nothing_of_the_package_is_hidden_from_import(python):
    """Every module can be imported on its own, first. (The command line and what is of a library come with an extra.)"""
    names = [
        module.name
        for module in pkgutil.walk_packages(oobpickle.__path__, "oobpickle.")
        if "reducers." not in module.name
    ]
    extras = ("oobpickle.cli", "oobpickle.demo", "oobpickle.bench", "oobpickle.__main__")
    code = """
import importlib, sys
import oobpickle  # comes first whatever is imported; so what it brings is the same each time
brought = set(sys.modules)
for name in sys.argv[1:]:
    for loaded in set(sys.modules) - brought:
        if loaded.startswith("oobpickle"):
            del sys.modules[loaded]
    importlib.import_module(name)
"""
    python(code, *(name for name in names if not name.startswith(extras)))


def test_import_brings_no_library(python):
    """numpy and pyzmq are required; nothing else is loaded because someone might use it.

    zoneinfo reads the interpreter's own configuration, a module with the platform in its name.
    """
    code = """
import sys, numpy, zmq
before = set(sys.modules)
import oobpickle
new = {name.partition(".")[0] for name in set(sys.modules) - before - {"numpy.ma"} if not name.startswith("numpy.ma.")}
print(*sorted(name for name in new - set(sys.stdlib_module_names) if not name.startswith("_sysconfigdata")))
"""
    assert python(code).split() in (["oobpickle"], ["oobpickle", "zmq"])


def test_the_data_codec_is_the_default_everywhere():
    """Whatever takes codec= and is called without it must be safe to point at strangers."""
    found = {}
    for module in (oobpickle, oobpickle.aio):
        for name in module.__all__:
            thing = getattr(module, name)
            if callable(thing) and not (isinstance(thing, type) and issubclass(thing, BaseException)):
                parameters = inspect.signature(thing).parameters
                if "codec" in parameters:
                    found[f"{module.__name__}.{name}"] = parameters["codec"].default
    assert len(found) >= 20
    assert set(found.values()) == {"data"}, found

"""DESIGN: a layer imports only from those above it. Reads every import statement of the package."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "oobpickle"

# The layers from the bottom up. A module belongs to the entry with the longest matching prefix.
LAYERS = {
    "oobpickle.errors": 0,
    "oobpickle.limits": 0,
    "oobpickle.spinning": 0,
    "oobpickle.wire": 1,
    "oobpickle.tracker": 1,
    "oobpickle.codec": 2,
    "oobpickle.message": 3,
    "oobpickle.files": 4,
    "oobpickle.allocator": 0,
    "oobpickle.releasing": 0,
    "oobpickle.lanes": 3,
    "oobpickle.sockets": 5,
    "oobpickle.patterns": 6,
    "oobpickle.endpoints": 7,
    "oobpickle.aio": 8,
    "oobpickle.shared": 7,
    "oobpickle.inspection": 7,
    "oobpickle.inspection.sources": 8,
    "oobpickle.explain": 8,
    "oobpickle": 9,
    "oobpickle.bench": 10,
    "oobpickle.demo": 10,
    "oobpickle.tail": 10,
    "oobpickle.cli": 11,
    "oobpickle.__main__": 12,
}

# What a layer must not know, whatever its height.
FORBIDDEN = {
    "oobpickle.wire": {"pickle", "_pickle", "zmq", "numpy"},
    "oobpickle.codec": {"zmq", "mmap", "oobpickle.lanes", "socket"},
    "oobpickle.message": {"zmq", "oobpickle.lanes"},
    "oobpickle.files": {"zmq", "oobpickle.lanes"},
    "oobpickle.lanes": {"zmq", "pickle", "_pickle", "oobpickle.codec"},
    "oobpickle.sockets": {"oobpickle.patterns"},
    "oobpickle.patterns": {"zmq", "oobpickle.codec", "oobpickle.lanes", "oobpickle.sockets"},
}


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def entry_of(module, table):
    while module not in table:
        module, dot, _ = module.rpartition(".")
        if not dot:
            return None
    return module


def imports(path):
    """Every module that a file imports, also inside functions; `from a import b` counts as a and a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_arrows_run_downwards(path):
    module = name_of(path)
    own = entry_of(module, LAYERS)
    assert own is not None
    for target in imports(path):
        entry = entry_of(target, LAYERS) if target.startswith("oobpickle.") else None
        if entry in (
            None,
            "oobpickle",
            own,
        ):  # "oobpickle" alone: `from oobpickle import wire` names oobpickle.wire as well
            continue
        assert LAYERS[entry] < LAYERS[own], f"{module} (layer {LAYERS[own]}) imports {target} (layer {LAYERS[entry]})"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_forbidden_knowledge(path):
    module = name_of(path)
    forbidden = FORBIDDEN.get(entry_of(module, FORBIDDEN) or "", set())
    for target in imports(path):
        assert not any(target == name or target.startswith(name + ".") for name in forbidden), (
            f"{module} imports {target}"
        )


def test_the_check_can_fail(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from oobpickle.endpoints import pubsub\n")
    assert "oobpickle.endpoints.pubsub" in set(imports(bad))

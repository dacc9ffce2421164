"""Limits: frozen, checked, and each with a reason."""

import ast
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from oobpickle import limits
from oobpickle.limits import DEFAULT, Limits


def test_replace():
    changed = DEFAULT.replace(key_values=7)
    assert changed.key_values == 7
    assert changed.opcodes == DEFAULT.opcodes
    assert DEFAULT.key_values != 7
    assert changed == Limits(key_values=7)
    assert hash(changed) == hash(Limits(key_values=7))


def test_they_are_frozen():
    with pytest.raises(FrozenInstanceError):
        DEFAULT.opcodes = 1


@pytest.mark.parametrize("value", [0, -1, 1.5, "9", None, True])
def test_a_bound_is_a_whole_number_above_zero(value):
    with pytest.raises(ValueError, match="opcodes"):
        Limits(opcodes=value)


@pytest.mark.parametrize("name", ["text_bytes", "int_bytes"])
def test_what_is_short_is_not_looked_at(name):
    assert Limits(**{name: 255})
    with pytest.raises(ValueError, match=f"{name} is 254; .* 255 or more"):
        Limits(**{name: 254})


def test_an_unknown_name():
    with pytest.raises(TypeError):
        DEFAULT.replace(opcode=1)


def test_every_bound_has_its_reason_beside_it():
    tree = ast.parse(Path(limits.__file__).read_text())
    [cls] = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    documented = [
        node.target.id
        for node, after in zip(cls.body, cls.body[1:], strict=False)
        if isinstance(node, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
    ]
    assert documented == [field.name for field in fields(Limits)]

"""What rebuilders check their arguments with. A peer has sent them: nothing about them is known but that they are plain."""

from typing import Any


def expect(value: Any, *kinds: type) -> None:
    """Raise TypeError unless value is exactly of one of these types: a subclass could run code of its own."""
    if type(value) not in kinds:
        raise TypeError(f"{' or '.join(kind.__name__ for kind in kinds)} expected, not {type(value).__name__}")


def expect_all(values: Any, *kinds: type) -> None:
    """The same of each of several."""
    for value in values:
        expect(value, *kinds)

"""Public names of a room, imported when first asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

VENDORS = ("sendkit", "sensay")


def names_of(room: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """
    Make the ``__getattr__`` and ``__dir__`` (PEP 562) of a room, from its ``__all__``.

    A public name begins with its vendor's, and stands in the module of that vendor. Importing the room
    imports neither: a DAG pays for the vendor that it uses.
    """
    package = sys.modules[room]

    def find(name: str) -> object:
        if name not in package.__all__:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        vendor = next(each for each in VENDORS if name.lower().startswith(each))
        found: object = getattr(import_module(f"{room}.{vendor}"), name)
        setattr(package, name, found)
        return found

    def names() -> list[str]:
        return sorted({*vars(package), *package.__all__})

    return find, names

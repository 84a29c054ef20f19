"""Modules that are imported when they are first used.

Importing the package is to cost little more than LangChain itself; what only a call needs
is imported by the first call.
"""

from __future__ import annotations

import importlib


class LazyModule:
    """Stands in for a module until an attribute of it is asked for.

    Args:
        name: The module's full name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> object:
        """Import the module and return what it has under that name; remember it."""
        value: object = getattr(importlib.import_module(self._name), name)
        self.__dict__[name] = value
        return value

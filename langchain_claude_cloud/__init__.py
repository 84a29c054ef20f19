"""Claude for LangChain on Google Cloud Vertex AI and Amazon Bedrock."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_claude_cloud.chat_models import ChatClaudeCloud
    from langchain_claude_cloud.config import Bedrock, Vertex
    from langchain_claude_cloud.control_plane.available_models import AvailableModel

__version__ = "0.2.0"

__all__ = ["AvailableModel", "Bedrock", "ChatClaudeCloud", "Vertex", "__version__"]


class LazyModule:
    """Stands in for a module until an attribute of it is asked for.

    Importing the package is to cost little more than LangChain itself; what only a call needs
    is imported by the first call.

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


_HOMES = {
    "AvailableModel": LazyModule("langchain_claude_cloud.control_plane.available_models"),
    "Bedrock": LazyModule("langchain_claude_cloud.config"),
    "ChatClaudeCloud": LazyModule("langchain_claude_cloud.chat_models"),
    "Vertex": LazyModule("langchain_claude_cloud.config"),
}


def __getattr__(name: str) -> object:
    """Import a public name on first use: ``import langchain_claude_cloud`` costs nothing."""
    if name == "ChatClaudeCloud":
        # Python 3.11 keeps its frames in chunks of 16 KB. Where the inner loops of an import lie
        # across the end of a chunk, each call allocates one and frees it. Core's import did so
        # when it began in our modules (8,000 page faults, 45 ms), and does not from here.
        importlib.import_module("langchain_core.language_models.chat_models")
    if name in _HOMES:
        return getattr(_HOMES[name], name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

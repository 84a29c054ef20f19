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

_HOMES = {
    "AvailableModel": "langchain_claude_cloud.control_plane.available_models",
    "Bedrock": "langchain_claude_cloud.config",
    "ChatClaudeCloud": "langchain_claude_cloud.chat_models",
    "Vertex": "langchain_claude_cloud.config",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use: ``import langchain_claude_cloud`` costs nothing."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

"""What the tools of a request are called in its answer, where they were renamed for the API."""

from __future__ import annotations

from typing import Protocol

from langchain_claude_cloud.errors.types import JsonObject


class KeyRenamer(Protocol):
    """Gives the streamed arguments of one call the tool's own property keys."""

    def feed(self, fragment: str) -> str:
        """Take a fragment of the arguments, return what can be passed on."""

    def close(self) -> str:
        """Return what is still held back."""


class CallNames(Protocol):
    """The names of the tools that a request offered."""

    def own_name(self, name: str) -> str:
        """Return what the caller calls a tool that the model calls."""

    def own_input(self, own_name: str, arguments: JsonObject) -> JsonObject:
        """Return the arguments of a whole call with the tool's own keys."""

    def renamer(self, own_name: str) -> KeyRenamer | None:
        """Return what renames streamed arguments of a tool; None if they have its own keys."""

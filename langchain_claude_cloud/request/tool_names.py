"""What tools and their property keys are called in requests, where the API refuses their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.identifiers import wire_name
from langchain_claude_cloud.request.key_renamer import KeyRenamer
from langchain_claude_cloud.request.property_keys import KeyNames


@dataclass(frozen=True, slots=True)
class ToolNames:
    """The names of one request's tools: as the caller knows them, and as they are sent.

    Attributes:
        wire: For each tool that is renamed, the name that is sent.
        own: The same the other way round.
        keys: For each tool with property keys that are renamed, by its own name, those keys.
    """

    wire: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, KeyNames] = field(default_factory=dict)

    def wire_name(self, own_name: str) -> str:
        """Return the name that is sent: for tools of other requests too, which histories name."""
        return self.wire.get(own_name) or wire_name(own_name)

    def wire_input(self, own_name: str, arguments: JsonObject) -> JsonObject:
        """Return the arguments of a call in the history with the keys that are sent."""
        keys = self.keys.get(own_name)
        return keys.wire_value(arguments) if keys else arguments

    def own_name(self, name: str) -> str:
        """Return what the caller calls a tool that the model calls."""
        return self.own.get(name, name)

    def own_input(self, own_name: str, arguments: JsonObject) -> JsonObject:
        """Return the arguments of a whole call with the tool's own keys."""
        keys = self.keys.get(own_name)
        return keys.own_value(arguments) if keys else arguments

    def renamer(self, own_name: str) -> KeyRenamer | None:
        """Return what gives streamed arguments of a tool its own keys; None if they have them."""
        keys = self.keys.get(own_name)
        return KeyRenamer(keys) if keys else None


NO_NAMES: Final = ToolNames()
"""For requests in which every tool has the caller's names."""

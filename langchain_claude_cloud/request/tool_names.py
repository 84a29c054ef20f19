"""Replaces names of tools, keys of arguments and ids of calls that the API refuses.

Histories of other models may contain such names, keys and ids. A replacement depends only on the
original text, so that a call and its result still match, and a cached prompt stays the same in
every request.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.property_keys import (
    KeyNames,
    KeyRenamer,
    fitting_name,
    rename_keys,
)

_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_UNFIT_IN_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME: Final = 128


def wire_id(call_id: str) -> str:
    """Return the id of a client tool's call in a form that the API accepts.

    Args:
        call_id: The id LangChain knows the call by; not empty.

    Returns:
        The id itself if it matches ``^[a-zA-Z0-9_-]+$``, else one derived from its hash.
    """
    if _ID.fullmatch(call_id):
        return call_id
    return f"toolu_{hashlib.sha256(call_id.encode()).hexdigest()[:24]}"


def wire_names(names: Sequence[str]) -> dict[str, str]:
    """Return the names that are sent for those of a request's tools that the API refuses."""
    taken = {name for name in names if _NAME.fullmatch(name)}
    return {
        name: fitting_name(name, _UNFIT_IN_NAME, _LONGEST_NAME, taken)
        for name in names
        if name not in taken
    }


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
        if own_name in self.wire or _NAME.fullmatch(own_name):
            return self.wire.get(own_name, own_name)
        return fitting_name(own_name, _UNFIT_IN_NAME, _LONGEST_NAME, set())

    def wire_input(self, own_name: str, arguments: JsonObject) -> JsonObject:
        """Return the arguments of a call in the history with the keys that are sent."""
        keys = self.keys.get(own_name)
        return rename_keys(arguments, keys.wire) if keys else arguments

    def own_name(self, name: str) -> str:
        """Return what the caller calls a tool that the model calls."""
        return self.own.get(name, name)

    def own_input(self, own_name: str, arguments: JsonObject) -> JsonObject:
        """Return the arguments of a whole call with the tool's own keys."""
        keys = self.keys.get(own_name)
        return rename_keys(arguments, keys.own) if keys else arguments

    def renamer(self, own_name: str) -> KeyRenamer | None:
        """Return what gives streamed arguments of a tool its own keys; None if they have them."""
        keys = self.keys.get(own_name)
        return KeyRenamer(keys.own) if keys else None


NO_NAMES: Final = ToolNames()
"""For requests in which every tool has the caller's names."""

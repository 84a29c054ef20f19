"""Replaces names of tools, keys of arguments and ids of calls that the API refuses.

The API wants keys to match ``^[a-zA-Z0-9_.-]{1,64}$``, at every level, and refuses the whole
request for one that does not: "tools.3.custom.input_schema.properties: Property keys should
match pattern" (400). OData's ``$filter`` and keys with a space are common in tools of others.

A new key is found nowhere else in the tool's arguments, so that it can be named back wherever it
stands: a schema in which some keys are free gets keys that nobody would write. A new name or id
depends only on the original text, so that a call and its result still match, and a cached prompt
stays the same in every request.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final, cast

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.schema_references import every_schema

_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
"""A tool's name as the API accepts it."""

_UNFIT_IN_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")
_UNFIT_IN_KEY: Final = re.compile(r"[^a-zA-Z0-9_.-]+")
_HASH: Final = 8
_DEEPEST: Final = 200
"""How deep arguments are followed; deeper ones are refused."""

_TELLING: Final = ("$ref", "allOf", "anyOf", "const", "enum", "oneOf", "properties", "type")
"""Keywords of which one says what a value is."""

_KEY_IN_JSON: Final = re.compile(r'"([a-zA-Z0-9_.-]{1,64})"(?=\s*:)')
_KEY_AT_END: Final = re.compile(r'"[a-zA-Z0-9_.-]{0,64}(?:"\s*)?\Z')
"""What may be a key, or the beginning of one, at the end of a fragment of JSON."""


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


def _fitting(
    names: Collection[str], *, are_keys: bool = False, hashed: bool = False
) -> dict[str, str]:
    """Return names that the API accepts for those that it does not.

    Args:
        names: All names that there are; the new ones depend on them only.
        are_keys: Whether they are names of properties, not of tools.
        hashed: Whether new names have to be ones that nobody else would use.
    """
    unfit, longest = (_UNFIT_IN_KEY, 64) if are_keys else (_UNFIT_IN_NAME, 128)
    taken = {name for name in names if 0 < len(name) <= longest and not unfit.search(name)}
    fitting: dict[str, str] = {}
    for name in (name for name in names if name not in taken):
        new = unfit.sub("_", name).strip("_") or "unnamed"
        if hashed or len(new) > longest or new in taken:
            digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]
            new = f"{new[: longest - _HASH - 1]}_{digest}"
        taken.add(new)
        fitting[name] = new
    return fitting


def wire_keys(schema: object) -> dict[str, str]:
    """Return what the keys of a schema are sent as, for those that the API refuses."""
    parts = list(every_schema(schema))
    keys = dict.fromkeys(key for part in parts for key in part.get("properties") or ())
    return _fitting(keys, are_keys=True, hashed=any(map(_has_free_keys, parts)))


def _has_free_keys(schema: JsonObject) -> bool:
    """Whether a value may have keys that its schema does not name."""
    if "patternProperties" in schema or schema.get("additionalProperties", False) is not False:
        return True
    kind = schema.get("type", ("object",) if schema.keys().isdisjoint(_TELLING) else ())
    is_map = "object" in kind and "properties" not in schema
    return is_map or ("array" in kind and schema.get("items", True) is True)


def wire_schema(schema: JsonObject, keys: Mapping[str, str]) -> JsonObject:
    """Return a schema as it is sent, in which each renamed property says its own name.

    Args:
        schema: The schema; not changed.
        keys: What its keys are sent as.
    """
    sent = deepcopy(schema)
    for part in every_schema(sent):
        properties = part.get("properties", {})
        for key in keys.keys() & properties.keys():
            told = f"{properties[key].get('description') or ''} The tool itself calls this {key!r}."
            properties[key] = {**properties[key], "description": told.strip()}
        for keyword in part.keys() & {"dependentRequired", "dependentSchemas", "properties"}:
            part[keyword] = {keys.get(key, key): held for key, held in part[keyword].items()}
        for names in (part.get("required", []), *part.get("dependentRequired", {}).values()):
            names[:] = [keys.get(name, name) for name in names]
    return sent


@dataclass(slots=True)
class KeyRenamer:
    """Gives streamed JSON arguments the tool's own keys, fragment by fragment.

    What may be a renamed key is held back until it is whole; everything else passes at once.

    Attributes:
        own: The tool's own keys, by those that were sent.
    """

    own: Mapping[str, str]
    _held: str = field(default="", init=False)

    def feed(self, fragment: str) -> str:
        """Take a fragment of the text, return what can be passed on."""
        text = self._held + fragment
        end = len(text)
        found = _KEY_AT_END.search(text)
        if found and any(f'"{key}"'.startswith(found[0].rstrip()) for key in self.own):
            end = found.start()
        self._held = text[end:]
        return _KEY_IN_JSON.sub(self._own_key, text[:end])

    def close(self) -> str:
        """Return what is still held back."""
        held, self._held = self._held, ""
        return held

    def _own_key(self, found: re.Match[str]) -> str:
        own = self.own.get(found[1])
        return found[0] if own is None else json.dumps(own, ensure_ascii=False)


def rename_keys(arguments: JsonObject, names: Mapping[str, str]) -> JsonObject:
    """Return arguments with their keys renamed, at every level."""

    def renamed(value: object, depth: int) -> object:
        if isinstance(value, dict) and depth:
            return {names.get(key, key): renamed(held, depth - 1) for key, held in value.items()}
        if isinstance(value, list) and depth:
            return [renamed(item, depth - 1) for item in value]
        return value

    return cast("JsonObject", renamed(arguments, _DEEPEST))


@dataclass(frozen=True, slots=True)
class ToolNames:
    """The names of one request's tools: as the caller knows them, and as they are sent.

    Attributes:
        wire: For each tool that is renamed, the name that is sent.
        own: The same the other way round.
        keys: For each tool with property keys that are renamed, by its own name, the keys that
            are sent, by its own keys.
    """

    wire: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Collection[str], keys: Mapping[str, Mapping[str, str]]) -> ToolNames:
        """Find names for those of a request's tools that the API refuses.

        Args:
            names: The names of its tools.
            keys: What the keys of their arguments are sent as, by those names.

        Raises:
            InvalidInputError: Two tools have the same name.
        """
        if again := [name for name, count in Counter(names).items() if count > 1]:
            raise InvalidInputError(f"two tools are called {again[0]!r}: rename one of them.")
        wire = _fitting(names)
        return cls(wire, {new: name for name, new in wire.items()}, keys)

    def wire_tool(self, tool: JsonObject) -> JsonObject:
        """Return the definition of a tool with the names and keys that are sent."""
        name = str(tool.get("name"))
        wire = {**tool, "name": self.wire[name]} if name in self.wire else tool
        if not self.keys.get(name):
            return wire
        wire = {**wire, "input_schema": wire_schema(tool["input_schema"], self.keys[name])}
        if isinstance(examples := tool.get("input_examples"), list):
            wire["input_examples"] = [self.wire_input(name, example) for example in examples]
        return wire

    def wire_name(self, own_name: str) -> str:
        """Return the name that is sent: for tools of other requests too, which histories name."""
        return self.wire.get(own_name) or _fitting((own_name,)).get(own_name, own_name)

    def wire_input(self, own_name: str, arguments: JsonObject) -> JsonObject:
        """Return the arguments of a call in the history with the keys that are sent."""
        keys = self.keys.get(own_name)
        return rename_keys(arguments, keys) if keys else arguments

    def own_name(self, name: str) -> str:
        """Return what the caller calls a tool that the model calls."""
        return self.own.get(name, name)

    def renamer(self, own_name: str) -> KeyRenamer | None:
        """Return what gives streamed arguments of a tool its own keys; None if they have them."""
        keys = self.keys.get(own_name)
        return KeyRenamer({new: key for key, new in keys.items()}) if keys else None


NO_NAMES: Final = ToolNames()
"""For requests in which every tool has the caller's names."""

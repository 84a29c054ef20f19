"""Renames the property keys of a tool's arguments that the API refuses, and names them back.

The API wants keys to match ``^[a-zA-Z0-9_.-]{1,64}$``, at every level, and refuses the whole
request for one that does not: "tools.3.custom.input_schema.properties: Property keys should
match pattern" (400). OData's ``$filter`` and keys with a space are common in tools of others.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from langchain_claude_cloud.errors.types import JsonObject

_KEY: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_UNFIT: Final = re.compile(r"[^a-zA-Z0-9_.-]+")
_LONGEST: Final = 64
_HASH: Final = 8
_SUBSCHEMAS: Final = frozenset(
    {"additionalProperties", "contains", "else", "if", "items", "not", "then"}
)
_SCHEMA_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SCHEMA_MAPS: Final = frozenset({"$defs", "dependentSchemas", "patternProperties", "properties"})
_BY_NAME: Final = frozenset({"dependentRequired", "dependentSchemas", "properties"})
"""Keywords whose values have property names as keys."""

_MARK: Final = re.compile(r'[{}\[\]:,"]')
_STRING_END: Final = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_LONGEST_KEY: Final = 1_000
"""Characters of a key, with escapes."""

_DEEPEST: Final = 100
"""How deep values are followed; no schema that people write is deeper."""

Place: TypeAlias = Sequence[JsonObject]
"""The schemas that describe a value at some place: several, where there are alternatives."""


def fitting_name(name: str, unfit: re.Pattern[str], longest: int, taken: set[str]) -> str:
    """Return a name like another that the API accepts and that is not taken.

    Args:
        name: The name; the result depends on it and on those taken only.
        unfit: What the API does not accept in it.
        longest: How many characters it accepts.
        taken: The names that there are; the new one is added.
    """
    fitting = unfit.sub("_", name).strip("_") or "unnamed"
    if len(fitting) > longest or fitting in taken:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]
        fitting = f"{fitting[: longest - _HASH - 1]}_{digest}"
    taken.add(fitting)
    return fitting


@dataclass(frozen=True, slots=True)
class KeyNames:
    """What the property keys of one tool are called in requests.

    Attributes:
        schema: The tool's input schema, with its own keys.
        wire: For each key that the API refuses, the one that is sent.
        own: The same the other way round.
    """

    schema: JsonObject
    wire: Mapping[str, str]
    own: Mapping[str, str]

    @classmethod
    def of(cls, schema: JsonObject) -> KeyNames:
        """Find the keys of a schema that the API refuses, and names for them."""
        keys = dict.fromkeys(_property_names(schema))
        taken = {key for key in keys if _KEY.fullmatch(key)}
        wire = {key: fitting_name(key, _UNFIT, _LONGEST, taken) for key in keys if key not in taken}
        return cls(schema, wire, {name: key for key, name in wire.items()})

    def wire_schema(self) -> JsonObject:
        """Return the schema as it is sent, in which each renamed property says its own name."""
        return self._renamed(self.schema) if self.wire else self.schema

    def wire_value(self, value: JsonObject) -> JsonObject:
        """Return arguments with the keys that are sent."""
        renamed = self._value(value, self.root(), self.wire, _DEEPEST) if self.wire else value
        return renamed if isinstance(renamed, dict) else value

    def own_value(self, value: JsonObject) -> JsonObject:
        """Return arguments with the tool's own keys."""
        renamed = self._value(value, self.root(), self.own, _DEEPEST) if self.wire else value
        return renamed if isinstance(renamed, dict) else value

    def root(self) -> Place:
        """Return the place of the arguments."""
        return tuple(self._expanded([self.schema]))

    def own_key(self, place: Place, key: str) -> str:
        """Return a tool's own name for a key that was sent."""
        own = self.own.get(key)
        return own if own is not None and _describes(place, own) else key

    def within(self, place: Place, own_key: str) -> Place:
        """Return the place of a property's value."""
        found = [part for schema in place for part in _of_property(schema, own_key)]
        return tuple(self._expanded(found)) if found else ()

    def item(self, place: Place, index: int) -> Place:
        """Return the place of an item of a list."""
        found = []
        for schema in place:
            prefix = schema.get("prefixItems") or ()
            part = prefix[index] if index < len(prefix) else schema.get("items")
            if isinstance(part, dict):
                found.append(part)
        return tuple(self._expanded(found)) if found else ()

    def _expanded(self, schemas: Sequence[object]) -> Iterator[JsonObject]:
        """Yield schemas, what they refer to and their alternatives, each once."""
        waiting, seen = list(schemas), set[int]()
        while waiting:
            schema = waiting.pop()
            if not isinstance(schema, dict) or id(schema) in seen:
                continue
            seen.add(id(schema))
            yield schema
            if "$ref" in schema:
                definitions = self.schema.get("$defs") or {}
                waiting.append(definitions.get(str(schema["$ref"]).rpartition("/")[2]))
            for key in ("allOf", "anyOf", "oneOf"):
                waiting += schema.get(key) or ()
            waiting += (schema.get(key) for key in ("then", "else"))
            waiting += (schema.get("dependentSchemas") or {}).values()

    def _renamed(self, schema: JsonObject) -> JsonObject:
        wire = dict(schema)
        for key in wire.keys() & _SUBSCHEMAS:
            wire[key] = self._part(schema[key])
        for key in wire.keys() & _SCHEMA_LISTS:
            wire[key] = [self._part(part) for part in schema[key]]
        for key in wire.keys() & _SCHEMA_MAPS:
            wire[key] = {name: self._part(part) for name, part in schema[key].items()}
        for key in wire.keys() & _BY_NAME:
            wire[key] = self._by_name(key, wire[key])
        if "required" in schema:
            wire["required"] = [self.wire.get(name, name) for name in schema["required"]]
        return wire

    def _by_name(self, keyword: str, held: JsonObject) -> JsonObject:
        """Return what a keyword says of properties, by the keys that are sent."""
        if keyword == "dependentRequired":
            held = {key: [self.wire.get(name, name) for name in held[key]] for key in held}
        elif keyword == "properties":
            held = {key: _naming(held[key], key) if key in self.wire else held[key] for key in held}
        return {self.wire.get(name, name): part for name, part in held.items()}

    def _part(self, part: object) -> object:
        return self._renamed(part) if isinstance(part, dict) else part

    def _value(self, value: object, place: Place, names: Mapping[str, str], depth: int) -> object:
        """Return a value with its keys renamed, as far as the schema describes it."""
        if not place or not depth:
            return value
        if isinstance(value, list):
            return [
                self._value(item, self.item(place, index), names, depth - 1)
                for index, item in enumerate(value)
            ]
        if not isinstance(value, dict):
            return value
        renamed = {}
        for key, held in value.items():
            new = names.get(key, key)
            own = new if names is self.own else key
            if not _describes(place, own):
                new, own = key, key
            renamed[new] = self._value(held, self.within(place, own), names, depth - 1)
        return renamed


def _property_names(schema: object) -> Iterator[str]:
    """Yield the names of all properties in a schema, at every level."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, dict):
            continue
        yield from part.get("properties") or ()
        waiting += (part.get(key) for key in _SUBSCHEMAS)
        for key in _SCHEMA_LISTS:
            waiting += part.get(key) or ()
        for key in _SCHEMA_MAPS:
            waiting += (part.get(key) or {}).values()


def _describes(place: Place, own_key: str) -> bool:
    return any(own_key in (schema.get("properties") or {}) for schema in place)


def _of_property(schema: JsonObject, own_key: str) -> Iterator[JsonObject]:
    """Yield what a schema says about one property."""
    named = (schema.get("properties") or {}).get(own_key)
    patterns = [
        part
        for pattern, part in (schema.get("patternProperties") or {}).items()
        if _matches(pattern, own_key)
    ]
    found = [part for part in (named, *patterns) if isinstance(part, dict)]
    more = schema.get("additionalProperties")
    if not found and named is None and isinstance(more, dict):
        found = [more]
    yield from found


def _matches(pattern: str, key: str) -> bool:
    try:
        return re.search(pattern, key) is not None
    except re.error:
        return False


def _naming(part: object, own_name: str) -> JsonObject:
    """Return the schema of a renamed property, which says its own name."""
    schema = part if isinstance(part, dict) else {}
    note = f"The tool itself calls this {own_name!r}."
    description = schema.get("description")
    return {**schema, "description": f"{description} {note}" if description else note}


@dataclass(slots=True)
class _Container:
    """An object or a list that is open while arguments are read."""

    place: Place
    is_object: bool
    is_key: bool
    key: str = ""
    index: int = 0


@dataclass(slots=True)
class KeyRenamer:
    """Gives streamed JSON arguments the tool's own keys, fragment by fragment.

    A key is held back until it is whole; everything else passes at once. What is no JSON
    passes as it is.

    Attributes:
        names: What the tool's keys are called.
    """

    names: KeyNames
    _open: list[_Container] = field(default_factory=list)
    _held: str = ""
    _in_string: bool = False

    def feed(self, fragment: str) -> str:
        """Take a fragment of the text, return what can be passed on."""
        text, self._held = self._held + fragment, ""
        passed: list[str] = []
        position = 0
        while position < len(text):
            step = self._string if self._in_string else self._structure
            position = step(text, position, passed)
        return "".join(passed)

    def _string(self, text: str, start: int, passed: list[str]) -> int:
        """Pass on the inside of a string that is a value; return where to go on."""
        end = _string_end(text, start)
        self._in_string = end < 0
        if end < 0:
            # An escape that is cut in two must not hide the end of the string.
            end = len(text) - _cut_escape(text)
            self._held = text[end:]
            passed.append(text[start:end])
            return len(text)
        passed.append(text[start:end])
        return end

    def _structure(self, text: str, start: int, passed: list[str]) -> int:
        """Pass on what is between strings, and a key; return where to go on."""
        found = _MARK.search(text, start)
        if found is None:
            passed.append(text[start:])
            return len(text)
        passed.append(text[start : found.start()])
        if found[0] != '"' or not self._open or not self._open[-1].is_key:
            passed.append(found[0])
            self._follow(found[0])
            return found.end()
        end = _string_end(text, found.end())
        if end < 0 and len(text) - found.start() > _LONGEST_KEY:
            self._open[-1].is_key = False  # no key of a tool, and not to be held back for ever
            return found.start()
        if end < 0:
            self._held = text[found.start() :]
            return len(text)
        passed.append(self._key(text[found.start() : end]))
        return end

    def close(self) -> str:
        """Return what is still held back."""
        held, self._held = self._held, ""
        return held

    def _key(self, text: str) -> str:
        """Return a key under its own name."""
        container = self._open[-1]
        container.is_key = False
        try:
            key = json.loads(text)
        except ValueError:
            return text
        container.key = self.names.own_key(container.place, key)
        return text if container.key == key else json.dumps(container.key, ensure_ascii=False)

    def _follow(self, mark: str) -> None:
        """Follow the structure of the text."""
        if mark == '"':
            self._in_string = True
        elif mark in "{[":
            is_object = mark == "{"
            self._open.append(_Container(self._place(), is_object, is_object))
        elif not self._open:
            return
        elif mark in "}]":
            self._open.pop()
        elif mark == ",":
            container = self._open[-1]
            container.index += 1
            container.is_key = container.is_object

    def _place(self) -> Place:
        """Return the place of the value that begins."""
        if not self._open:
            return self.names.root()
        container = self._open[-1]
        if container.is_object:
            return self.names.within(container.place, container.key)
        return self.names.item(container.place, container.index)


def _string_end(text: str, start: int) -> int:
    """Return where a string ends whose inside begins at a place, behind its quote; -1 if open."""
    end = _STRING_END.match(text, start)
    return end.end() if end else -1


def _cut_escape(text: str) -> int:
    """Return 1 if a text ends within an escape, else 0."""
    return (len(text) - len(text.rstrip("\\"))) % 2

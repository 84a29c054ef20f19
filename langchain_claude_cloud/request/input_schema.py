"""Converts the schema of a tool's arguments to one that the API accepts as ``input_schema``.

The API wants an object at the root, and none of ``anyOf``, ``oneOf`` and ``allOf`` beside it
("input_schema does not support oneOf, allOf, or anyOf at the top level", 400). Servers of the
Model Context Protocol often use those to say which arguments go together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.schema_keywords import (
    UnfitSchemaError,
    resolve_root,
    rewrite_schema,
)

_UNIONS: Final = {
    "anyOf": "at least one of these must hold",
    "oneOf": "exactly one of these must hold",
}
_ROOT_ONLY: Final = ("anyOf", "oneOf", "allOf", "if", "then", "else", "type")


@dataclass(frozen=True, slots=True)
class InputSchema:
    """The schema of a tool's arguments.

    Attributes:
        schema: As the API takes it.
        rules: What the schema can no longer say, as text for the tool's description.
        notes: What was lost, one phrase each.
    """

    schema: JsonObject
    rules: str
    notes: tuple[str, ...]


def read_input_schema(given: object, *, keep_titles: bool = True) -> InputSchema:
    """Return the schema of a tool's arguments as the API takes it.

    Args:
        given: A JSON schema of any draft, or nothing; not changed.
        keep_titles: Whether properties keep the titles that pydantic makes of their names.

    Raises:
        UnfitSchemaError: The arguments are no object, or it is no schema.
    """
    if given is None or given is True or given == []:
        given = {}
    if not isinstance(given, Mapping):
        raise UnfitSchemaError(f"the input schema is {given!r:.60}, which is no JSON schema")
    wire, notes = rewrite_schema(dict(given), "input_schema", keep_titles=keep_titles)
    definitions = wire.pop("$defs", {})
    root = resolve_root(wire, definitions)
    kind = root.get("type", "object")
    if "object" not in (kind if isinstance(kind, list) else [kind]):
        raise UnfitSchemaError(
            f"the input schema is of type {kind!r}, but the arguments of a tool are an object: "
            "put the value into a property"
        )
    merged = _Root(definitions).read(root)
    if not merged.is_object and any(root.get(key) for key in ("anyOf", "oneOf", "allOf")):
        raise UnfitSchemaError(
            "the input schema is a choice between values that are no objects, but the arguments "
            "of a tool are an object: put the value into a property"
        )
    schema: JsonObject = {"type": "object", "properties": {}}
    schema |= {key: value for key, value in root.items() if key not in _ROOT_ONLY}
    schema["properties"] = merged.properties | {
        name: {} for name in merged.required if name not in merged.properties
    }
    if merged.required:
        schema["required"] = list(dict.fromkeys(merged.required))
    if definitions:
        schema["$defs"] = definitions
    rules = " ".join(f"{rule[0].upper()}{rule[1:]}." for rule in merged.rules)
    lost = dict.fromkeys(f"{note}: any value is allowed there" for note in notes)
    return InputSchema(schema, rules, tuple(lost))


@dataclass(slots=True)
class _Root:
    """What the parts of a root say together.

    Attributes:
        definitions: The schemas that they may refer to.
        alternatives: What each alternative says, by its reference or place: some are alternatives
            of themselves, and some of many others.
        properties: What the parts allow for each property.
        required: Names that are required in any case.
        rules: Conditions, in words.
        is_object: Whether any part describes an object.
        seen: The references that were read.
    """

    definitions: Mapping[str, object]
    alternatives: dict[object, _Root] = field(default_factory=dict)
    properties: dict[str, object] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    is_object: bool = False
    seen: set[object] = field(default_factory=set)

    def read(self, schema: object) -> _Root:
        """Add what a schema and its alternatives say, and return the root."""
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if reference in self.seen:
            return self
        self.seen |= {reference} if reference else set()
        part = resolve_root(schema, self.definitions)
        self._allow(part.get("properties") or {})
        self.required += part.get("required") or ()
        self.is_object = self.is_object or part.get("type") == "object" or "properties" in part
        for each in part.get("allOf") or ():
            self.read(each)
        for keyword, meaning in _UNIONS.items():
            if part.get(keyword):
                self._add_union(part[keyword], meaning)
        if "if" in part:
            self._add_condition(part)
        return self

    def _alternative(self, schema: object) -> _Root:
        """Return what one alternative says, which is read once."""
        key = schema.get("$ref", id(schema)) if isinstance(schema, dict) else None
        if key not in self.alternatives:
            self.alternatives[key] = _Root(self.definitions, self.alternatives)
            self.alternatives[key].read(schema)
        return self.alternatives[key]

    def _allow(self, properties: Mapping[str, object]) -> None:
        for name, schema in properties.items():
            self.properties[name] = _either(self.properties.get(name, {}), schema)

    def _add_union(self, schemas: list[object], meaning: str) -> None:
        parts = [resolve_root(schema, self.definitions) for schema in schemas]
        read = list(map(self._alternative, schemas))
        for each in read:
            self._allow(each.properties)
            self.is_object = self.is_object or each.is_object
        self.required += [n for n in read[0].required if all(n in each.required for each in read)]
        phrases = [_in_words(part, frozenset(self.required)) for part in parts]
        told = [phrase for phrase in dict.fromkeys(phrases) if phrase]
        if len(told) > 1:
            numbered = "; ".join(f"({number}) {phrase}" for number, phrase in enumerate(told, 1))
            self.rules.append(f"of the arguments, {meaning}: {numbered}")
        elif told and len(parts) == 1:
            self.rules.append(told[0])

    def _add_condition(self, part: JsonObject) -> None:
        condition = _in_words(resolve_root(part["if"], self.definitions))
        for keyword, start in (("then", "if"), ("else", "unless")):
            schema = resolve_root(part.get(keyword), self.definitions)
            for name, held in self._alternative(part.get(keyword)).properties.items():
                self.properties.setdefault(name, held)
            consequence = _in_words(schema)
            if condition and consequence:
                self.rules.append(f"{start} {condition}, then {consequence}")


def _either(held: object, schema: object) -> object:
    """Return the schema of a property that two parts of a root describe."""
    if schema in ({}, True, held):
        return held
    if held in ({}, True):
        return schema
    parts = held["anyOf"] if isinstance(held, dict) and held.keys() == {"anyOf"} else [held]
    return held if schema in parts else {"anyOf": [*parts, schema]}


def _in_words(schema: JsonObject, known: frozenset[str] = frozenset()) -> str:
    """Say what a schema asks of the arguments.

    Args:
        schema: A part of the root.
        known: Names that are required anyway; they are not mentioned.
    """
    fixed = {n: _values(held) for n, held in (schema.get("properties") or {}).items()}
    told = [f"`{name}` is {' or '.join(values)}" for name, values in fixed.items() if values]
    required = [n for n in schema.get("required") or () if n not in known and not fixed.get(n)]
    if required:
        listed = " and ".join(f"`{name}`" for name in required)
        told.append(f"{listed} {'is' if len(required) == 1 else 'are'} given")
    excluded = schema.get("not")
    if isinstance(excluded, dict) and (inner := _in_words(excluded)):
        told.append(f"not: {inner}")
    for keyword, joint in (("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")):
        phrases = [_in_words(part, known) for part in schema.get(keyword) or ()]
        told += [joint.join(filter(None, phrases))] if any(phrases) else []
    return " and ".join(told)


def _values(schema: JsonObject) -> list[str]:
    """Return the only values that a property may have, as JSON; none if it may have others."""
    values = [schema["const"]] if "const" in schema else schema.get("enum") or ()
    return [json.dumps(value, ensure_ascii=False) for value in values]

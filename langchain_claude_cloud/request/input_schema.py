"""Converts the schema of a tool's arguments to one that the API accepts as ``input_schema``.

The API wants an object at the root, and none of ``anyOf``, ``oneOf`` and ``allOf`` beside it
("input_schema does not support oneOf, allOf, or anyOf at the top level", 400). Servers of the
Model Context Protocol often use those to say which arguments go together.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.schema_keywords import UnfitSchemaError, rewrite_schema
from langchain_claude_cloud.request.schema_references import resolve_root, with_definitions

_UNIONS: Final = {
    "anyOf": "at least one of these must hold",
    "oneOf": "exactly one of these must hold",
}
_CONSEQUENCES: Final = {"then": "if", "else": "unless"}
_ROOT_ONLY: Final = ("anyOf", "oneOf", "allOf", "discriminator", "if", "then", "else", "type")


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
    wire, definitions, notes = rewrite_schema(dict(given), "input_schema", keep_titles=keep_titles)
    merged = _Reader(definitions).read(wire)
    root = merged.schema
    kind = root.get("type", "object")
    problem = None
    if "object" not in (kind if isinstance(kind, list) else [kind]):
        problem = f"of type {kind!r}"
    elif not merged.is_object and any(root.get(key) for key in ("anyOf", "oneOf", "allOf")):
        problem = "a choice between values that are no objects"
    if problem:
        raise UnfitSchemaError(
            f"the input schema is {problem}, but the arguments of a tool are an object: put the "
            "value into a property"
        )
    for name in merged.required:
        merged.properties.setdefault(name, {})
    schema: JsonObject = {"type": "object", "properties": {}}
    schema |= {key: value for key, value in root.items() if key not in _ROOT_ONLY}
    schema["properties"] = merged.properties
    if merged.required:
        schema["required"] = list(merged.required)
    schema = with_definitions(schema, definitions)
    rules = " ".join(f"{rule[0].upper()}{rule[1:]}." for rule in merged.rules)
    lost = dict.fromkeys(f"{note}: any value is allowed there" for note in notes)
    return InputSchema(schema, rules, tuple(lost))


@dataclass(slots=True)
class _Part:
    """What a part of a root says, with the parts within it.

    Attributes:
        schema: The part itself.
        properties: What is allowed for each property.
        required: Names that are required in any case; a set in the order of the schema.
        rules: Conditions, in words; the same.
        is_object: Whether it describes an object.
    """

    schema: JsonObject
    properties: dict[str, object]
    required: dict[str, None]
    rules: dict[str, None]
    is_object: bool

    def allow(self, part: _Part) -> None:
        """Allow what another part allows."""
        for name, schema in part.properties.items():
            self.properties[name] = _either(self.properties.get(name, {}), schema)
        self.is_object = self.is_object or part.is_object

    def add_union(self, parts: list[_Part], meaning: str) -> None:
        """Add alternatives: what all of them require is required, the rest is told in words."""
        for part in parts:
            self.allow(part)
        first, *others = (part.required for part in parts)
        self.required |= {n: None for n in first if all(n in other for other in others)}
        phrases = dict.fromkeys(_in_words(part.schema, self.required) for part in parts)
        told = [phrase for phrase in phrases if phrase]
        if len(told) > 1:
            numbered = "; ".join(f"({number}) {phrase}" for number, phrase in enumerate(told, 1))
            self.rules[f"of the arguments, {meaning}: {numbered}"] = None
        elif told and len(parts) == 1:
            self.rules[told[0]] = None

    def add_condition(self, condition: _Part, start: str, part: _Part) -> None:
        """Add what holds if, or unless, another part does."""
        for name, schema in part.properties.items():
            self.properties.setdefault(name, schema)
        told, consequence = _in_words(condition.schema), _in_words(part.schema)
        if told and consequence:
            self.rules[f"{start} {told}, then {consequence}"] = None


class _Reader:
    """Reads each part of a root once: some are parts of themselves, and some of many others.

    Args:
        definitions: The schemas that they may refer to.
    """

    def __init__(self, definitions: Mapping[str, object]) -> None:
        self._definitions = definitions
        self._parts: dict[object, _Part] = {}

    def read(self, schema: object) -> _Part:
        """Return what a schema says."""
        key = schema.get("$ref", id(schema)) if isinstance(schema, dict) else None
        if key in self._parts:
            return self._parts[key]
        found = resolve_root(schema, self._definitions)
        properties, required = found.get("properties") or {}, found.get("required") or ()
        is_object = found.get("type") == "object" or "properties" in found
        part = _Part(found, dict(properties), dict.fromkeys(required), {}, is_object)
        self._parts[key] = part
        for each in map(self.read, found.get("allOf") or ()):
            part.allow(each)
            part.required |= each.required
            part.rules |= each.rules
        for keyword, meaning in _UNIONS.items():
            if found.get(keyword):
                part.add_union([self.read(each) for each in found[keyword]], meaning)
        for keyword, start in _CONSEQUENCES.items():
            if "if" in found and keyword in found:
                part.add_condition(self.read(found["if"]), start, self.read(found[keyword]))
        return part


def _either(held: object, schema: object) -> object:
    """Return the schema of a property that two parts of a root describe."""
    if schema in ({}, True, held):
        return held
    if held in ({}, True):
        return schema
    parts = held["anyOf"] if isinstance(held, dict) and held.keys() == {"anyOf"} else [held]
    return held if schema in parts else {"anyOf": [*parts, schema]}


def _in_words(schema: JsonObject, known: Container[str] = ()) -> str:
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

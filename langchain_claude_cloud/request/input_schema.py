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
from langchain_claude_cloud.request.schema import resolve_root
from langchain_claude_cloud.request.schema_keywords import SchemaRewriter, UnfitSchemaError

_UNIONS: Final = {
    "anyOf": "at least one of these must hold",
    "oneOf": "exactly one of these must hold",
}
_ROOT_ONLY: Final = ("anyOf", "oneOf", "allOf", "if", "then", "else")
_DEEPEST: Final = 20


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


@dataclass(slots=True)
class _Root:
    """What the parts of a root say together.

    Attributes:
        definitions: The schemas that they may refer to.
        properties: For each property the different schemas that the parts have for it.
        required: Names that are required in any case.
        rules: Conditions, in words.
        is_object: Whether any part describes an object.
    """

    definitions: Mapping[str, object]
    properties: dict[str, list[object]] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    is_object: bool = False

    def read(self, part: JsonObject, depth: int = 0) -> _Root:
        """Add what a schema and its alternatives say, and return the root."""
        own = part.get("properties") or {}
        self._add_properties({name: [schema] for name, schema in own.items()})
        self.required += part.get("required") or ()
        self.is_object = self.is_object or part.get("type") == "object" or "properties" in part
        if depth > _DEEPEST:
            return self
        for schema in part.get("allOf") or ():
            self.read(self._resolve(schema), depth + 1)
        for keyword, meaning in _UNIONS.items():
            if part.get(keyword):
                self._add_union(list(map(self._resolve, part[keyword])), meaning, depth)
        if "if" in part:
            self._add_condition(part, depth)
        return self

    def _resolve(self, schema: object) -> JsonObject:
        return resolve_root(schema, self.definitions) if isinstance(schema, dict) else {}

    def _add_properties(self, other: Mapping[str, list[object]]) -> None:
        """Add the schemas of properties that are not there yet."""
        for name, schemas in other.items():
            held = self.properties.setdefault(name, [])
            held += [schema for schema in schemas if schema not in held]

    def _add_union(self, parts: list[JsonObject], meaning: str, depth: int) -> None:
        read = [_Root(self.definitions).read(part, depth + 1) for part in parts]
        for each in read:
            self._add_properties(each.properties)
            self.is_object = self.is_object or each.is_object
        self.required += [n for n in read[0].required if all(n in each.required for each in read)]
        phrases = [_in_words(part, frozenset(self.required)) for part in parts]
        told = [phrase for phrase in dict.fromkeys(phrases) if phrase]
        if len(told) > 1:
            numbered = "; ".join(f"({number}) {phrase}" for number, phrase in enumerate(told, 1))
            self.rules.append(f"of the arguments, {meaning}: {numbered}")
        elif told and len(parts) == 1:
            self.rules.append(told[0])

    def _add_condition(self, part: JsonObject, depth: int) -> None:
        condition = _in_words(self._resolve(part["if"]), frozenset())
        for keyword, start in (("then", "if"), ("else", "unless")):
            schema = self._resolve(part.get(keyword))
            more = _Root(self.definitions).read(schema, depth + 1).properties
            self._add_properties({n: more[n] for n in more if n not in self.properties})
            consequence = _in_words(schema, frozenset())
            if condition and consequence:
                self.rules.append(f"{start} {condition}, then {consequence}")


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
    rewriter = SchemaRewriter(dict(given), keep_titles=keep_titles)
    wire = rewriter.rewrite(given, "input_schema")
    # References within the root remain; the root itself is none.
    root = resolve_root(wire, rewriter.definitions) if isinstance(wire, dict) else {}
    kind = root.get("type", "object")
    if kind != "object" and "object" not in (kind if isinstance(kind, list) else ()):
        raise UnfitSchemaError(
            f"the input schema is of type {kind!r}, but the arguments of a tool are an object: "
            "put the value into a property"
        )
    merged = _Root(rewriter.definitions).read(root)
    if not merged.is_object and any(root.get(key) for key in ("anyOf", "oneOf", "allOf")):
        raise UnfitSchemaError(
            "the input schema is a choice between values that are no objects, but the arguments "
            "of a tool are an object: put the value into a property"
        )
    kept = {key: value for key, value in root.items() if key not in (*_ROOT_ONLY, "type")}
    properties = {name: _any_of(parts) for name, parts in merged.properties.items()}
    schema: JsonObject = {"type": "object", "properties": {}, **kept}
    schema["properties"] = properties | {n: {} for n in merged.required if n not in properties}
    if merged.required:
        schema["required"] = list(dict.fromkeys(merged.required))
    if rewriter.definitions:
        schema["$defs"] = dict(rewriter.definitions)
    rules = " ".join(f"{rule[0].upper()}{rule[1:]}." for rule in merged.rules)
    notes = dict.fromkeys(f"{note}: any value is allowed there" for note in rewriter.notes)
    return InputSchema(schema, rules, tuple(notes))


def _in_words(schema: JsonObject, known: frozenset[str]) -> str:
    """Say what a schema asks of the arguments.

    Args:
        schema: A part of the root.
        known: Names of which it need not be said that they are required.
    """
    fixed = {
        name: rule
        for name, held in (schema.get("properties") or {}).items()
        if isinstance(held, dict) and (rule := _value_in_words(held))
    }
    required = [n for n in schema.get("required") or () if n not in known and n not in fixed]
    told = [f"`{name}` is {rule}" for name, rule in fixed.items()]
    if required:
        listed = " and ".join(f"`{name}`" for name in required)
        told.append(f"{listed} {'is' if len(required) == 1 else 'are'} given")
    excluded = schema.get("not")
    if isinstance(excluded, dict) and (inner := _in_words(excluded, frozenset())):
        told.append(f"not: {inner}")
    for keyword in ("anyOf", "oneOf", "allOf"):
        inner_parts = [
            phrase
            for part in schema.get(keyword) or ()
            if isinstance(part, dict) and (phrase := _in_words(part, known))
        ]
        if inner_parts:
            told.append((" and " if keyword == "allOf" else " or ").join(inner_parts))
    return " and ".join(told)


def _value_in_words(schema: JsonObject) -> str:
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    if schema.get("enum"):
        return " or ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    return ""


def _any_of(schemas: list[object]) -> object:
    """Return one schema for a property that the parts of a root describe differently."""
    if len(schemas) == 1:
        return schemas[0]
    told = [schema for schema in schemas if schema not in ({}, True)]
    return told[0] if len(told) == 1 else {"anyOf": told}

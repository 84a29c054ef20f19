"""Walks the parts of a JSON schema, and follows its references, of any draft or nearly one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject

DEFINITIONS: Final = ("$defs", "definitions")
UNIONS: Final = ("anyOf", "oneOf", "allOf")
IN_PLACE: Final = frozenset({*UNIONS, "dependentSchemas", "else", "if", "not", "then"})
"""Keywords with schemas for the same value."""

SCHEMAS: Final = (
    *("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"),
    *("propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
)
"""Keywords with a schema; ``items`` had a list of them up to draft 2019-09."""

SCHEMA_LISTS: Final = (*UNIONS, "prefixItems")
SCHEMA_MAPS: Final = (*DEFINITIONS, "dependentSchemas", "patternProperties", "properties")
ANYWHERE: Final = frozenset({*SCHEMAS, *SCHEMA_LISTS, *SCHEMA_MAPS})
"""All keywords with schemas."""


def every_schema(schema: object, keywords: frozenset[str] = ANYWHERE) -> Iterator[JsonObject]:
    """Yield a schema and all schemas within it, but for those that are true or false.

    Args:
        schema: The schema.
        keywords: Those under which schemas are looked for.
    """
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += reversed(part)
        if not isinstance(part, dict):
            continue
        yield part
        for key, held in part.items():
            if key in keywords:
                is_map = key in SCHEMA_MAPS and isinstance(held, dict)
                waiting += held.values() if is_map else [held]


def resolve_root(schema: JsonObject, definitions: Mapping[str, JsonObject]) -> JsonObject:
    """Return a rewritten schema with what it refers to at its root put in its place.

    Args:
        schema: The schema; not changed.
        definitions: The schemas that it may refer to, by name.
    """
    while "$ref" in schema:  # to no circle: a `RewrittenSchema` has none
        target = definitions[schema["$ref"].rpartition("/")[2]]
        schema = {**target, **{key: schema[key] for key in schema if key != "$ref"}}
    return schema


def with_definitions(schema: JsonObject, definitions: Mapping[str, JsonObject]) -> JsonObject:
    """Return a rewritten schema with those definitions that it refers to, itself or by others.

    Their order follows from the schema alone, so that a copy is the same for the prompt cache.
    """
    used: dict[str, JsonObject] = {}
    names = _referred(schema)
    for name in names:  # grows on the way
        if name not in used:
            used[name] = definitions[name]
            names += _referred(definitions[name])
    return schema | ({"$defs": used} if used else {})


def _referred(schema: JsonObject, keywords: frozenset[str] = ANYWHERE) -> list[str]:
    """Return the names of the definitions that a rewritten schema refers to."""
    parts = every_schema(schema, keywords)
    return [part["$ref"].rpartition("/")[2] for part in parts if "$ref" in part]


def follow(reference: str, root: object) -> object:
    """Return what a reference in a schema stands for; None if it leads nowhere.

    A class's schema that was put into another as it is brings its definitions along: they are
    found by their names, if those stand for one schema only.
    """
    # It is imported by the first schema that needs it.
    from referencing import Registry, exceptions, jsonschema  # noqa: PLC0415

    # An id is a name of its own kind in each draft.
    for draft in (jsonschema.DRAFT202012, jsonschema.DRAFT7, jsonschema.DRAFT4):
        resource = draft.create_resource(root)
        with suppress(exceptions.Unresolvable, AttributeError, LookupError, TypeError, ValueError):
            found: object = Registry().resolver_with_root(resource).lookup(reference).contents
            if found is not None:
                return found
    name = reference.rpartition("/")[2]
    held = [part[key] for part in every_schema(root) for key in DEFINITIONS if key in part]
    nested = [each[name] for each in held if isinstance(each, dict) and name in each]
    return nested[0] if all(each == nested[0] for each in nested[1:]) and nested else None


def find_loop(
    definitions: Mapping[str, JsonObject], keywords: frozenset[str] = ANYWHERE
) -> list[str]:
    """Return definitions that refer to each other in a circle.

    Args:
        definitions: Rewritten schemas, by name.
        keywords: Those under which references count. With `IN_PLACE`, the definitions that are
            found stand for each other, and so for nothing.
    """
    referred = {name: _referred(part, keywords) for name, part in definitions.items()}
    try:
        TopologicalSorter(referred).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []

"""Walks through the schemas that are within a JSON schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject

SCHEMAS: Final = frozenset(
    {
        *("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"),
        *("propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
    }
)
"""Keywords with a schema; ``items`` had a list of them up to draft 2019-09."""

SCHEMA_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
SCHEMA_MAPS: Final = frozenset({"dependentSchemas", "patternProperties", "properties"})
DEFINITIONS: Final = ("$defs", "definitions")


def map_schemas(schema: JsonObject, change: Callable[[JsonObject], JsonObject]) -> JsonObject:
    """Return a schema with each schema right within it as a function returns it.

    Args:
        schema: A JSON schema; not changed.
        change: Takes a schema that is an object; those that are true or false stay.
    """
    wire = dict(schema)
    for key, held in schema.items():
        if key in SCHEMA_MAPS or key in DEFINITIONS:
            if isinstance(held, dict):
                parts = held.items()
                wire[key] = {n: change(p) if isinstance(p, dict) else p for n, p in parts}
        elif key in SCHEMAS or key in SCHEMA_LISTS:
            if isinstance(held, dict):
                wire[key] = change(held)
            elif isinstance(held, list):
                wire[key] = [change(p) if isinstance(p, dict) else p for p in held]
    return wire


def every_schema(schema: object) -> Iterator[JsonObject]:
    """Yield a schema and all schemas within it, but for those that are true or false."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += reversed(part)
        if not isinstance(part, dict):
            continue
        yield part
        for key, held in part.items():
            if key in SCHEMAS or key in SCHEMA_LISTS:
                waiting.append(held)
            elif (key in SCHEMA_MAPS or key in DEFINITIONS) and isinstance(held, dict):
                waiting += held.values()

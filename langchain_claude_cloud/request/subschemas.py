"""Walks through the schemas that are within a JSON schema."""

from __future__ import annotations

from collections.abc import Iterator
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

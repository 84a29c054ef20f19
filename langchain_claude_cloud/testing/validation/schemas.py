"""Checks JSON schemas: that they are schemas, and that constrained decoding takes them.

In: a schema. Out: nothing, or a `Refusal`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.server.wire import Refusal, invalid

_SUBSCHEMAS = ("items", "additionalProperties", "not", "contains", "if", "then", "else")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS = ("properties", "$defs", "definitions", "patternProperties")
# platform.claude.com, structured outputs: what the constrained grammar does not know.
_UNSUPPORTED = {
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength"),
    "array": ("maxItems", "uniqueItems"),
}


def check_schema(path: str, schema: JsonObject) -> None:
    """Check that a value is a JSON schema.

    Raises:
        Refusal: It is not.
    """
    if not _is_schema(json.dumps(schema, sort_keys=True)):
        raise invalid(
            path,
            "JSON schema is invalid. It must match JSON Schema draft 2020-12 "
            "(https://json-schema.org/draft/2020-12). Learn more about tool use at "
            "https://docs.claude.com/en/docs/tool-use.",
        )


@lru_cache(maxsize=1_000)
def _is_schema(text: str) -> bool:
    """Whether a JSON text is a schema of draft 2020-12; older drafts' forms are not."""
    try:
        Draft202012Validator.check_schema(json.loads(text))
    except SchemaError:
        return False
    return True


def _parts(schema: object) -> Iterator[object]:
    """The schema and all schemas within, parents first."""
    yield schema
    if not isinstance(schema, dict):
        return
    inner = [schema[key] for key in _SUBSCHEMAS if isinstance(schema.get(key), dict)]
    for key in _LISTS:
        inner += schema[key] if isinstance(schema.get(key), list) else []
    for key in _MAPS:
        inner += list(schema[key].values()) if isinstance(schema.get(key), dict) else []
    for part in inner:
        yield from _parts(part)


def check_strict_schema(path: str, schema: JsonObject) -> None:
    """Check that a schema can constrain the output.

    Raises:
        Refusal: It has an open object, a recursion, or a keyword that is not supported.
    """
    for part in _parts(schema):
        if not isinstance(part, dict):
            continue
        kind = part.get("type")
        if kind == "object" and part.get("additionalProperties") is not False:
            raise invalid(
                path, "For 'object' type, 'additionalProperties' must be explicitly set to false"
            )
        found = [key for key in _UNSUPPORTED.get(str(kind), ()) if key in part]
        if found:
            raise invalid(
                path, f"For '{kind}' type, properties {', '.join(sorted(found))} are not supported"
            )
        if kind == "array" and part.get("minItems", 0) not in {0, 1}:
            raise invalid(
                path, "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
            )
    _check_recursion(path, schema)


def _check_recursion(path: str, schema: JsonObject) -> None:
    definitions = {**(schema.get("$defs") or {}), **(schema.get("definitions") or {})}
    uses = {name: _references(part) for name, part in definitions.items()}
    for name, used in uses.items():
        reached: set[str] = set()
        waiting = [*used]
        while waiting:
            target = waiting.pop()
            if target == name:
                raise Refusal(400, f"{path}: Circular reference detected in schema definitions")
            if target not in reached:
                reached.add(target)
                waiting += uses.get(target, set())


def _references(schema: object) -> set[str]:
    return {
        str(part["$ref"]).rsplit("/", maxsplit=1)[-1]
        for part in _parts(schema)
        if isinstance(part, dict) and "$ref" in part
    }

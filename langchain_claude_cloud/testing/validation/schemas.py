"""Checks JSON schemas: that they are schemas, and that constrained decoding takes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.wire import Refusal, invalid

_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_MAX_OPTIONAL = 24
_MAX_UNIONS = 16
# The clouds do not say how large a grammar may be. A schema of 7,354 bytes was refused as too
# large on all models (pome-sh/digital-twins#527).
_MAX_CHARACTERS = 7_000
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


def check_property_keys(path: str, schema: JsonObject) -> None:
    """Check the names of the properties of a tool's arguments, at every level.

    Reports name the first level alone; what is taken here is taken by the API.

    Raises:
        Refusal: The API does not take one of them.
    """
    names = [name for part in _parts(schema) for name in _properties(part)]
    if not all(_PROPERTY.fullmatch(name) for name in names):
        raise invalid(
            f"{path}.properties", "Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'"
        )


def _properties(schema: object) -> JsonObject:
    found = schema.get("properties") if isinstance(schema, dict) else None
    return found if isinstance(found, dict) else {}


def check_complexity(schemas: Sequence[JsonObject]) -> None:
    """Check that the schemas that constrain one answer can be compiled together.

    Raises:
        Refusal: They have too many optional properties or unions, or are too large.
    """
    parts = [part for schema in schemas for part in _parts(schema) if isinstance(part, dict)]
    optional = sum(len(_properties(part).keys() - set(part.get("required", []))) for part in parts)
    if optional > _MAX_OPTIONAL:
        raise Refusal(
            400,
            f"Schemas contains too many optional parameters ({optional}), which would make "
            "grammar compilation inefficient. Reduce the number of optional parameters in your "
            f"tool schemas (limit: {_MAX_OPTIONAL}).",
        )
    unions = sum(_is_union(each) for part in parts for each in _properties(part).values())
    if unions > _MAX_UNIONS:
        raise Refusal(
            400,
            f"Schemas contains too many parameters with union types ({unions} parameters with "
            "type arrays or anyOf). This would cause exponential compilation cost. Reduce the "
            f"number of nullable or union-typed parameters (limit: {_MAX_UNIONS}).",
        )
    if sum(len(json.dumps(_bare(schema))) for schema in schemas) > _MAX_CHARACTERS:
        raise Refusal(
            400,
            "The compiled grammar is too large, which would cause performance issues. Simplify "
            "your tool schemas or reduce the number of strict tools.",
        )


def _is_union(schema: object) -> bool:
    if not isinstance(schema, dict):
        return False
    return "anyOf" in schema or "oneOf" in schema or isinstance(schema.get("type"), list)


def _bare(schema: object) -> object:
    """Return a schema without the words that are for the model."""
    if isinstance(schema, list):
        return [_bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _bare(value)
        for key, value in schema.items()
        if not (key in {"title", "description"} and isinstance(value, str))
    }


def check_strict_schema(path: str, schema: JsonObject) -> None:
    """Check that a schema can constrain the output.

    Raises:
        Refusal: It has an open object, a recursion, or a keyword that is not supported.
    """
    for part in _parts(schema):
        if not isinstance(part, dict):
            continue
        kinds = part.get("type")
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            _check_strict_part(path, part, str(kind))
    _check_recursion(path, schema)


def _check_strict_part(path: str, part: JsonObject, kind: str) -> None:
    if kind == "object" and part.get("additionalProperties") is not False:
        raise invalid(
            path, "For 'object' type, 'additionalProperties' must be explicitly set to false"
        )
    found = [key for key in _UNSUPPORTED.get(kind, ()) if key in part]
    if found:
        raise invalid(
            path, f"For '{kind}' type, properties {', '.join(sorted(found))} are not supported"
        )
    if kind == "array" and part.get("minItems", 0) not in {0, 1}:
        raise invalid(
            path, "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
        )


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

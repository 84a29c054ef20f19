"""The schema of a structured output: what is sent for it, and how a value is checked.

The API takes an object at the root, so a list, a union or a plain value is asked for as the
one property of an object, and taken out of it again.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.schema import modern_schema, resolve_root, without_titles

DEFAULT_NAME: Final = "structured_output"
VALUE: Final = "value"
"""The property that holds what is no object."""

_LONGEST_NAME: Final = 64
_OTHER_FORMS: Final = frozenset({"function", "parameters", "input_schema", "toolSpec"})
_UNIONS: Final = ("anyOf", "oneOf", "allOf")


@dataclass(frozen=True)
class OutputSchema:
    """A schema of the user's, made ready for a request.

    Attributes:
        name: What a tool for it is called: the API takes letters, digits, ``_`` and ``-``.
        json_schema: The JSON schema, an object at its root.
        is_wrapped: Whether the value is the property `VALUE` of that object.
        is_class: Whether results are instances of a pydantic class.
        validate: Makes the result of a value, or raises a ValueError.
    """

    name: str
    json_schema: JsonObject
    is_wrapped: bool
    is_class: bool
    validate: Callable[[Any], Any]

    @classmethod
    def of(cls, given: JsonObject | type) -> OutputSchema:
        """Read a pydantic class, a `TypedDict`, or a dict of any form langchain-core knows."""
        schema = {"title": DEFAULT_NAME, **resolve_root(_json_schema(given))}
        is_object = schema.get("type", "object" if "properties" in schema else None) == "object"
        is_wrapped = not is_object or any(key in schema for key in _UNIONS)
        title = str(schema.get("title") or "")
        name = re.sub(r"[^a-zA-Z0-9_-]+", "_", title).strip("_")[:_LONGEST_NAME] or DEFAULT_NAME
        return cls(
            name,
            _wrap(schema, name) if is_wrapped else schema,
            is_wrapped,
            inspect.isclass(given) and is_basemodel_subclass(given),
            _validator_of(given, schema),
        )

    def read(self, value: JsonObject) -> Any:
        """Return the result that a whole reply holds.

        Raises:
            ValueError: It does not fit the schema.
        """
        decoded = _decode(value, self.json_schema, self.json_schema)
        if not self.is_wrapped:
            return self.validate(decoded)
        if VALUE not in decoded:
            raise ValueError(f"the reply has no {VALUE!r}")
        return self.validate(decoded[VALUE])

    def read_partial(self, value: JsonObject) -> Any:
        """Return what an unfinished reply shows: of a pydantic class, once it validates."""
        if not self.is_class:
            return value.get(VALUE) if self.is_wrapped else value
        try:
            return self.read(value)
        except ValueError:
            return None


def _json_schema(given: JsonObject | type) -> JsonObject:
    if isinstance(given, dict):
        if _OTHER_FORMS & given.keys() or ("name" in given and "type" not in given):
            given = convert_to_json_schema(given)
        return modern_schema(given)
    if inspect.isclass(given) and is_basemodel_subclass(given):
        describe = "model_json_schema" if issubclass(given, BaseModel) else "schema"
        described = getattr(given, describe)()
        return {**without_titles(described), "title": described.get("title") or given.__name__}
    return convert_to_json_schema(given)


def _wrap(schema: JsonObject, name: str) -> JsonObject:
    definitions: JsonObject = {
        key: schema[key] for key in ("$defs", "definitions") if key in schema
    }
    inner = {key: value for key, value in schema.items() if key not in definitions}
    return {
        "title": name,
        "type": "object",
        "properties": {VALUE: inner},
        "required": [VALUE],
        **definitions,
    }


def _validator_of(given: JsonObject | type, schema: JsonObject) -> Callable[[Any], Any]:
    if inspect.isclass(given) and is_basemodel_subclass(given):
        if issubclass(given, BaseModel):
            return given.model_validate
        return cast("Callable[[Any], Any]", getattr(given, "parse_obj"))  # noqa: B009 - pydantic v1
    return lambda value: _check(value, schema)


def _check(value: Any, schema: JsonObject) -> Any:
    """Check a value by a JSON schema.

    Raises:
        ValueError: It does not fit; the message says where.
    """
    # Importing it costs 60 ms, and only values of such schemas need it.
    from jsonschema import exceptions, validators  # noqa: PLC0415

    validator = validators.validator_for(schema, default=validators.Draft202012Validator)(schema)
    try:
        error = exceptions.best_match(validator.iter_errors(value))
    except (exceptions.SchemaError, LookupError, RecursionError, TypeError):
        return value  # the schema itself is at fault, and the model did what it could
    if error is not None:
        raise ValueError(f"at {error.json_path}: {error.message:.500}")
    return value


def _decode(value: Any, schema: object, root: JsonObject) -> Any:
    """Return a value with the strings decoded that hold the JSON of a list or an object.

    Models write ``"[1, 2]"`` for ``[1, 2]`` at times. Only a place that the schema gives to
    lists or objects, and to no text, is decoded.
    """
    parts = list(_alternatives(schema, root, 0))
    if isinstance(value, str):
        decoded = _decoded(value, parts)
        if decoded is value:
            return value
        value = decoded
    if isinstance(value, dict):
        return {
            key: _decode(item, _first(_property(part, key) for part in parts), root)
            for key, item in value.items()
        }
    if isinstance(value, list):
        item_schema = _first(part.get("items") for part in parts)
        return [_decode(item, item_schema, root) for item in value]
    return value


def _decoded(value: str, parts: list[JsonObject]) -> Any:
    kinds = {kind for part in parts for kind in _kinds(part)}
    if not kinds & {"array", "object"} or kinds & {"string", "any"}:
        return value
    try:
        decoded = json.loads(value)
    except (ValueError, RecursionError):
        return value
    fits = (isinstance(decoded, list) and "array" in kinds) or (
        isinstance(decoded, dict) and "object" in kinds
    )
    return decoded if fits else value


def _alternatives(schema: object, root: JsonObject, depth: int) -> Iterator[JsonObject]:
    """Yield the schemas that a value may fit, with references and unions followed."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return
    reference = schema.get("$ref")
    if isinstance(reference, str):
        yield from _alternatives(_target(reference, root), root, depth + 1)
        return
    unions = [part for key in _UNIONS for part in schema.get(key) or ()]
    for part in unions:
        yield from _alternatives(part, root, depth + 1)
    if not unions:
        yield schema


_DEEPEST: Final = 20
"""References and unions are followed as far as that."""


def _target(reference: str, root: JsonObject) -> object:
    target: object = root
    for step in reference.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        target = target.get(key) if isinstance(target, Mapping) else None
    return target


def _kinds(part: JsonObject) -> list[str]:
    kind = part.get("type")
    if isinstance(kind, list):
        return [str(each) for each in kind]
    if isinstance(kind, str):
        return [kind]
    return ["object"] if "properties" in part else ["array"] if "items" in part else ["any"]


def _property(part: JsonObject, key: str) -> object:
    named = (part.get("properties") or {}).get(key)
    return named if named is not None else part.get("additionalProperties")


def _first(found: Iterator[object]) -> object:
    return next((each for each in found if isinstance(each, dict)), None)

"""The schema of a structured output: what is sent for it, and how a value is checked.

The API takes an object at the root, so a list, a union or a plain value is asked for as the
one property of an object, and taken out of it again.
"""

from __future__ import annotations

import copy
import inspect
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial, reduce
from itertools import chain
from operator import getitem
from typing import TYPE_CHECKING, Any, Final, cast, get_origin

from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import TypeAdapter

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.schema import is_object, modern_schema
from langchain_claude_cloud.request.tool_definitions import define_tool, schema_of

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError as SchemaError

DEFAULT_NAME: Final = "structured_output"
VALUE: Final = "value"
"""The property that holds what is no object."""

_OTHER_FORMS: Final = frozenset({"function", "parameters", "input_schema", "toolSpec"})


@dataclass(frozen=True)
class OutputSchema:
    """A schema of the user's, made ready for a request.

    Attributes:
        name: What a tool for it is called: the API takes letters, digits, ``_`` and ``-``.
        json_schema: The JSON schema, an object at its root.
        is_wrapped: Whether the value is the property `VALUE` of that object.
        is_class: Whether results are instances of a pydantic class, or may hold some.
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
        if get_origin(given) is None:  # a NewType, or a type alias of Python 3.12
            given = getattr(given, "__value__", getattr(given, "__supertype__", given))
        schema = {"title": DEFAULT_NAME, **_json_schema(given)}
        is_wrapped = not is_object(schema)
        title = str(schema.get("title") or "")
        name = re.sub(r"[^a-zA-Z0-9_-]+", "_", title).strip("_")[:64] or DEFAULT_NAME
        json_schema = _wrap(schema, name) if is_wrapped else schema
        validate: Callable[[Any], Any] = partial(_check, schema=schema)  # which can be pickled
        is_model = inspect.isclass(given) and is_basemodel_subclass(given)
        is_class = is_model or get_origin(given) is not None
        if is_class:  # of either version of pydantic; or a union or a list, of classes perhaps
            own = is_model and getattr(given, "model_validate", getattr(given, "parse_obj", None))
            validate = own or TypeAdapter(cast("type", given)).validate_python
        return cls(name, json_schema, is_wrapped, is_class, validate)

    def read(self, value: JsonObject) -> Any:
        """Return the result that a whole reply holds.

        Raises:
            ValueError: It does not fit the schema.
        """
        try:
            return self._validated(value)
        except ValueError:
            if (decoded := _decode(value, self.json_schema)) == value:
                raise
        return self._validated(decoded)

    def read_partial(self, value: JsonObject) -> Any:
        """Return what an unfinished reply shows: of a pydantic class, once it validates."""
        if not self.is_class:
            return value.get(VALUE) if self.is_wrapped else value
        with suppress(ValueError):
            return self._validated(value)
        return None

    def _validated(self, value: JsonObject) -> Any:
        if self.is_wrapped and VALUE not in value:
            raise ValueError(f"the reply has no {VALUE!r}")
        return self.validate(value[VALUE] if self.is_wrapped else value)


def _json_schema(given: JsonObject | type) -> JsonObject:
    if not isinstance(given, dict):
        return modern_schema(schema_of(given, any_type=True), keep_titles=False)
    named = given.get("json_schema", given)
    if isinstance(named, dict) and isinstance(named.get("schema"), dict):  # OpenAI's forms
        tool: JsonObject = {**named, "input_schema": named["schema"]}
    elif _OTHER_FORMS & given.keys() or ("name" in given and "type" not in given):
        try:
            tool = define_tool(given)
        except InvalidInputError as error:
            problem = f"{given!r:.200} is no schema. Give a pydantic class or a JSON schema."
            raise InvalidInputError(problem) from error
    else:
        return modern_schema(given)
    told = {"title": tool.get("name"), "description": tool.get("description")}
    about = {key: text for key, text in told.items() if text is not None}
    return {**about, **modern_schema(tool.get("input_schema", tool))}


def _wrap(schema: JsonObject, name: str) -> JsonObject:
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    wrapped: JsonObject = {"title": name, "type": "object"}
    wrapped |= {"properties": {VALUE: inner}, "required": [VALUE]}
    return wrapped | ({"$defs": schema["$defs"]} if "$defs" in schema else {})


def _check(value: Any, schema: JsonObject) -> Any:
    """Check a value by a JSON schema.

    Raises:
        ValueError: It does not fit; the message says where.
    """
    from jsonschema import exceptions  # noqa: PLC0415  60 ms, for values of such schemas alone

    error = exceptions.best_match(_errors(value, schema))
    if error is not None:
        raise ValueError(f"at {error.json_path}: {error.message:.500}")
    return value


def _errors(value: Any, schema: JsonObject) -> list[SchemaError]:
    from jsonschema import Draft202012Validator, exceptions  # noqa: PLC0415  see above

    try:
        return list(Draft202012Validator(schema).iter_errors(value))
    except (exceptions.SchemaError, LookupError, RecursionError, TypeError):
        return []  # the schema itself is at fault, and the model did what it could


def _decode(value: JsonObject, schema: JsonObject) -> JsonObject:
    """Return a value with the strings decoded that hold the JSON of a list or an object.

    Models write ``"[1, 2]"`` for ``[1, 2]`` at times. Only a text that the schema refuses as
    such is decoded.
    """
    decoded = copy.deepcopy(value)
    for error in chain.from_iterable(map(_leaves, _errors(value, schema))):
        with suppress(TypeError, ValueError, RecursionError):  # what is no text is left
            inner = json.loads(error.instance)
            if isinstance(inner, list | dict) and error.validator == "type":
                *way, last = error.absolute_path
                reduce(getitem, way, decoded)[last] = inner
    return decoded if decoded == value else _decode(decoded, schema)


def _leaves(error: SchemaError) -> list[SchemaError]:
    """Return an error, or for a union those of its parts."""
    return [leaf for part in error.context or () for leaf in _leaves(part)] or [error]

"""Reads tools and types in all the forms in which LangChain, other APIs and MCP write them."""

from __future__ import annotations

import inspect
from contextlib import suppress
from dataclasses import is_dataclass
from typing import Any, Final, cast, get_origin

from langchain_core.utils.function_calling import convert_to_openai_function
from pydantic import TypeAdapter
from typing_extensions import is_typeddict

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.parsing import load_json
from langchain_claude_cloud.errors.types import JsonObject

_EXTRAS: Final = (
    *("allowed_callers", "cache_control", "defer_loading", "eager_input_streaming"),
    *("input_examples", "strict"),
)
"""What may stand beside a tool, or in a `BaseTool`'s ``extras``, about how Claude is offered it."""

_HOLDERS: Final = ("toolSpec", "function")
_OWN_TYPES: Final = ("custom", "function", "object")
_UNREADABLE: Final = (AttributeError, LookupError, NameError, RuntimeError, TypeError, ValueError)
"""What pydantic and langchain-core raise for a type that they cannot describe: `PydanticUserError`
and `RecursionError` are kinds of RuntimeError."""


def define_tool(tool: object) -> JsonObject:
    """Return the API's definition of a tool, with its schema as it was given.

    Args:
        tool: A `BaseTool`, a pydantic class, a `TypedDict`, a function, a `Tool` of the mcp
            package, or a dict: Anthropic's, OpenAI's or Bedrock Converse's form of a tool, or a
            JSON schema with a title.

    Returns:
        ``{"name", "description", "input_schema", ...}``; the dict itself for Anthropic's own
        tools, known by their ``type``.

    Raises:
        InvalidInputError: It is no tool, or has no name.
    """
    definition = _from_dict(tool if isinstance(tool, dict) else _as_dict(tool))
    name = definition.get("name")
    if "input_schema" in definition and not (name and isinstance(name, str)):
        raise _no_tool(tool, "its name must be a text")
    return definition


def _as_dict(tool: object) -> JsonObject:
    """Return a tool that is no dict as one."""
    if isinstance(getattr(tool, "inputSchema", None), dict):
        keys = ("name", "title", "description", "inputSchema")
        return {key: getattr(tool, key, None) for key in keys}
    # Only an instance of BaseTool has extras; importing the class would cost 6 ms at start.
    own = None if isinstance(tool, type) else tool
    extras: JsonObject = getattr(own, "extras", None) or {}
    native = extras.get("provider_tool_definition")
    if isinstance(native, dict):
        return native
    schema = schema_of(tool)
    name = getattr(own, "name", None) or getattr(own, "__name__", None) or schema.get("title")
    title = name or getattr(tool, "__name__", None)
    described = getattr(own, "description", None) or schema.get("description")
    return {**extras, "function": {**schema, "title": title, "description": described}}


def _from_dict(tool: JsonObject) -> JsonObject:
    """Define a tool that is a dict of any form; one of Anthropic's own is copied."""
    spec = next((tool[key] for key in _HOLDERS if isinstance(tool.get(key), dict)), tool)
    key = next((key for key in ("input_schema", "inputSchema", "parameters") if key in spec), "")
    kind = tool.get("type") if spec is tool else None
    if isinstance(kind, str) and kind not in _OWN_TYPES and key in ("", "parameters"):
        return dict(tool)
    extras = {
        name: held[name] for held in (spec, tool) for name in _EXTRAS if held.get(name) is not None
    }
    if key == "input_schema":
        return {**extras, **spec, key: _unwrapped(spec[key])}
    described = spec.get("description") or (key == "inputSchema" and spec.get("title"))
    definition = {"name": spec.get("name"), **({"description": described} if described else {})}
    if not key and "name" not in spec and "title" in spec:  # a JSON schema
        rest = {name: spec[name] for name in spec if name not in ("title", "description")}
        return {**definition, "name": spec["title"], "input_schema": rest, **extras}
    return {**definition, "input_schema": _unwrapped(spec.get(key)), **extras}


def _unwrapped(schema: object) -> object:
    """Return what Converse's ``json``, or another client's ``jsonSchema``, holds."""
    for key in ("json", "jsonSchema"):
        if isinstance(schema, dict) and schema.keys() == {key}:
            schema = schema[key]
    return (load_json(schema) or schema) if isinstance(schema, str) else schema


def schema_of(given: object, *, any_type: bool = False) -> JsonObject:
    """Return the JSON schema of a class or a function, or of a tool's arguments.

    Args:
        given: What to describe.
        any_type: Whether it may be a union, ``list[int]`` and what else pydantic can describe.

    Raises:
        InvalidInputError: It cannot be described.
    """
    try:
        return _schema_of(given, any_type=any_type)
    except _UNREADABLE as error:
        problem = str(error).partition("\n")[0].rstrip(".")
        if not any_type:
            raise _no_tool(given, f"it has no JSON schema ({problem})") from error
        told = f"{given!r:.200} has no JSON schema: {problem}"
        raise InvalidInputError(f"{told}. Give a pydantic class, a type or a dict.") from error


def _schema_of(given: object, *, any_type: bool) -> JsonObject:
    """Return the schema that a class, a function or a tool has of its own, or by langchain-core.

    langchain-core puts definitions in the place of the references to them, and what refers to
    itself becomes empty there.
    """
    if inspect.isfunction(given):
        # Importing it would cost 6 ms at start.
        from langchain_core.tools.base import create_schema_from_function  # noqa: PLC0415

        given = create_schema_from_function(
            given.__name__, given, filter_args=(), parse_docstring=True, include_injected=False
        )
    elif not isinstance(given, type) and getattr(given, "args_schema", None):
        given = getattr(given, "tool_call_schema", None)
    if isinstance(given, dict):
        return given
    for method in ("model_json_schema", "schema"):  # of pydantic's two versions
        if isinstance(given, type) and hasattr(given, method):
            return cast("JsonObject", getattr(given, method)())
    if not isinstance(given, type) and get_origin(given) is None:
        return _schema_by_core(given)
    if is_typeddict(given) or hasattr(given, "_fields"):  # which a NamedTuple has
        # Of dicts, langchain-core knows neither `NotRequired` nor recursion.
        with suppress(*_UNREADABLE):
            return _schema_by_core(given)
    elif not any_type and not is_dataclass(given):
        raise TypeError("it is a type of values")
    adapter: TypeAdapter[Any] = TypeAdapter(cast("type", given))
    return adapter.json_schema()


def _schema_by_core(given: object) -> JsonObject:
    function = convert_to_openai_function(cast("type", given))
    described = {"title": function["name"], "description": function.get("description")}
    return {**described, **function.get("parameters", {})}


def _no_tool(tool: object, problem: str) -> InvalidInputError:
    forms = "a BaseTool, a pydantic class, a TypedDict, a function or a dict with an 'input_schema'"
    return InvalidInputError(f"{tool!r:.200} is not a tool: {problem}. A tool is {forms}.")

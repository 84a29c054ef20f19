"""Reads tools and types in all the forms in which LangChain, other APIs and MCP write them."""

from __future__ import annotations

import inspect
import sys
from dataclasses import is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast

from langchain_core.utils.function_calling import convert_to_openai_function
from pydantic import TypeAdapter
from typing_extensions import is_typeddict

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.parsing import load_json
from langchain_claude_cloud.errors.types import JsonObject

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

_EXTRAS: Final = (
    "allowed_callers",
    "cache_control",
    "defer_loading",
    "eager_input_streaming",
    "input_examples",
    "strict",
)
"""What may stand beside a tool, or in a `BaseTool`'s ``extras``, about how Claude is offered it."""

_SCHEMAS: Final = ("input_schema", "inputSchema", "parameters")
_HOLDERS: Final = ("toolSpec", "function")
_SCHEMA_WRAPPERS: Final = ("json", "jsonSchema")
_ABOUT: Final = ("title", "description")
_OWN_TYPES: Final = ("custom", "function", "object")
_UNDESCRIBABLE: Final = (
    AttributeError,
    LookupError,
    NameError,
    RuntimeError,  # of which `PydanticUserError` and `RecursionError` are kinds
    TypeError,
    ValueError,
)
"""What pydantic and langchain-core raise for a type that they cannot describe."""


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
    # Only an instance of BaseTool has extras; importing the class would cost 6 ms at start.
    extras = {} if isinstance(tool, dict | type) else (getattr(tool, "extras", None) or {})
    native = extras.get("provider_tool_definition")
    if isinstance(native, dict):
        return native
    if not isinstance(tool, dict | type) and isinstance(getattr(tool, "inputSchema", None), dict):
        tool = {
            key: getattr(tool, key, None) for key in ("name", "title", "description", "inputSchema")
        }
    definition = _from_dict(tool) if isinstance(tool, dict) else _from_python(tool)
    definition |= {key: extras[key] for key in _EXTRAS if key in extras}
    name = definition.get("name")
    if "input_schema" in definition and not (name and isinstance(name, str)):
        raise _no_tool(
            tool, "its name must be a text" if "name" in definition else "it has no name"
        )
    return definition


def _from_dict(tool: JsonObject) -> JsonObject:
    """Define a tool that is a dict of any form; one of Anthropic's own is copied."""
    beside = {key: tool[key] for key in _EXTRAS if key in tool}
    spec = next((tool[key] for key in _HOLDERS if isinstance(tool.get(key), dict)), tool)
    key = next((key for key in _SCHEMAS if key in spec), None)
    if key == "input_schema":
        return {**beside, **spec, key: _unwrapped(spec[key])}
    kind = tool.get("type")
    if spec is tool and key != "inputSchema" and isinstance(kind, str) and kind not in _OWN_TYPES:
        return dict(tool)
    described = spec.get("description") or (key == "inputSchema" and spec.get("title"))
    if key is None and "name" not in spec and "title" in spec:
        rest = {key: spec[key] for key in spec if key not in _ABOUT}
        definition: JsonObject = {"name": spec["title"], "input_schema": rest}
    else:
        named = {"name": spec["name"]} if "name" in spec else {}
        definition = {**named, "input_schema": _unwrapped(spec.get(key or ""))}
    definition |= {key: spec[key] for key in _EXTRAS if spec.get(key) is not None} | beside
    return definition | ({"description": described} if described else {})


def _unwrapped(schema: object) -> object:
    """Return what Converse's ``json``, or another client's ``jsonSchema``, holds."""
    while isinstance(schema, dict) and len(schema) == 1:
        (key,) = schema
        if key not in _SCHEMA_WRAPPERS or not isinstance(schema[key], dict | str):
            break
        schema = schema[key]
    read = load_json(schema) if isinstance(schema, str) else None
    return read if isinstance(read, dict) else schema


def _from_python(tool: object) -> JsonObject:
    """Define a tool that is a class, a function or a `BaseTool`."""
    schema = schema_of(tool)
    own = None if isinstance(tool, type) else tool
    name = getattr(own, "name", None) or getattr(own, "__name__", None) or schema.get("title")
    described = getattr(own, "description", None) or schema.get("description")
    return {
        "name": name or getattr(tool, "__name__", None),
        **({"description": described} if described else {}),
        "input_schema": {key: schema[key] for key in schema if key not in _ABOUT},
    }


def schema_of(given: object, *, any_type: bool = False) -> JsonObject:
    """Return the JSON schema of a class or a function, or of a tool's arguments.

    Args:
        given: What to describe.
        any_type: Whether it may be a union, ``list[int]`` and what else pydantic can describe;
            else of those only a `TypedDict` with `NotRequired` or that holds itself.

    Raises:
        InvalidInputError: It cannot be described.
    """
    try:
        return _schema_of_model(given) or _schema_by_core(given)
    except _UNDESCRIBABLE as error:
        if not any_type and not is_typeddict(given):
            raise _no_tool(given, f"it has no JSON schema ({_first_line(error)})") from error
    try:
        if given is not None:
            adapter: TypeAdapter[Any] = TypeAdapter(cast("type", given))
            return adapter.json_schema()
        problem = "it is None"
    except _UNDESCRIBABLE as error:
        problem = _first_line(error)
    raise InvalidInputError(
        f"{given!r:.200} has no JSON schema: {problem}. Give a pydantic class, a TypedDict, a "
        "type or a dict that is a JSON schema."
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def _schema_of_model(given: object) -> JsonObject | None:
    """Return the schema that a class, a function or a tool has of its own.

    langchain-core puts definitions in the place of the references to them, and what refers to
    itself becomes empty there.
    """
    if isinstance(given, type) and (is_dataclass(given) or issubclass(given, Enum)):
        return TypeAdapter(given).json_schema()
    if inspect.isfunction(given):
        # Importing it would cost 6 ms at start.
        from langchain_core.tools.base import create_schema_from_function  # noqa: PLC0415

        given = create_schema_from_function(
            given.__name__,
            given,
            filter_args=(),
            parse_docstring=True,
            error_on_invalid_docstring=False,
            include_injected=False,
        )
    elif not isinstance(given, type):
        has_schema = getattr(given, "args_schema", None)
        given = cast("BaseTool", given).tool_call_schema if has_schema else None
    for method in ("model_json_schema", "schema"):  # of pydantic's two versions
        if isinstance(given, type) and hasattr(given, method):
            given = getattr(given, method)()
    return given if isinstance(given, dict) else None


def _schema_by_core(given: object) -> JsonObject:
    if isinstance(given, type) and given.__module__.partition(".")[0] in sys.stdlib_module_names:
        # langchain-core would describe what its constructor takes: of `float`, an object.
        raise TypeError("it is a type of values")
    function = convert_to_openai_function(cast("type", given))
    described = {"title": function["name"], "description": function.get("description")}
    return {**described, **function.get("parameters", {})}


def _no_tool(tool: object, problem: str) -> InvalidInputError:
    return InvalidInputError(
        f"{tool!r:.200} is not a tool: {problem}. A tool is a BaseTool, a pydantic class, a "
        "TypedDict, a function with type hints, or a dict with 'name' and 'input_schema'."
    )

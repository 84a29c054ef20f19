"""Describes functions, classes and types by JSON schemas, as langchain-core or pydantic does."""

from __future__ import annotations

import inspect
from typing import Any, cast

from langchain_core.utils.function_calling import convert_to_openai_function
from pydantic import PydanticUserError, TypeAdapter
from typing_extensions import is_typeddict

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.schema import without_titles


def describe_tool(tool: object) -> JsonObject:
    """Let langchain-core describe a tool: ``{"name", "description", "parameters", "strict"}``."""
    if isinstance(tool, dict) and isinstance(tool.get("function"), dict):
        tool = tool["function"]
    elif isinstance(tool, dict) and tool.get("type") == "function":
        tool = {key: value for key, value in tool.items() if key != "type"}
    try:
        own = None if isinstance(tool, dict) else _own_schema(tool)
        if own is not None:
            return _described(tool, own)
        function = convert_to_openai_function(tool)  # type: ignore[arg-type]
    except (ValueError, TypeError, RecursionError) as error:
        if is_typeddict(tool):
            return _described(tool, schema_of_type(tool))
        raise InvalidInputError(
            f"{tool!r:.200} is not a tool: {error}. A tool is a BaseTool, a pydantic class, a "
            "TypedDict, a function with type hints, or a dict with 'name' and 'input_schema'."
        ) from error
    if "parameters" not in function and isinstance(tool, dict) and "title" in tool:
        # langchain-core keeps what a schema says only if it has properties.
        rest = {key: value for key, value in tool.items() if key not in ("title", "description")}
        return {**function, "parameters": rest}
    return function


def schema_of_type(given: object) -> JsonObject:
    """Return the schema of a type that langchain-core cannot describe.

    Such are unions, ``list[int]``, and a `TypedDict` with `NotRequired` or that holds itself.

    Raises:
        InvalidInputError: It is no type, or pydantic cannot describe it either.
    """
    try:
        if given is not None:
            adapter: TypeAdapter[Any] = TypeAdapter(cast("type", given))
            return adapter.json_schema()
        problem = "it is None."
    except (PydanticUserError, NameError, TypeError) as error:
        problem = f"{str(error).splitlines()[0].rstrip('.')}."
    raise InvalidInputError(
        f"{given!r:.200} has no JSON schema: {problem} Give a pydantic class, a TypedDict, a type "
        "or a dict that is a JSON schema."
    )


def _own_schema(tool: object) -> JsonObject | None:
    """Return the schema of a class or a `BaseTool` itself; None if it has none.

    langchain-core puts definitions in the place of the references to them, and what refers to
    itself becomes empty there.
    """
    if inspect.isfunction(tool):
        # Importing it would cost 6 ms at start.
        from langchain_core.tools.base import create_schema_from_function  # noqa: PLC0415

        schema: object = create_schema_from_function(
            tool.__name__,
            tool,
            filter_args=(),
            parse_docstring=True,
            error_on_invalid_docstring=False,
            include_injected=False,
        )
    elif isinstance(tool, type):
        schema = tool
    else:
        schema = tool.tool_call_schema if getattr(tool, "args_schema", None) else None  # type: ignore[attr-defined]
    return _described_schema(schema)


def _described(tool: object, schema: JsonObject) -> JsonObject:
    """Return a tool with a schema of its own: ``{"name", "description", "parameters"}``."""
    own = None if isinstance(tool, type) else tool
    name = getattr(own, "name", None) or getattr(own, "__name__", None) or schema.get("title")
    rest = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return {
        "name": name or getattr(tool, "__name__", None),
        "description": getattr(own, "description", None) or schema.get("description"),
        "parameters": without_titles(rest),
    }


def schema_of_class(given: object) -> JsonObject:
    """Return the JSON schema of a pydantic class or a `TypedDict`."""
    schema = _described_schema(given)
    if schema is not None:
        return schema
    function = describe_tool(given)
    return {"title": function["name"], **function.get("parameters", {})}


def _described_schema(given: object) -> JsonObject | None:
    """Return a schema itself, or that of a pydantic class of either version; else None."""
    for method in ("model_json_schema", "schema"):
        describe = getattr(given, method, None)
        if inspect.isclass(given) and callable(describe):
            given = describe()
            break
    return given if isinstance(given, dict) else None

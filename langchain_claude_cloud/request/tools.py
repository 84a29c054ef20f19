"""Converts LangChain's forms of tools, tool choices and response formats to the API's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.input_schema import read_input_schema
from langchain_claude_cloud.request.messages.blocks import cache_marker
from langchain_claude_cloud.request.messages.tool_calls import parse_object
from langchain_claude_cloud.request.schema import (
    modern_schema,
    refuse_maps,
    resolve_root,
    transform_schema,
)
from langchain_claude_cloud.request.schema_keywords import UnfitSchemaError
from langchain_claude_cloud.request.tool_descriptions import describe_tool, schema_of_class
from langchain_claude_cloud.request.tool_names import KeyNames

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

ToolLike: TypeAlias = "JsonObject | type | Callable[..., object] | BaseTool"
"""What LangChain calls a tool: a `BaseTool`, a pydantic class, a `TypedDict`, a function, or a
dict (Anthropic's, OpenAI's or Bedrock Converse's form of a tool, or a JSON schema with a title)."""

_EXTRAS: Final = (
    "allowed_callers",
    "cache_control",
    "defer_loading",
    "eager_input_streaming",
    "input_examples",
    "strict",
)
"""What a `BaseTool` may say in its ``extras`` about how it is offered to Claude."""

_SCHEMA_KEYS: Final = ("input_schema", "inputSchema")
_MCP_FIELDS: Final = ("name", "title", "description", "inputSchema")
"""Of a `Tool` of the mcp package that Claude is told."""

_SCHEMA_WRAPPERS: Final = ("json", "jsonSchema")
_SCHEMA_TYPES: Final = frozenset({"object", "function", "custom"})
_ROOT_UNIONS: Final = ("anyOf", "oneOf", "allOf")
_PLAIN_CHOICES: Final = {"auto": "auto", "any": "any", "required": "any", "none": "none"}


class ConvertedTool(dict[str, Any]):
    """The definition of a tool, with the names and keys that its caller knows.

    It is a plain dict to everybody else: LangChain and its middleware read and copy it. A copy
    is converted again, which changes nothing.

    Attributes:
        unfit: Why its schema cannot be sent, if it cannot.
        notes: What the schema lost on the way, one phrase each.
    """

    def __init__(
        self, definition: JsonObject, *, unfit: str | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        """Begin.

        Args:
            definition: The definition; copied.
            unfit: See the attribute.
            notes: See the attribute.
        """
        super().__init__(definition)
        self.unfit = unfit
        self.notes = notes

    @cached_property
    def key_names(self) -> KeyNames:
        """What its property keys are called in requests."""
        schema = self.get("input_schema")
        return KeyNames.of(schema if isinstance(schema, dict) else {})


def convert_tool(tool: ToolLike, *, strict: bool | None = None) -> ConvertedTool:
    """Convert a tool.

    Args:
        tool: The tool; not changed. One that was converted before is returned as it is.
        strict: Whether arguments are guaranteed to match the schema; None leaves that to
            the tool.

    Returns:
        The API's definition: ``{"name", "description", "input_schema", ...}``, or the dict
        itself (a copy) for Anthropic's own tools, known by their ``type``. A tool whose schema
        cannot be sent says so as ``unfit``: the others can be used without it.

    Raises:
        InvalidInputError: It is no tool, or has no name.
    """
    if isinstance(tool, ConvertedTool) and (strict is None or "strict" in tool):
        return tool
    # Only an instance of BaseTool has extras; importing the class would cost 6 ms at start.
    extras = {} if isinstance(tool, dict | type) else (getattr(tool, "extras", None) or {})
    native = extras.get("provider_tool_definition")
    if isinstance(native, dict):
        tool = native
    if isinstance(tool, dict) and _is_native(tool):
        return ConvertedTool(tool)
    if not isinstance(tool, dict | type) and isinstance(getattr(tool, "inputSchema", None), dict):
        tool = {key: getattr(tool, key, None) for key in _MCP_FIELDS}
    wire = _definition(tool)
    wire.update({key: extras[key] for key in _EXTRAS if key in extras})
    if strict is not None:
        wire.setdefault("strict", strict)
    if not isinstance(wire["name"], str) or not wire["name"]:
        raise InvalidInputError(f"{tool!r:.200} is no tool: its name must be a text.")
    return _with_schema(wire)


def convert_tools(
    tools: Iterable[ToolLike], *, strict: bool | None = None
) -> tuple[ConvertedTool, ...]:
    """Convert several tools; see `convert_tool`.

    Raises:
        InvalidInputError: They are no list, or one of them is no tool.
    """
    if isinstance(tools, str | dict) or not isinstance(tools, Iterable):
        raise InvalidInputError(f"tools must be a list of tools, not {tools!r:.80}.")
    converted: list[ConvertedTool] = []
    for tool in tools:
        marker = cache_marker(tool)
        if marker is None:
            converted.append(convert_tool(tool, strict=strict))
        elif converted:
            # Converse's cache points stand behind what they mark.
            last = converted[-1]
            marked = {**last, "cache_control": marker}
            converted[-1] = ConvertedTool(marked, unfit=last.unfit, notes=last.notes)
    return tuple(converted)


def convert_tool_choice(choice: object, tool_names: Iterable[str]) -> JsonObject | None:
    """Convert a choice of tools.

    Args:
        choice: ``auto``, ``any`` or ``required``, ``none``, True (the one tool there is, else
            ``any``), a tool's name, a dict of Anthropic's or OpenAI's form, or None.
        tool_names: The names of the tools that are offered.

    Returns:
        The API's ``tool_choice``, or None to leave it out.

    Raises:
        InvalidInputError: No tool has the name; the message lists those there are.
    """
    names = list(tool_names)
    if choice is None or choice is False:
        return None
    if choice is True:
        return _by_name(names[0], names) if len(names) == 1 else {"type": "any"}
    if isinstance(choice, str):
        kind = None if choice in names else _PLAIN_CHOICES.get(choice)
        return {"type": kind} if kind else _by_name(choice, names)
    if isinstance(choice, dict):
        return _choice_from_dict(choice, names)
    raise InvalidInputError(f"tool_choice must be a string, a dict or a bool, not {choice!r:.80}.")


def convert_response_format(response_format: object) -> JsonObject | None:
    """Convert a response format to the API's ``output_config.format``.

    Args:
        response_format: OpenAI's ``{"type": "json_schema", "json_schema": {"schema": ...}}``,
            Anthropic's ``{"type": "json_schema", "schema": ...}``, a JSON schema, a pydantic
            class or `TypedDict`; None or ``{"type": "text"}`` for free text.

    Returns:
        ``{"type": "json_schema", "schema": ...}`` with the schema as the API takes it, or None.

    Raises:
        InvalidInputError: There is no schema in it, or one with a map, which would be empty.
    """
    if response_format is None:
        return None
    if not isinstance(response_format, dict):
        return _format(schema_of_class(response_format))
    schema: object = response_format
    kind = response_format.get("type")
    if kind == "text":
        return None
    if kind == "json_schema":
        named = response_format.get("json_schema") or response_format
        schema = named.get("schema") if isinstance(named, dict) else None
        schema = schema_of_class(schema) if isinstance(schema, type) else schema
    if not isinstance(schema, dict) or kind == "json_object":
        raise InvalidInputError(
            f"response_format {kind!r} holds no JSON schema, and Claude has no JSON mode without "
            'one: pass {"type": "json_schema", "json_schema": {"name": ..., "schema": {...}}}, a '
            "pydantic class or a TypedDict."
        )
    return _format(schema)


def schema_tool(name: str, schema: JsonObject) -> JsonObject:
    """Return a tool whose arguments are the answer, as a schema describes it."""
    return {
        "name": name,
        # Some models refuse a forced choice, and are only asked.
        "description": f"Answer by calling this tool. {schema.get('description', '')}".strip(),
        "input_schema": schema,
    }


def _format(schema: JsonObject) -> JsonObject:
    schema = resolve_root(modern_schema(schema))
    if schema.get("type", "object") != "object" or (
        "properties" not in schema and any(key in schema for key in _ROOT_UNIONS)
    ):
        raise InvalidInputError(
            "response_format must be an object at its root, not a list, a union or a plain value. "
            "Put it into a property of an object, or use with_structured_output, which does that."
        )
    refuse_maps(schema, str(schema.get("title", "response_format")))
    return {"type": "json_schema", "schema": transform_schema(schema)}


def _is_native(tool: JsonObject) -> bool:
    """Whether a dict is a tool of Anthropic's, which goes as it is."""
    kind = tool.get("type")
    if not isinstance(kind, str) or kind in _SCHEMA_TYPES:
        return False
    return not any(key in tool for key in (*_SCHEMA_KEYS, "function", "toolSpec"))


def _definition(tool: object) -> JsonObject:
    """Return a tool with its schema as it was given, and without what other APIs say of it."""
    if isinstance(tool, dict):
        tool = _with_input_schema(tool)
        if "input_schema" in tool:
            if "name" not in tool:
                raise InvalidInputError(f"{tool!r:.200} is no tool: it has no name.")
            return tool
    function = describe_tool(tool)
    wire = {key: function.get(key) for key in ("description", "strict")}
    wire = {key: value for key, value in wire.items() if value not in (None, "")}
    beside = tool if isinstance(tool, dict) else {}
    wire |= {key: beside[key] for key in _EXTRAS if key in beside}
    return {"name": function["name"], **wire, "input_schema": function.get("parameters") or {}}


def _with_input_schema(tool: JsonObject) -> JsonObject:
    """Return a tool of MCP's or Converse's form in Anthropic's; any other a copy of itself."""
    spec = tool.get("toolSpec")
    if isinstance(spec, dict):
        tool = {**{key: tool[key] for key in _EXTRAS if key in tool}, **spec}
    key = next((key for key in _SCHEMA_KEYS if key in tool), None)
    if key is None:
        return dict(tool)
    schema = _unwrapped_schema(tool[key])
    if key == "input_schema":
        return {**tool, key: schema}
    kept = (*_EXTRAS, "name", "description", "type")
    wire = {name: tool[name] for name in kept if tool.get(name) is not None}
    if not wire.get("description") and tool.get("title"):
        wire["description"] = tool["title"]
    return {**wire, "input_schema": schema}


def _unwrapped_schema(schema: object) -> object:
    """Return what Converse's ``json``, or another client's ``jsonSchema``, holds."""
    while isinstance(schema, dict) and len(schema) == 1:
        (key,) = schema
        if key not in _SCHEMA_WRAPPERS or not isinstance(schema[key], dict | str):
            break
        schema = schema[key]
    if isinstance(schema, str):
        return parse_object(schema) or schema
    return schema


def _with_schema(wire: JsonObject) -> ConvertedTool:
    """Return a tool with its schema as the API takes it, and the rest of it in words."""
    try:
        read = read_input_schema(wire["input_schema"])
    except UnfitSchemaError as error:
        return ConvertedTool(wire, unfit=str(error))
    wire["input_schema"] = read.schema
    if wire.get("strict"):
        # Strict tools take what structured outputs take: no minimum, no pattern and so on.
        refuse_maps(read.schema, f"the strict tool {wire['name']}")
        wire["input_schema"] = transform_schema(read.schema)
    if read.rules:
        wire["description"] = f"{wire.get('description') or ''}\n\n{read.rules}".strip()
    return ConvertedTool(wire, notes=read.notes)


def _choice_from_dict(choice: JsonObject, names: list[str]) -> JsonObject:
    function = choice.get("function")
    name = function.get("name") if isinstance(function, dict) else choice.get("name")
    kind = choice.get("type")
    if kind is None and len(choice) == 1:
        # Converse's form: {"auto": {}}, {"any": {}} or {"tool": {"name": ...}}.
        ((key, held),) = choice.items()
        if key in _PLAIN_CHOICES:
            return {"type": _PLAIN_CHOICES[key]}
        if key == "tool" and isinstance(held, dict):
            return _by_name(str(held.get("name")), names)
    if kind == "function" or (kind is None and name):
        return _by_name(str(name), names)
    if kind == "tool":
        return {**choice, **_by_name(str(name), names)}
    return {**choice, "type": _PLAIN_CHOICES.get(str(kind), kind)}


def _by_name(name: str, names: list[str]) -> JsonObject:
    if name not in names:
        offered = ", ".join(sorted(names)) or "none are bound"
        raise InvalidInputError(
            f"tool_choice names the tool {name!r}, which is not among the tools: {offered}. "
            "Use one of those, 'auto', 'any' or 'none'."
        )
    return {"type": "tool", "name": name}

"""Prepares converted tools for one model on one cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.converted_tool import ConvertedTool
from langchain_claude_cloud.request.identifiers import (
    LONGEST_NAME,
    NAME,
    UNFIT_IN_NAME,
)
from langchain_claude_cloud.request.options import RequestOptions
from langchain_claude_cloud.request.property_keys import fitting_name
from langchain_claude_cloud.request.tool_names import NO_NAMES, ToolNames
from langchain_claude_cloud.request.tool_types import (
    check_anthropic_tools,
    is_custom,
    is_toolset,
    tool_betas,
)
from langchain_claude_cloud.request.tools import convert_tool

FINE_GRAINED_BETA: Final = "fine-grained-tool-streaming-2025-05-14"
_EAGER: Final = "eager_input_streaming"
_DEFERRED: Final = "defer_loading"


@dataclass(frozen=True, slots=True)
class PreparedTools:
    """Tools as a request sends them.

    Attributes:
        tools: The ``tools`` of the body.
        betas: The betas that they need.
        notices: What was left out or changed, one line each.
        names: What they are called in the request.
        left_out: Why tools are not in it, by their names.
    """

    tools: list[JsonObject]
    betas: list[str]
    notices: list[str]
    names: ToolNames = NO_NAMES
    left_out: Mapping[str, str] = field(default_factory=dict)

    def wire_choice(self, choice: JsonObject | None) -> JsonObject | None:
        """Return a choice of tools that names the tool as the request does.

        Raises:
            InvalidInputError: The tool is left out.
        """
        name = (choice or {}).get("name")
        if choice is None or not isinstance(name, str):
            return choice
        if name in self.left_out:
            raise InvalidInputError(
                f"tool_choice asks for the tool {name!r}, which cannot be sent: "
                f"{self.left_out[name]}."
            )
        return {**choice, "name": self.names.wire_name(name)}


def prepare_tools(options: RequestOptions, model: ResolvedModel) -> PreparedTools:
    """Return the tools as the model takes them on its cloud.

    Args:
        options: Holds the tools, and whether their arguments are to stream as written.
        model: Says how: by a field of each tool, by a beta of the request, or not.

    Raises:
        InvalidInputError: Two tools of one name, or a server tool the cloud does not run.
    """
    converted = [convert_tool(tool) for tool in options.tools]
    left_out = {str(tool.get("name")): tool.unfit for tool in converted if tool.unfit}
    fit = [tool for tool in converted if not tool.unfit]
    notices = [f"tool {name!r} left out: {reason}" for name, reason in left_out.items()]
    if not fit:
        unused = options.tool_choice and not left_out
        notices += ["tool_choice left out: there are no tools"] if unused else []
        return PreparedTools([], [], notices, left_out=left_out)
    _refuse_duplicates(fit)
    check_anthropic_tools(fit, model)
    notices += [f"tool {tool['name']!r}: {note}" for tool in fit for note in tool.notes]
    names = _names(fit)
    tools = [_named(tool, names) for tool in fit]
    if not model.capabilities.strict_tools and any("strict" in tool for tool in tools):
        if any(tool.get("strict") for tool in tools):
            notices.append(f"strict left out of tools: {model.info.name} does not take it here")
        tools = [_without(tool, "strict") for tool in tools]
    # What is the default anyway is refused by models that know it only by beta.
    tools = [_without(tool, _DEFERRED) if tool.get(_DEFERRED) is False else tool for tool in tools]
    betas = tool_betas(tools, model)
    tools = _streamed(tools, options, model, betas)
    return PreparedTools(tools, betas, notices, names, left_out)


def _names(tools: list[ConvertedTool]) -> ToolNames:
    """Find names for the tools and the property keys that the API refuses."""
    own = [tool["name"] for tool in tools if isinstance(tool.get("name"), str)]
    taken = {name for name in own if NAME.fullmatch(name)}
    wire = {
        name: fitting_name(name, UNFIT_IN_NAME, LONGEST_NAME, taken)
        for name in own
        if name not in taken
    }
    keys = {tool["name"]: tool.key_names for tool in tools if tool.key_names.wire}
    if not wire and not keys:
        return NO_NAMES
    return ToolNames(wire, {new: name for name, new in wire.items()}, keys)


def _named(tool: ConvertedTool, names: ToolNames) -> JsonObject:
    """Return a tool under the names that are sent."""
    name = str(tool.get("name"))
    if name not in names.wire and name not in names.keys:
        return tool
    wire: JsonObject = {**tool, "name": names.wire.get(name, name)}
    if name in names.keys:
        wire["input_schema"] = tool.wire_schema
        if isinstance(tool.get("input_examples"), list):
            examples = tool["input_examples"]
            wire["input_examples"] = [names.wire_input(name, example) for example in examples]
    return wire


def _streamed(
    tools: list[JsonObject], options: RequestOptions, model: ResolvedModel, betas: list[str]
) -> list[JsonObject]:
    """Return the tools with what lets their arguments stream as they are written.

    The field is sent without streaming too: thinking may be bound to the tools as well, and
    then an answer that was streamed could not be sent back by a request that is not.
    """
    eager = options.fine_grained_tool_streaming
    if model.capabilities.fine_grained_tools == "field":
        return [_eager(tool) if eager else tool for tool in tools]
    if model.capabilities.fine_grained_tools == "beta" and _wants_beta(tools, options):
        betas.append(FINE_GRAINED_BETA)
    return [_without(tool, _EAGER) for tool in tools]


def _wants_beta(tools: list[JsonObject], options: RequestOptions) -> bool:
    """Whether to turn fine-grained streaming on for the whole request.

    The API refuses the beta beside a toolset (400).
    """
    if not options.stream or any(is_toolset(tool) for tool in tools):
        return False
    return any(
        options.fine_grained_tool_streaming if tool.get(_EAGER) is None else tool[_EAGER]
        for tool in tools
        if is_custom(tool)
    )


def _eager(tool: JsonObject) -> JsonObject:
    """Let a custom tool that says nothing about it stream its arguments as written."""
    return {**tool, _EAGER: True} if is_custom(tool) and tool.get(_EAGER) is None else tool


def _without(tool: JsonObject, key: str) -> JsonObject:
    return {name: tool[name] for name in tool if name != key} if key in tool else tool


def _refuse_duplicates(tools: list[ConvertedTool]) -> None:
    names: set[str] = set()
    for tool in tools:
        name = tool.get("name")
        if isinstance(name, str) and name in names:
            raise InvalidInputError(
                f"two tools are called {name!r}; the API requires unique names. Rename one."
            )
        names.add(str(name))

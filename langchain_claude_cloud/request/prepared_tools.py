"""Prepares converted tools for one model on one cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.options import RequestOptions
from langchain_claude_cloud.request.tool_types import (
    check_server_tools,
    is_custom,
    is_toolset,
    tool_betas,
)

FINE_GRAINED_BETA: Final = "fine-grained-tool-streaming-2025-05-14"
_EAGER: Final = "eager_input_streaming"
_DEFERRED: Final = "defer_loading"


@dataclass(frozen=True, slots=True)
class PreparedTools:
    """Tools as a request sends them.

    Attributes:
        tools: The ``tools`` of the body.
        betas: The betas that they need.
        notices: What was left out, one line each.
    """

    tools: list[JsonObject]
    betas: list[str]
    notices: list[str]


def prepare_tools(options: RequestOptions, model: ResolvedModel) -> PreparedTools:
    """Return the tools as the model takes them on its cloud.

    Args:
        options: Holds the tools, and whether their arguments are to stream as written.
        model: Says how: by a field of each tool, by a beta of the request, or not.

    Raises:
        InvalidInputError: Two tools of one name, or a server tool the cloud does not run.
    """
    tools = list(options.tools)
    if not tools:
        choice = options.tool_choice
        return PreparedTools([], [], ["tool_choice left out: there are no tools"] if choice else [])
    _refuse_duplicates(tools)
    check_server_tools(tools, model)
    notices = []
    if not model.capabilities.strict_tools and any("strict" in tool for tool in tools):
        if any(tool.get("strict") for tool in tools):
            notices.append(f"strict left out of tools: {model.info.name} does not take it here")
        tools = [_without(tool, "strict") for tool in tools]
    # What is the default anyway is refused by models that know it only by beta.
    tools = [_without(tool, _DEFERRED) if tool.get(_DEFERRED) is False else tool for tool in tools]
    betas = tool_betas(tools, model)
    eager = options.stream and options.fine_grained_tool_streaming
    if model.capabilities.fine_grained_tools == "field":
        return PreparedTools([_eager(tool) if eager else tool for tool in tools], betas, notices)
    if model.capabilities.fine_grained_tools == "beta" and _wants_beta(tools, options):
        betas.append(FINE_GRAINED_BETA)
    return PreparedTools([_without(tool, _EAGER) for tool in tools], betas, notices)


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


def _refuse_duplicates(tools: list[JsonObject]) -> None:
    names: set[str] = set()
    for tool in tools:
        name = tool.get("name")
        if isinstance(name, str) and name in names:
            raise InvalidInputError(
                f"two tools are called {name!r}; the API wants names to be unique. Rename one."
            )
        names.add(str(name))

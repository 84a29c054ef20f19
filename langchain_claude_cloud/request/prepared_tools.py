"""Prepares converted tools for one model on one cloud.

Among them may be Anthropic's own. Server tools run on Anthropic's side and exist only where a
cloud offers them. Bash, text editor, memory and computer tools run on the caller's side and exist
on both clouds, some of them behind a beta.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import LABELS, Cloud, JsonObject
from langchain_claude_cloud.request.options import RequestOptions
from langchain_claude_cloud.request.tool_names import NO_NAMES, ToolNames, wire_names
from langchain_claude_cloud.request.tools import ConvertedTool, convert_tool

FINE_GRAINED_BETA: Final = "fine-grained-tool-streaming-2025-05-14"
_EAGER: Final = "eager_input_streaming"
_DEFERRED: Final = "defer_loading"

_SERVER_TOOLS: Final = (
    "web_search_",
    "web_fetch_",
    "code_execution_",
    "tool_search_tool_",
    "advisor_",
    "mcp_toolset",
)
"""What the types of tools that the API runs start with. A type that is not here passes."""

_COMPUTER_TOOLS: Final = ("computer_20241022", "computer_20250124", "computer_20251124")
_COMPUTER_TOOLSET: Final = "computer_toolset_20260801"

CONTEXT_MANAGEMENT_BETA: Final = "context-management-2025-06-27"
_TOOL_SEARCH: Final = "tool-search-tool-2025-10-19"
_TOOL_EXAMPLES: Final = "tool-examples-2025-10-29"

_BETAS: Final[Mapping[str, str]] = {
    "computer_20241022": "computer-use-2024-10-22",
    "bash_20241022": "computer-use-2024-10-22",
    "text_editor_20241022": "computer-use-2024-10-22",
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
    "memory_20250818": CONTEXT_MANAGEMENT_BETA,
}
"""Betas of tools that the caller runs; both clouds accept all of them (LiteLLM's beta table of
2026-10; langchain-anthropic sends the same). On the newest models the memory tool does without."""

_WEB_SEARCH: Final = "web-search-2025-03-05"
"""Google wants it where the first-party API does without: "Input tag 'web_search_20250305' found
using 'type' does not match any of the expected tags" (400, ax#457), and its page on web search
with Claude models. Tool search takes no beta there (vercel/ai#13496, verified live)."""


@dataclass(frozen=True, slots=True)
class PreparedTools:
    """Tools as a request sends them.

    Attributes:
        tools: The ``tools`` of the body.
        betas: The betas that they need.
        notices: What was left out or changed, one line each.
        names: What they are called in the request.
        choice: The ``tool_choice``, which names the tool as the request does.
    """

    tools: list[JsonObject]
    betas: list[str]
    notices: list[str]
    names: ToolNames = NO_NAMES
    choice: JsonObject | None = None


def prepare_tools(options: RequestOptions, model: ResolvedModel) -> PreparedTools:
    """Return the tools as the model takes them on its cloud.

    Args:
        options: Holds the tools and the choice of them, and whether arguments are to stream as
            written.
        model: Says how: by a field of each tool, by a beta of the request, or not.

    Raises:
        InvalidInputError: Two tools of one name, a server tool the cloud does not run, or a
            choice of a tool whose schema cannot be sent.
    """
    converted = [convert_tool(tool) for tool in options.tools]
    left_out = {str(tool.get("name")): tool.unfit for tool in converted if tool.unfit}
    fit = [tool for tool in converted if not tool.unfit]
    choice = options.tool_choice
    chosen = (choice or {}).get("name")
    if chosen in left_out:
        raise InvalidInputError(
            f"tool_choice asks for the tool {chosen!r}, which cannot be sent: {left_out[chosen]}."
        )
    notices = [f"tool {name!r} left out: {reason}" for name, reason in left_out.items()]
    if not fit:
        unused = choice and not left_out
        notices += ["tool_choice left out: there are no tools"] if unused else []
        return PreparedTools([], [], notices)
    _check_anthropic_tools(fit, model)
    notices += [f"tool {tool['name']!r}: {note}" for tool in fit for note in tool.notes]
    if not model.capabilities.strict_tools and any(tool.get("strict") for tool in fit):
        notices.append(f"strict left out of tools: {model.info.name} does not take it here")
    names = _names(fit)
    named = [_named(tool, names) for tool in fit] if names is not NO_NAMES else fit
    betas = _tool_betas(named, model)
    if model.capabilities.fine_grained_tools == "beta" and _wants_fine_grained(named, options):
        betas.append(FINE_GRAINED_BETA)
    tools = [_taken(tool, options, model) for tool in named]
    if choice and isinstance(chosen, str):
        choice = {**choice, "name": names.wire_name(chosen)}
    return PreparedTools(tools, betas, notices, names, choice)


def _names(tools: list[ConvertedTool]) -> ToolNames:
    """Find names for the tools and the property keys that the API refuses."""
    own = [tool["name"] for tool in tools if isinstance(tool.get("name"), str)]
    twice = next((name for name in own if own.count(name) > 1), None)
    if twice is not None:
        raise InvalidInputError(
            f"two tools are called {twice!r}; the API requires unique names. Rename one."
        )
    wire = wire_names(own)
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
        wire["input_schema"] = names.keys[name].wire_schema(tool["input_schema"])
        if isinstance(tool.get("input_examples"), list):
            examples = tool["input_examples"]
            wire["input_examples"] = [names.wire_input(name, example) for example in examples]
    return wire


def _wants_fine_grained(tools: Sequence[JsonObject], options: RequestOptions) -> bool:
    """Whether to turn fine-grained streaming on for the whole request.

    The API refuses the beta beside a set of Anthropic's own tools (400).
    """
    if not options.stream or any("_toolset_" in str(tool.get("type")) for tool in tools):
        return False
    return any(
        options.fine_grained_tool_streaming if tool.get(_EAGER) is None else tool[_EAGER]
        for tool in tools
        if _is_custom(tool)
    )


def _taken(tool: JsonObject, options: RequestOptions, model: ResolvedModel) -> JsonObject:
    """Return a tool with the fields that the model takes.

    The one for fine-grained streaming is sent without streaming too: thinking may be bound to
    the tools as well, and then an answer that was streamed could not be sent back by a request
    that is not.
    """
    refused = [] if model.capabilities.strict_tools else ["strict"]
    if tool.get(_DEFERRED) is False:
        # What is the default anyway is refused by models that know it only by beta.
        refused.append(_DEFERRED)
    if model.capabilities.fine_grained_tools != "field":
        refused.append(_EAGER)
    elif options.fine_grained_tool_streaming and _is_custom(tool) and tool.get(_EAGER) is None:
        tool = {**tool, _EAGER: True}
    return {key: tool[key] for key in tool if key not in refused}


def _check_anthropic_tools(tools: Iterable[JsonObject], model: ResolvedModel) -> None:
    """Refuse Anthropic's own tools that the model has not on its cloud.

    Raises:
        InvalidInputError: Names the tool, the cloud, and what it offers instead.
    """
    offered = model.capabilities.server_tools
    for tool in tools:
        kind = str(tool.get("type") or "")
        if kind in _COMPUTER_TOOLS and model.known and not model.capabilities.computer_tool:
            raise InvalidInputError(
                f"{model.info.name} does not take the tool {kind!r} on {LABELS[model.cloud]}: use "
                f"{{'type': {_COMPUTER_TOOLSET!r}}}, whose actions are tools of their own, or "
                "another model."
            )
        if not kind.startswith(_SERVER_TOOLS) or kind.startswith(tuple(offered)):
            continue
        names = ", ".join(f"{name}*" if name.endswith("_") else name for name in sorted(offered))
        raise InvalidInputError(
            f"the server tool {kind!r} is not offered on {LABELS[model.cloud]} for "
            f"{model.info.name}, which runs {names or 'no server tools'}. Use a tool of your own "
            f"for it, or another platform.\n{_table(model)}"
        )


def _table(model: ResolvedModel) -> str:
    """Return what each cloud runs for a model, a line a kind of server tool."""
    width = max(map(len, _SERVER_TOOLS))
    rows = [f"  {'server tool':{width + 1}} {'Vertex AI':11} Amazon Bedrock"]
    for kind in _SERVER_TOOLS:
        cells = [_version_offered(kind, model, cloud) for cloud in ("vertex", "bedrock")]
        rows.append(f"  {kind.rstrip('_'):{width + 1}} {cells[0]:11} {cells[1]}")
    return "\n".join(rows)


def _version_offered(kind: str, model: ResolvedModel, cloud: Cloud) -> str:
    """Return ``yes``, ``no``, or the one version of a kind of tools that a cloud runs."""
    offered = model.info.capabilities(cloud).server_tools
    found = sorted(name for name in offered if name.startswith(kind))
    if not found:
        return "no"
    return "yes" if found == [kind] else ", ".join(name.removeprefix(kind) for name in found)


def _tool_betas(tools: Iterable[JsonObject], model: ResolvedModel) -> list[str]:
    """Return the betas that tools need on the model's cloud."""
    betas: list[str] = []
    needs_beta = not model.capabilities.tool_search_without_beta
    for tool in tools:
        kind = str(tool.get("type") or "")
        if kind in _BETAS:
            betas.append(_BETAS[kind])
        if model.cloud == "vertex" and kind.startswith("web_search_"):
            betas.append(_WEB_SEARCH)
        if needs_beta and (tool.get("defer_loading") or kind.startswith("tool_search_tool_")):
            betas.append(_TOOL_SEARCH)
        if needs_beta and tool.get("input_examples"):
            betas.append(_TOOL_EXAMPLES)
    return betas


def _is_custom(tool: JsonObject) -> bool:
    """Whether a tool is the caller's own, with an input schema."""
    return tool.get("type") in (None, "custom") and "input_schema" in tool

"""What is known about Anthropic's own tools, by their type and cloud.

Server tools run on Anthropic's side and exist only where a cloud offers them. Bash, text
editor, memory and computer tools run on the caller's side and exist on both clouds, some of
them behind a beta.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import LABELS, Cloud, JsonObject

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


def check_anthropic_tools(tools: Iterable[JsonObject], model: ResolvedModel) -> None:
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


def tool_betas(tools: Iterable[JsonObject], model: ResolvedModel) -> list[str]:
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


def is_custom(tool: JsonObject) -> bool:
    """Whether a tool is the caller's own, with an input schema."""
    return tool.get("type") in (None, "custom") and "input_schema" in tool


def is_toolset(tool: JsonObject) -> bool:
    """Whether a tool is one of Anthropic's sets of tools that the caller runs."""
    return "_toolset_" in str(tool.get("type") or "")

"""Models for tests of the request stage: a real row of the catalogue, with what a test says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from langchain_claude_cloud.catalogue.resolution import ResolvedModel, resolve
from langchain_claude_cloud.errors.types import Cloud

_TAKES_ALL: dict[str, Any] = {
    "fine_grained_tools": "field",
    "context_1m": "standard",
    "sampling": True,
    "sampling_pair": False,
    "tool_search_without_beta": True,
    "highest_effort_without_thinking": None,
    "forced_tool_choice": True,
    "structured_output": True,
    "strict_tools": True,
    "automatic_caching": True,
    "compaction": True,
    "thinking_types": frozenset({"enabled", "adaptive", "disabled", "between_tools"}),
    "thinking_default": "off",
    "effort_levels": ("low", "medium", "high"),
    "effort_default": "high",
    "mid_conversation_system": True,
    "prefill": True,
    "image_input": True,
    "pdf_input": True,
    "server_tools": frozenset(
        {"web_search_", "web_fetch_", "code_execution_", "tool_search_tool_", "advisor_", "mcp_"}
    ),
}


def model_with(
    cloud: Cloud = "vertex", *, known: bool = True, **capabilities: Any
) -> ResolvedModel:
    """Return a model that takes everything, but for what the arguments say."""
    model = resolve("claude-sonnet-4-5", cloud, region="us-east-1")
    row = model.info
    takes = replace(row.capabilities(cloud), **{**_TAKES_ALL, **capabilities})
    info = replace(row, **{cloud: takes}, max_output_tokens=64_000)
    return replace(model, info=info, known=known)

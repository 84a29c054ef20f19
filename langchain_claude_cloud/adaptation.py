"""A refusal in, the same call without what the cloud does not take out.

The catalogue says what a model takes on a cloud, and the clouds change faster than it does.
So a 400 that names something which the package added by itself is answered by asking once
without it, and that is remembered for the process. What the user asked for is never dropped.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from langchain_claude_cloud._types import JsonObject
from langchain_claude_cloud.errors import ContextOverflowError, InvalidRequestError
from langchain_claude_cloud.models import ResolvedModel
from langchain_claude_cloud.request.body import RequestOptions

logger = logging.getLogger("langchain_claude_cloud")

STRUCTURED_OUTPUT_TOOL: Final = "structured_output"
"""The name of the tool that stands in for ``output_config.format``, if its schema has none."""

_FINE_GRAINED: Final = ("eager_input_streaming", "fine-grained-tool-streaming")
_OUTPUT_FORMAT: Final = ("output_config", "output_format", "structured output")

_refused: dict[tuple[str, str], frozenset[str]] = {}


def settle_options(options: RequestOptions, model: ResolvedModel) -> RequestOptions:
    """Return the options as this model takes them on this cloud, as far as that is known."""
    refused = _refused.get((model.cloud, model.model_id), frozenset())
    if "fine_grained" in refused:
        options = replace(options, fine_grained_tool_streaming=False)
    if options.output_format is not None:
        native = model.capabilities.structured_output and "output_format" not in refused
        options = options if native else _format_as_tool(options, options.output_format)
    return options


def adapt(
    error: InvalidRequestError, options: RequestOptions, model: ResolvedModel
) -> RequestOptions | None:
    """Return options with which the call may succeed after all, or None.

    Args:
        error: The refusal.
        options: What was asked for, before `settle_options`.
        model: Who refused.
    """
    if isinstance(error, ContextOverflowError):
        wider = options.context_1m is None and model.capabilities.context_1m == "beta"
        return replace(options, context_1m=True) if wider else None
    feature = _named_feature(error, options)
    place = (model.cloud, model.model_id)
    if feature is None or feature in _refused.get(place, frozenset()):
        return None
    _refused[place] = _refused.get(place, frozenset()) | {feature}
    logger.warning(
        "%s refuses %s for %s; it is left out from now on in this process.",
        model.cloud,
        feature,
        model.model_id,
    )
    return options


def _named_feature(error: InvalidRequestError, options: RequestOptions) -> str | None:
    """Return which of the package's own additions a refusal names."""
    text = (error.body or str(error)).lower()
    added = options.stream and options.tools and options.fine_grained_tool_streaming
    if added and any(name in text for name in _FINE_GRAINED):
        return "fine_grained"
    if options.output_format is not None and any(name in text for name in _OUTPUT_FORMAT):
        return "output_format"
    return None


def _format_as_tool(options: RequestOptions, output_format: JsonObject) -> RequestOptions:
    """Ask for the schema by a tool that must be called, where the format is refused."""
    schema = output_format["schema"]
    tool = {
        "name": STRUCTURED_OUTPUT_TOOL,
        # Some models refuse a forced choice, and are only asked.
        "description": f"Answer by calling this tool. {schema.get('description', '')}".strip(),
        "input_schema": schema,
    }
    forced = {"type": "any"} if options.tools else {"type": "tool", "name": tool["name"]}
    return replace(
        options,
        output_format=None,
        tools=(*options.tools, tool),
        tool_choice=options.tool_choice or forced,
    )

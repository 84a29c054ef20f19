"""A refusal in, the same call without what the cloud does not take out.

The catalogue says what a model takes on a cloud, and the clouds change faster than it does.
So a 400 that names something which the package added by itself is answered by asking once
without it, and that is remembered for the process. What the user asked for is never dropped:
not a beta or a field that the user set, and not the feature that an own beta was added for.

What the package adds by itself: ``eager_input_streaming`` or the beta for it; a beta that a
tool, a message or a setting needs; ``output_config.format``, which a tool can stand in for, and
the forced choice of that tool; automatic caching, which a breakpoint can stand in for; and
``max_tokens``, where the user gave none.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import ContextOverflowError, InvalidRequestError
from langchain_claude_cloud.errors.types import STRUCTURED_OUTPUT_TOOL, JsonObject
from langchain_claude_cloud.request.body import RequestOptions, own_betas
from langchain_claude_cloud.request.prepared_tools import FINE_GRAINED_BETA

logger = logging.getLogger("langchain_claude_cloud")

_CONTEXT_1M: Final = "context-1m-2025-08-07"
_FINE_GRAINED: Final = ("eager_input_streaming", "fine-grained-tool-streaming")
_OUTPUT_FORMAT: Final = ("output_config", "output_format", "structured output")
_AUTOMATIC_CACHING: Final = re.compile(r"(?<![\w.])cache_control\W+extra inputs")
_FORCED_CHOICE: Final = re.compile(r"tool_choice.*not supported")
_UNNAMED_BETAS: Final = "invalid beta flag"
"""Bedrock does not say which (claude-code#49648)."""

_NAMED_BETAS: Final = re.compile(r"unexpected value\(s\) (.+) for the `anthropic-beta` header")
"""Vertex AI does (claude-code#34802)."""

_LIMITS: Final = (
    re.compile(r"max_tokens: \d+ > (\d+)"),
    re.compile(r"maximum tokens you requested exceeds the model limit of (\d+)"),
)
_LIMIT: Final = "max_tokens:"

_refused: dict[tuple[str, str], frozenset[str]] = {}


def settle_options(options: RequestOptions, model: ResolvedModel) -> RequestOptions:
    """Return the options as this model takes them on this cloud, as far as that is known."""
    refused = _refused.get((model.cloud, model.model_id), frozenset())
    options = replace(options, refused=refused)
    if "fine_grained" in refused:
        options = replace(options, fine_grained_tool_streaming=False)
    if options.max_tokens is None:
        limits = [int(name.removeprefix(_LIMIT)) for name in refused if name.startswith(_LIMIT)]
        options = replace(options, max_tokens=min(limits, default=None))
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
    place = (model.cloud, model.model_id)
    known = _refused.get(place, frozenset())
    text = (error.body or str(error)).lower().replace('\\"', '"')
    sent = settle_options(options, model)
    news = frozenset[str]().union(*(read(text, sent, options, model) for read in _READERS)) - known
    if not news:
        if _UNNAMED_BETAS in text:
            # Those of the package had been left out: it was not them.
            _refused[place] = known - own_betas(replace(sent, refused=frozenset()), model)
        return None
    _refused[place] = known | news
    logger.warning(
        "%s refuses %s for %s; it is left out from now on in this process.",
        model.cloud,
        ", ".join(sorted(news)),
        model.model_id,
    )
    return options


def _read_fine_grained(
    text: str, sent: RequestOptions, _: RequestOptions, model: ResolvedModel
) -> set[str]:
    added = sent.tools and sent.fine_grained_tool_streaming
    takes = model.capabilities.fine_grained_tools != "none"
    named = added and takes and any(name in text for name in _FINE_GRAINED)
    return {"fine_grained"} if named else set()


def _read_output_format(
    text: str, sent: RequestOptions, _: RequestOptions, __: ResolvedModel
) -> set[str]:
    named = sent.output_format is not None and any(name in text for name in _OUTPUT_FORMAT)
    return {"output_format"} if named else set()


def _read_forced_choice(
    text: str, sent: RequestOptions, asked: RequestOptions, _: ResolvedModel
) -> set[str]:
    """Read a refusal of the choice that `_format_as_tool` forces."""
    added = asked.tool_choice is None and sent.tool_choice is not None
    return {"forced_choice"} if added and _FORCED_CHOICE.search(text) else set()


def _read_caching(
    text: str, sent: RequestOptions, _: RequestOptions, model: ResolvedModel
) -> set[str]:
    added = sent.cache_control and model.capabilities.automatic_caching
    return {"automatic_caching"} if added and _AUTOMATIC_CACHING.search(text) else set()


def _read_limit(
    text: str, sent: RequestOptions, asked: RequestOptions, _: ResolvedModel
) -> set[str]:
    if asked.max_tokens is not None or "max_tokens" in sent.model_kwargs:
        return set()
    found = [match for pattern in _LIMITS if (match := pattern.search(text))]
    return {f"{_LIMIT}{match[1]}" for match in found}


def _read_betas(
    text: str, sent: RequestOptions, asked: RequestOptions, model: ResolvedModel
) -> set[str]:
    """Read which betas are refused: those named, or all of the package's own.

    ``context_1m=True`` of the user's is not the package's own.
    """
    kept = {*sent.betas, *_listed(sent.model_kwargs.get("anthropic_beta"))}
    if asked.context_1m:
        kept.add(_CONTEXT_1M)
    own = own_betas(sent, model) - kept
    named = _NAMED_BETAS.search(text)
    if named:
        return set(own & set(re.findall(r"[^`,\s]+", named[1])))
    if _UNNAMED_BETAS not in text:
        return set()
    # The one that no feature depends on goes first.
    return set(own & {FINE_GRAINED_BETA} or own)


_READERS: Final[
    tuple[Callable[[str, RequestOptions, RequestOptions, ResolvedModel], set[str]], ...]
] = (
    _read_fine_grained,
    _read_output_format,
    _read_forced_choice,
    _read_caching,
    _read_limit,
    _read_betas,
)
"""Each takes the refusal, what was sent, what was asked for and of whom; and tells what of the
package's own additions the refusal names."""


def _listed(betas: object) -> list[str]:
    if isinstance(betas, str):
        return [beta.strip() for beta in betas.split(",")]
    return [str(beta) for beta in betas] if isinstance(betas, list | tuple) else []


def _format_as_tool(options: RequestOptions, output_format: JsonObject) -> RequestOptions:
    """Ask for the schema by a tool that must be called, where the format is refused."""
    schema = output_format["schema"]
    tool = {
        "name": STRUCTURED_OUTPUT_TOOL,
        # Some models refuse a forced choice, and are only asked.
        "description": f"Answer by calling this tool. {schema.get('description', '')}".strip(),
        "input_schema": schema,
    }
    forced: JsonObject | None
    forced = {"type": "any"} if options.tools else {"type": "tool", "name": tool["name"]}
    if "forced_choice" in options.refused:
        forced = None
    return replace(
        options,
        output_format=None,
        tools=(*options.tools, tool),
        tool_choice=options.tool_choice or forced,
    )

"""The features that the package adds to requests, and how clouds refuse them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.request.body import RequestOptions, own_betas
from langchain_claude_cloud.request.tools import FINE_GRAINED_BETA

LIMIT: Final = "max_tokens above "
"""What the names of features begin with that are limits of answers."""

_CONTEXT_1M: Final = "context-1m-2025-08-07"
_NAMED_BETAS: Final = re.compile(r"unexpected value\(s\) (.+?) for the `anthropic-beta` header")
"""Vertex AI names the betas that it does not know (claude-code#34802)."""

_UNNAMED_BETAS: Final = re.compile(r"invalid beta flag")
"""Bedrock does not say which (claude-code#49648)."""

_LIMITS: Final = (
    re.compile(r"max_tokens: (?P<asked>\d+) > (?P<limit>\d+)"),
    re.compile(r"the maximum tokens you requested exceeds the model limit of (?P<limit>\d+)"),
)
_NOT_SUPPORTED: Final = (
    r"(?:extra inputs are not permitted|[^\n]{0,120}?\bnot (?:yet |currently )?supported\b"
    r"|[^\n]{0,80}?\bdoes not support\b)"
)


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent, and to whom.

    Attributes:
        asked: What the call asks for.
        options: What was sent of it.
        model: The model on its cloud.
        is_structured: Whether the package binds a tool for a schema.
    """

    asked: RequestOptions
    options: RequestOptions
    model: ResolvedModel
    is_structured: bool

    @property
    def default_max_tokens(self) -> int | None:
        """The ``max_tokens`` that the package chose; None where the user did."""
        if self.asked.max_tokens is not None or "max_tokens" in self.asked.model_kwargs:
            return None
        return self.options.max_tokens or self.model.info.max_output_tokens


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that the package adds, and how a cloud says that it does not take it.

    Attributes:
        feature: What it is called in the memory and in the log.
        words: The start of what the cloud says, in lower case.
        is_own: Whether the package added it.
    """

    feature: str
    words: re.Pattern[str]
    is_own: Callable[[Sent], bool]


def _field(path: str, key: str) -> re.Pattern[str]:
    """Return how the API, and Bedrock's own validation, refuse a field."""
    return re.compile(
        rf"(?:{path}): {_NOT_SUPPORTED}"
        rf"|malformed input request: #[^:]*: extraneous key \[(?:{key})\] is not permitted"
    )


RULES: Final = (
    Rule(
        "eager_input_streaming",
        _field(r"tools\.\d+\.(?:\w+\.)?eager_input_streaming", "eager_input_streaming"),
        lambda sent: bool(
            sent.options.tools
            and sent.options.fine_grained_tool_streaming
            and sent.model.capabilities.fine_grained_tools != "none"
        ),
    ),
    Rule(
        "output_config.format",
        re.compile(
            _field(
                r"output_config(?:\.format)?(?:\.type)?|output_format", "output_(?:config|format)"
            ).pattern
            + r"|structured outputs? (?:is|are) not (?:yet )?supported"
            r"|(?s:.*)constraints/vertexai\.allowedpartnermodelfeatures\b(?s:.*)structured_outputs"
        ),
        lambda sent: sent.options.output_format is not None,
    ),
    Rule(
        "tool_choice",
        re.compile(r"tool_choice\b[^\n]*\bnot supported"),
        lambda sent: sent.asked.tool_choice is None and sent.options.tool_choice is not None,
    ),
    Rule(
        "automatic_caching",
        re.compile(r"cache_control\W+extra inputs"),
        lambda sent: bool(sent.options.cache_control) and sent.model.capabilities.automatic_caching,
    ),
    Rule(
        "disable_parallel_tool_use",
        _field(r"tool_choice(?:\.\w+)*\.disable_parallel_tool_use", "disable_parallel_tool_use"),
        lambda sent: sent.is_structured and sent.options.parallel_tool_calls is False,
    ),
    Rule(
        "block_binding",
        _field(r"thinking(?:\.\w+)*\.block_binding(?:\.\w+)*", "block_binding"),
        lambda sent: sent.options.bound_thinking == "drop_block",
    ),
)
"""What the package adds by itself, but for betas and limits. The words are matched at the start
of what the cloud says: a message that only quotes them concerns something else."""


def unsupported_features(text: str, sent: Sent) -> set[str]:
    """Return what the package had added by itself, and a refusal says is not supported.

    Args:
        text: What the cloud said, in lower case.
        sent: What was refused.
    """
    found = {rule.feature for rule in RULES if rule.words.match(text) and rule.is_own(sent)}
    return found | _limit(text, sent) | _betas(text, sent)


def _limit(text: str, sent: Sent) -> set[str]:
    """Return the limit of answers that a refusal names, where the package chose what was sent."""
    chosen = sent.default_max_tokens
    for pattern in _LIMITS:
        found = pattern.match(text)
        if found and chosen and found.groupdict().get("asked", str(chosen)) == str(chosen):
            return {f"{LIMIT}{found['limit']}"}
    return set()


def _betas(text: str, sent: Sent) -> set[str]:
    """Return which betas are refused: those named, or all of the package's own."""
    named = _NAMED_BETAS.match(text)
    if not named and not _UNNAMED_BETAS.match(text):
        return set()
    users = {_CONTEXT_1M} if sent.asked.context_1m else set()
    own = own_betas(sent.options, sent.model) - users
    if named:
        return set(own & set(re.findall(r"[^`,\s]+", named[1])))
    # The one that no feature depends on goes first.
    return set(own & {FINE_GRAINED_BETA} or own)

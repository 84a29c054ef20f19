"""Names that stand for the newest model of a family, or for one that the environment names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from langchain_claude_cloud.catalogue.models import served_by_family
from langchain_claude_cloud.config.checks import from_environment

_HAIKU: Final = "ANTHROPIC_DEFAULT_HAIKU_MODEL"
_ALIASES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "opus": ("opus", ("ANTHROPIC_DEFAULT_OPUS_MODEL",)),
    "sonnet": ("sonnet", ("ANTHROPIC_DEFAULT_SONNET_MODEL",)),
    "haiku": ("haiku", (_HAIKU,)),
    "small": ("haiku", ("ANTHROPIC_SMALL_FAST_MODEL", _HAIKU)),
}
"""Each alias: its family, and the environment variables that name another model (Claude Code's)."""


def expand_alias(model: str) -> str:
    """Return the model that an alias stands for; any other name as it is.

    Args:
        model: ``opus``, ``sonnet``, ``haiku``, ``small``, or the name, id or ARN of a model.
    """
    alias = _ALIASES.get(model)
    if alias is None:
        return model
    family, variables = alias
    given = from_environment("ChatClaudeCloud", "model", variables)
    if given is not None and given not in _ALIASES:
        return given
    return next(
        row.name
        for row in served_by_family()[family]
        if row.is_served("vertex") and row.is_served("bedrock")
    )

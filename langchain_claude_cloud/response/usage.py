"""Reads the API's reports of usage: as LangChain has them, added up, and as a quota counts them."""

from __future__ import annotations

from typing import Final

from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

from langchain_claude_cloud.errors.types import JsonObject

_TTL_COUNTS: Final = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
_ADDED: Final = frozenset({int, float, list})


def usage_metadata(usage: JsonObject) -> UsageMetadata | None:
    """Return LangChain's view of a message's usage, or None where there is none.

    ``input_tokens`` is the whole prompt: what was read from and written to the cache
    included. Cache writes are told apart by time to live where the API does. Then
    ``cache_creation`` is what is left of the total: 0, as in langchain-anthropic, unless
    `message_delta` raised the total without a new split.
    """
    if not usage:
        return None
    cache_read = _count(usage, "cache_read_input_tokens")
    created = usage.get("cache_creation") or {}
    by_ttl = {key: _count(created, key) for key in _TTL_COUNTS}
    split = sum(by_ttl.values())
    written = _count(usage, "cache_creation_input_tokens") or split
    split = split if split <= written else 0  # that of a larger total says nothing any more
    details = {"cache_read": cache_read, "cache_creation": written - split}
    input_tokens = _count(usage, "input_tokens") + cache_read + written
    output_tokens = _count(usage, "output_tokens")
    result = UsageMetadata(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=input_tokens + output_tokens,
        input_token_details=InputTokenDetails(**details, **(by_ttl if split else {})),  # type: ignore[typeddict-item]  # the keys by ttl are langchain-anthropic's addition
    )
    reasoning = (usage.get("output_tokens_details") or {}).get("thinking_tokens")
    if reasoning is not None:
        result["output_token_details"] = OutputTokenDetails(reasoning=reasoning)
    return result


def quota_tokens(usage: JsonObject, output_weight: int) -> float:
    """Return how many tokens of a quota a message took.

    What is read from the cache takes none (AWS, How tokens are counted in Amazon Bedrock).

    Args:
        usage: The API's own report.
        output_weight: How many tokens of the quota one of the answer takes.
    """
    prompt = _count(usage, "input_tokens") + _count(usage, "cache_creation_input_tokens")
    return prompt + output_weight * _count(usage, "output_tokens")


def _count(usage: JsonObject, key: str) -> int:
    value = usage.get(key)
    if value is not None and type(value) is not int:
        raise TypeError(f"{key} is {value!r}, which is no count")
    return value or 0


def add_usage(one: JsonObject, other: JsonObject) -> JsonObject:
    """Return the usage of two requests together: counts are added, also nested ones.

    Of anything else, such as the service tier, the second's holds.
    """
    total = one | other
    for key in one.keys() & other.keys():
        held, value = one[key], other[key]
        if isinstance(held, dict) and isinstance(value, dict):
            total[key] = add_usage(held, value)
        elif type(value) in _ADDED and type(held) is type(value):
            total[key] = held + value
    return total

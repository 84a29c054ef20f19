"""Builds LangChain's message and its metadata from an accumulated answer.

All ways of calling a model share this code: the content in both output versions, the response
metadata, and the translation to standard content blocks.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

from langchain_claude_cloud.catalogue.resolution import catalogue_name
from langchain_claude_cloud.errors import Place
from langchain_claude_cloud.errors.types import Cloud, JsonObject
from langchain_claude_cloud.response.accumulator import (
    GUARDRAIL_ACTION,
    INTERVENED,
    MessageAccumulator,
)
from langchain_claude_cloud.response.blocks import Content, ParsedToolCall, split_calls
from langchain_claude_cloud.response.translator import PROVIDER

OutputVersion: TypeAlias = Literal["v0", "v1"]
HAS_FINISH_FIELDS: Final = (
    importlib.util.find_spec("langchain_core.language_models._finish_reason") is not None
)
"""Whether langchain-core reads finish reasons from the metadata, as 1.8.4 does."""

# The three values that langchain-core 1.8.4 itself names (`language_models/_finish_reason.py`).
_NORMALIZED_FINISH_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_call",
    "refusal": "refusal",
}

_TTL_COUNTS: Final = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
_NOT_METADATA: Final = frozenset({"id", "type", "role", "model", "content", "usage"})


@dataclass(frozen=True, slots=True)
class ResponseSource:
    """Where a response came from, for its response metadata.

    Attributes:
        platform: The cloud.
        region: The region that was asked.
        model: The model id that was asked for on that cloud.
        request_id: The cloud's id of the request, if it sent one.
        inference_profile: Bedrock's inference profile prefix, if one was used.
        failed_attempts: The attempts before this one, if any of them went elsewhere.
        attempts: How many requests it took.
        service_tier: The tier that Bedrock says it served the request in.
        latency: The latency that Bedrock says it served the request with.
    """

    platform: Cloud
    region: str
    model: str
    request_id: str | None = None
    inference_profile: str | None = None
    failed_attempts: tuple[JsonObject, ...] = ()
    attempts: int = 1
    service_tier: str | None = None
    latency: str | None = None

    @property
    def place(self) -> Place:
        """Where the response came from, as errors name it."""
        return {"platform": self.platform, "model": self.model, "region": self.region}


def start_metadata(state: MessageAccumulator[Any], source: ResponseSource) -> JsonObject:
    """Return the response metadata that is known when a message starts."""
    answered = state.fields.get("model") or source.model
    known = {
        "model_provider": PROVIDER,
        # Price tables and traces know a model by this name, whatever its id, profile or ARN.
        "model_name": catalogue_name(answered) or catalogue_name(source.model) or answered,
        "model_id": source.model,
        "id": state.fields.get("id"),
        "platform": source.platform,
        "region": source.region,
        "inference_profile": source.inference_profile,
        "request_id": source.request_id,
        "service_tier": source.service_tier,
        "latency": source.latency,
        "attempts": source.attempts,
        "failed_attempts": list(source.failed_attempts) or None,
    }
    return {key: value for key, value in known.items() if value is not None}


def end_metadata(state: MessageAccumulator[Any]) -> JsonObject:
    """Return the response metadata that is known when a message ends."""
    stop_reason = state.fields.get("stop_reason")
    known = {"stop_reason": stop_reason, "stop_sequence": state.fields.get("stop_sequence")}
    if state.fields.get(GUARDRAIL_ACTION) == INTERVENED:
        # As Converse calls it; InvokeModel leaves Claude's own reason, or none.
        known["stop_reason"] = "guardrail_intervened"
        if stop_reason is not None:
            known["model_stop_reason"] = stop_reason
    if HAS_FINISH_FIELDS:
        known |= finish_fields(stop_reason)
    for key, value in state.fields.items():
        if key not in _NOT_METADATA and value is not None:
            known.setdefault(key, value)
    return {**known, "usage": state.usage} if state.usage else known


def finish_fields(stop_reason: str | None) -> JsonObject:
    """Return a stop reason under the names that langchain-core reads from 1.8.4 on.

    Args:
        stop_reason: Claude's own reason.

    Returns:
        ``finish_reason`` as it is, and ``normalized_finish_reason`` where core names a value for
        it; nothing without a reason.
    """
    if stop_reason is None:
        return {}
    fields = {"finish_reason": stop_reason}
    if stop_reason in _NORMALIZED_FINISH_REASONS:
        fields["normalized_finish_reason"] = _NORMALIZED_FINISH_REASONS[stop_reason]
    return fields


def build_message(
    state: MessageAccumulator[Any],
    source: ResponseSource,
    *,
    version: OutputVersion,
    with_usage: bool = True,
) -> AIMessage:
    """Return LangChain's message for what has been accumulated.

    Args:
        state: A whole message, or an unfinished one: its open calls are invalid then.
        source: Where it came from.
        version: The form of the content.
        with_usage: Whether the message carries `usage_metadata`.
    """
    state.finalize()
    # The order of the keys is that in which a stream's chunks bring them.
    metadata = start_metadata(state, source)
    if version == "v1":
        metadata["output_version"] = version
        standard = [standard_block(block.wire(), block.parsed_call) for block in state.blocks]
        content: Content = [*standard, *closing_blocks(state)]
    else:
        content = _provider_content([block.wire() for block in state.blocks])
    calls, broken = split_calls([block.parsed_call for block in state.blocks if block.parsed_call])
    return AIMessage(
        content=content,
        tool_calls=calls,
        invalid_tool_calls=broken,
        usage_metadata=usage_metadata(state.usage) if with_usage else None,
        response_metadata={**metadata, **end_metadata(state)},
    )


def _provider_content(blocks: list[JsonObject]) -> Content:
    """Return content in the API's own form: a string while the answer is text alone."""
    if not blocks:
        return ""
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return str(blocks[0]["text"])
    return [*blocks]


def closing_blocks(state: MessageAccumulator[Any]) -> list[JsonObject]:
    """Return the standard blocks that no event brings, only the end of the message.

    An answer without content has an empty text. One that the model refused ends with
    LangChain's refusal block, which core's translator makes from the stop reason.
    """
    empty: list[JsonObject] = [] if state.blocks else [{"type": "text", "text": ""}]
    ending = {"model_provider": PROVIDER, **end_metadata(state)}
    refusal = AIMessage(content=[], response_metadata=ending).content_blocks
    return [*empty, *cast("list[JsonObject]", refusal)]


def standard_block(wire: JsonObject, parsed_call: ParsedToolCall | None = None) -> JsonObject:
    """Translate one block of the API into LangChain's standard form.

    core's own translator does the work, so that this is what ``content_blocks`` of a message
    with the block says, too.
    """
    calls, _ = split_calls([parsed_call] if parsed_call else [])
    message = AIMessage(
        content=[wire], tool_calls=calls, response_metadata={"model_provider": PROVIDER}
    )
    (block,) = message.content_blocks
    return cast("JsonObject", block)


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

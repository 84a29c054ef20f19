"""Makes LangChain's message and its metadata from what has arrived.

Everything that all paths must agree on is here: the form of the content in both output
versions, the response metadata, the translation to standard content blocks.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast

from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall

from langchain_claude_cloud.catalogue.names import catalogue_name
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.accumulator import MessageAccumulator
from langchain_claude_cloud.response.blocks import Block, ParsedToolCall
from langchain_claude_cloud.response.translator import PROVIDER
from langchain_claude_cloud.response.usage import usage_metadata

OutputVersion: TypeAlias = Literal["v0", "v1"]
Content: TypeAlias = str | list[str | dict[Any, Any]]
"""The type of ``AIMessage.content``."""

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

    platform: str
    region: str
    model: str
    request_id: str | None = None
    inference_profile: str | None = None
    failed_attempts: tuple[JsonObject, ...] = ()
    attempts: int = 1
    service_tier: str | None = None
    latency: str | None = None


def start_metadata(state: MessageAccumulator, source: ResponseSource) -> JsonObject:
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


def end_metadata(state: MessageAccumulator) -> JsonObject:
    """Return the response metadata that is known when a message ends."""
    message = state.fields
    stop_reason = message.get("stop_reason")
    # As Converse calls it; InvokeModel leaves Claude's own reason, or none.
    known = {
        "stop_reason": "guardrail_intervened" if state.guardrail_intervened else stop_reason,
        "stop_sequence": message.get("stop_sequence"),
    }
    if state.guardrail_intervened and stop_reason is not None:
        known["model_stop_reason"] = stop_reason
    more = {
        key: value
        for key, value in message.items()
        if key not in _NOT_METADATA and key not in known and value is not None
    }
    usage = {"usage": state.usage} if state.usage else {}
    finish = finish_fields(stop_reason) if HAS_FINISH_FIELDS else {}
    return {**known, **finish, **more, **usage}


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
    normalized = _NORMALIZED_FINISH_REASONS.get(stop_reason)
    fields = {"finish_reason": stop_reason, "normalized_finish_reason": normalized}
    return {key: value for key, value in fields.items() if value is not None}


def build_message(
    state: MessageAccumulator,
    source: ResponseSource,
    *,
    version: OutputVersion,
    with_usage: bool = True,
) -> AIMessage:
    """Return the whole message of a message.

    Args:
        state: A whole message, or an unfinished one: its open calls are invalid then.
        source: Where it came from.
        version: The form of the content.
        with_usage: Whether the message carries `usage_metadata`.
    """
    state.finalize()
    is_standard = version == "v1"
    # The order of the keys is that in which a stream's chunks bring them.
    metadata = {
        **start_metadata(state, source),
        **({"output_version": version} if is_standard else {}),
        **end_metadata(state),
    }
    content = standard_content(state) if is_standard else provider_content(state.blocks)
    parsed_calls = [block.parsed_call for block in state.blocks if block.parsed_call is not None]
    calls, broken = split_calls(parsed_calls)
    return AIMessage(
        content=content,
        tool_calls=calls,
        invalid_tool_calls=broken,
        usage_metadata=usage_metadata(state.usage) if with_usage else None,
        response_metadata=metadata,
    )


def split_calls(
    parsed_calls: Sequence[ParsedToolCall],
) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Sort calls into the valid and the invalid ones."""
    calls = [call for call in parsed_calls if call["type"] == "tool_call"]
    broken = [call for call in parsed_calls if call["type"] == "invalid_tool_call"]
    return calls, broken


def provider_content(blocks: Sequence[Block]) -> Content:
    """Return content in the API's own form: a string while the answer is text alone."""
    wire = [block.wire() for block in blocks]
    if not wire:
        return ""
    if len(wire) == 1 and wire[0].keys() == {"type", "text"}:
        return str(wire[0]["text"])
    return list(wire)


def standard_content(state: MessageAccumulator) -> Content:
    """Return content as LangChain's standard content blocks."""
    blocks = [standard_block(block.wire(), block.parsed_call) for block in state.blocks]
    return [*blocks, *closing_blocks(state)]


def closing_blocks(state: MessageAccumulator) -> list[JsonObject]:
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

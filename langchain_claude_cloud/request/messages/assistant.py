"""Converts an `AIMessage`, of Claude or of another model, to content of an assistant turn.

The content may have Anthropic's own form, LangChain's standard form (then this is the reverse of
`langchain_core.messages.block_translators.anthropic`), or that of another API. Thinking and
server tools of other models mean nothing to Claude and are left out.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import partial
from typing import Final

from langchain_core.messages import AIMessage

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import (
    MEDIA,
    Converter,
    content_of,
    convert_annotations,
    convert_block,
    convert_blocks,
    convert_text,
    nothing,
    without_leftovers,
)
from langchain_claude_cloud.request.messages.tool_calls import MessageCalls, parse_object
from langchain_claude_cloud.request.messages.tool_results import describe
from langchain_claude_cloud.request.messages.turns import Turn
from langchain_claude_cloud.request.tool_names import NO_NAMES, ToolNames

_BEDROCK_PROVIDERS: Final = frozenset({"bedrock", "bedrock_converse", "amazon_bedrock"})
_PAUSES: Final = frozenset({"pause_turn", "compaction"})
"""Stop reasons after which the next answer continues the same turn."""

_OTHER_TEXTS: Final = {"text": "text", "output_text": "text", "refusal": "refusal"}
"""Blocks of another model's message that are what it said, and where."""

_SERVER_NAMES: Final = {"code_interpreter": "code_execution"}


def convert_assistant(message: AIMessage, names: ToolNames = NO_NAMES, position: int = 0) -> Turn:
    """Convert an answer, of Claude or of another model.

    Args:
        message: A message or chunk.
        names: What the tools are called in the request.
        position: The index of the message.

    Returns:
        A turn, possibly without blocks: blank text, unsigned thinking and another model's
        private blocks are left out.

    Raises:
        InvalidInputError: A call without an id, or a block that cannot be sent.
    """
    metadata, content = message.response_metadata, content_of(message)
    calls = MessageCalls.read(message, names)
    convert = _claude_block if is_claude(metadata) else _foreign_block
    blocks = convert_blocks(content, partial(convert, calls=calls)) + calls.remaining()
    return Turn(
        "assistant",
        position,
        blocks,
        plain=isinstance(content, str),
        unanswered=calls.unanswered,
        paused=metadata.get("stop_reason") in _PAUSES,
    )


def is_claude(metadata: Mapping[str, object]) -> bool:
    """Whether a message's response metadata say that Claude wrote it, or nothing at all."""
    provider = metadata.get("model_provider")
    if provider is None or str(provider).startswith("anthropic"):
        return True
    model = next(
        (metadata[key] for key in ("model_name", "model", "model_id") if key in metadata), ""
    )
    if model:
        return "claude" in str(model) or "anthropic" in str(model)
    return provider in _BEDROCK_PROVIDERS


def _claude_block(block: JsonObject, calls: MessageCalls) -> JsonObject | None:
    kind = str(block.get("type") or "")
    if kind in _CALLS:
        return calls.convert(block)
    if kind in _CONVERTERS:
        return _CONVERTERS[kind](block)
    if kind.endswith("_tool_result"):
        return _without_nulls(block)
    # Tools of OpenAI's own, such as web_search_call, mean nothing here.
    return None if kind.endswith("_call") else convert_block(block)


def _foreign_block(block: JsonObject, calls: MessageCalls) -> JsonObject | None:
    kind = block.get("type")
    if kind in _CALLS:
        return calls.convert(block)
    if kind in _OTHER_TEXTS:
        return convert_text({"type": "text", "text": block.get(_OTHER_TEXTS[kind]) or ""})
    return _described(block) if kind in MEDIA else None


def _described(block: JsonObject) -> JsonObject | None:
    """Say what a model answered, which the API takes from users only.

    "`image` blocks can only be in `user` messages" (400).
    """
    text = block.get("text")
    if not isinstance(text, str):
        text = f"[{describe(block)} is not shown here]"
    marker = block.get("cache_control")
    return convert_text({"type": "text", "text": text, "cache_control": marker})


def _without_nulls(block: JsonObject) -> JsonObject:
    """Return a block of a server tool without nulls: no field of theirs may be one.

    Other integrations dump them from models that know fields of every kind of block.
    """
    return {key: value for key, value in without_leftovers(block).items() if value is not None}


def _text(block: JsonObject) -> JsonObject | None:
    wire = convert_text(block)
    citations = convert_annotations(block.get("annotations"))
    return {**wire, "citations": citations} if wire is not None and citations else wire


def _thinking(block: JsonObject) -> JsonObject | None:
    """Convert thinking in native or standard form; the API takes none without its signature.

    Redacted thinking comes as bytes from boto3. Recorded ones are the text of the Messages API's
    ``data`` already. Bytes that are no such text are encoded.
    """
    held = {**(block.get("extras") or {}), **block}
    data, signature = held.get("redacted_content") or held.get("data"), held.get("signature")
    if isinstance(data, bytes):
        is_text = re.fullmatch(rb"[A-Za-z0-9+/]{8,}={0,2}", data)
        data = data.decode("ascii") if is_text else base64.b64encode(data).decode("ascii")
    if data:
        return {"type": "redacted_thinking", "data": data}
    thinking = held.get("thinking") or held.get("reasoning") or ""
    return {"type": "thinking", "thinking": thinking, "signature": signature} if signature else None


def _server_use(block: JsonObject) -> JsonObject:
    wire = _without_nulls(block)
    if not wire.get("input"):
        wire["input"] = parse_object(str(block.get("partial_json") or "")) or {}
    return wire


def _server_call(block: JsonObject) -> JsonObject | None:
    """Translate a standard server tool call back into ``server_tool_use`` or ``mcp_tool_use``."""
    name, call_id, arguments = block.get("name"), block.get("id"), block.get("args")
    if isinstance(arguments, str):
        arguments = parse_object(arguments or "{}")
    if not name or not call_id or arguments is None:
        return None
    extras = dict(block.get("extras") or {})
    kind = "mcp_tool_use" if name == "remote_mcp" else "server_tool_use"
    name = extras.pop("tool_name", name) if name == "remote_mcp" else _SERVER_NAMES.get(name, name)
    wire = {"type": kind, "id": call_id, "name": name, "input": arguments}
    return without_leftovers({**wire, "cache_control": block.get("cache_control"), **extras})


def _server_result(block: JsonObject) -> JsonObject | None:
    """Translate a standard server tool result back into the block that its extras name."""
    call_id, extras = block.get("tool_call_id"), dict(block.get("extras") or {})
    kind = extras.pop("block_type", None)
    if not call_id or not str(kind).endswith("_tool_result"):
        return None
    wire = {"type": kind, "tool_use_id": call_id, "content": block.get("output", [])}
    if kind == "mcp_tool_result":
        wire["is_error"] = block.get("status") == "error"
    return without_leftovers({**wire, "cache_control": block.get("cache_control"), **extras})


_CALLS: Final = frozenset({"tool_use", "tool_call", "tool_call_chunk", "invalid_tool_call"})
_CONVERTERS: Final[Mapping[str, Converter]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _thinking,
    "reasoning": _thinking,
    "server_tool_use": _server_use,
    "mcp_tool_use": _server_use,
    "server_tool_call": _server_call,
    "server_tool_call_chunk": _server_call,
    "server_tool_result": _server_result,
    # Thinking in no known form, and a part of a stream.
    "reasoning_content": nothing,
    "input_json_delta": nothing,
    **dict.fromkeys(MEDIA, _described),
}

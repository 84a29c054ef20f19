"""Teaches langchain-core to read the content of messages with invalid tool calls.

A v0 message keeps an invalid call in its content as an `invalid_tool_call` block: as a
`tool_use` it would be taken for a valid one. core's Anthropic translator does not know such
blocks; importing this module teaches it. All other blocks are translated as before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages import content as types
from langchain_core.messages.block_translators import get_translator, register_translator

from langchain_claude_cloud.errors.types import JsonObject

PROVIDER: Final = "anthropic"
"""LangChain's block translator, cost tables and middleware key on this name."""


def _translated(
    message: AIMessage, translate: Callable[..., list[types.ContentBlock]]
) -> list[types.ContentBlock]:
    """Translate content; what core cannot read of it is passed on as it is."""
    try:
        return _unwrapped(translate(message))
    except (LookupError, TypeError, AttributeError, ValueError):
        raw = [block if isinstance(block, dict) else {"value": block} for block in message.content]
        return [types.NonStandardContentBlock(type="non_standard", value=block) for block in raw]


def _unwrapped(blocks: list[types.ContentBlock]) -> list[types.ContentBlock]:
    """Give invalid calls, which core's translator takes for unknown blocks, as what they are."""
    return [
        cast("types.ContentBlock", _unwrap(block)) if block["type"] == "non_standard" else block
        for block in blocks
    ]


def _unwrap(block: types.NonStandardContentBlock) -> JsonObject:
    value = block["value"]
    if "index" in block and "index" not in value:
        # core takes it out of the message's own block, which the next chunk merges by it.
        block["value"] = dict(value)
        value["index"] = block["index"]
        value = block["value"]
    if value.get("type") != "invalid_tool_call":
        return cast("JsonObject", block)
    index = {"index": block["index"]} if "index" in block else {}
    return {**value, **index}


def _register_translator() -> None:
    """Wrap core's translator so that it knows `invalid_tool_call` blocks.

    A v0 message keeps an invalid call in its content as such a block: as a `tool_use` it
    would be taken for a valid one. core's translator gives every other block as before.
    """
    core = get_translator(PROVIDER)
    if core is None:  # pragma: no branch - langchain-core registers it on import
        return
    whole, chunk = core["translate_content"], core["translate_content_chunk"]

    def translate_content(message: AIMessage) -> list[types.ContentBlock]:
        return _translated(message, whole)

    def translate_content_chunk(message: AIMessageChunk) -> list[types.ContentBlock]:
        return _translated(message, chunk)

    register_translator(PROVIDER, translate_content, translate_content_chunk)


_register_translator()

"""Teaches langchain-core to read the content of messages with invalid tool calls.

A v0 message keeps an invalid call in its content as an `invalid_tool_call` block: as a
`tool_use` it would be taken for a valid one. core's Anthropic translator does not know such
blocks; importing this module teaches it. All other blocks are translated as before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, cast

from langchain_core.messages import AIMessage
from langchain_core.messages import content as types
from langchain_core.messages.block_translators import get_translator, register_translator

from langchain_claude_cloud.errors.types import JsonObject

PROVIDER: Final = "anthropic"
"""LangChain's block translator, cost tables and middleware key on this name."""


_Translate: TypeAlias = Callable[..., list[types.ContentBlock]]


def _tolerant(translate: _Translate) -> _Translate:
    """Wrap a translator of core's: what it cannot read of content is passed on as it is."""

    def translated(message: AIMessage) -> list[types.ContentBlock]:
        try:
            return [_unwrap(block) for block in translate(message)]
        except (LookupError, TypeError, AttributeError, ValueError):
            raw = [item if isinstance(item, dict) else {"value": item} for item in message.content]
            return [types.NonStandardContentBlock(type="non_standard", value=item) for item in raw]

    return translated


def _unwrap(block: types.ContentBlock) -> types.ContentBlock:
    """Give an invalid call, which core's translator takes for an unknown block, as what it is."""
    if block["type"] != "non_standard" or block["value"].get("type") != "invalid_tool_call":
        return block
    index = {"index": block["index"]} if "index" in block else {}
    return cast("types.ContentBlock", {**block["value"], **index})


_core: Final = get_translator(PROVIDER)
if _core is not None:  # pragma: no branch - langchain-core registers it on import
    _whole, _chunk = _core["translate_content"], _core["translate_content_chunk"]
    register_translator(PROVIDER, _tolerant(_whole), _tolerant(_chunk))


def standard_block(wire: JsonObject) -> JsonObject:
    """Translate one block of the API into LangChain's standard form.

    core's own translator does the work, so that this is what ``content_blocks`` of a message
    with the block says, too.
    """
    (block,) = AIMessage([wire], response_metadata={"model_provider": PROVIDER}).content_blocks
    return cast("JsonObject", block)

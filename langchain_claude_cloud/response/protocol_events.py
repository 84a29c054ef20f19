"""Makes events of LangChain's content-block protocol from Claude's own.

Claude's events map one to one onto the protocol of ``stream_events(version="v3")``: a
block's finish comes when the block ends, so a tool can start while the model still writes
(core's bridge, which works from chunks, holds every finish back to the end).

Source: the types of ``langchain_protocol``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.blocks import Block
from langchain_claude_cloud.response.handlers import call_head
from langchain_claude_cloud.response.message import (
    ResponseSource,
    closing_blocks,
    end_metadata,
    standard_block,
    start_metadata,
)
from langchain_claude_cloud.response.message_state import EventHandler, MessageState
from langchain_claude_cloud.response.translator import PROVIDER
from langchain_claude_cloud.response.usage import usage_metadata

if TYPE_CHECKING:
    from langchain_protocol.protocol import MessagesData

Events: TypeAlias = "Sequence[MessagesData]"

_HEAVY: Final = frozenset({"args", "data", "output", "transcript", "value"})
"""Fields that a start leaves to the finish, so that they are not sent twice (core's list)."""


class ProtocolEventHandler(EventHandler["MessagesData"]):
    """Writes protocol events."""

    def __init__(
        self, source: ResponseSource, *, message_id: str = "", with_usage: bool = True
    ) -> None:
        self._source = source
        self._message_id = message_id
        self._with_usage = with_usage
        self._metadata: JsonObject = {}

    def message_start(self, state: MessageState) -> Events:
        """Write the start of the message."""
        self._metadata = start_metadata(state, self._source)
        return _events(
            event="message-start",
            role="ai",
            id=self._message_id,
            metadata={"provider": PROVIDER, "model": self._metadata["model_name"]},
        )

    def block_start(self, block: Block) -> Events:
        """Write the start of a block; one that comes whole starts when it is there."""
        if block.kind == "whole":
            return ()
        return _events(event="content-block-start", index=block.position, content=_start(block))

    def text_delta(self, block: Block, text: str) -> Events:
        """Write text or reasoning."""
        if block.kind == "text":
            return _delta(block, {"type": "text-delta", "text": text})
        return _delta(block, {"type": "reasoning-delta", "reasoning": text})

    def arguments_delta(self, block: Block, fragment: str) -> Events:
        """Write a fragment of a tool's arguments."""
        return _delta(block, {"type": "tool-call-delta", "args": fragment})

    def citation_delta(self, block: Block, citation: JsonObject) -> Events:
        """Write nothing: annotations come with the finish of their block."""
        del block, citation
        return ()

    def block_stop(self, block: Block) -> Events:
        """Write the finish of a block, unless its call waits for the stop reason."""
        if block.kind == "client_tool" and block.parsed_call is None:
            return ()
        standard = standard_block(block.wire(), block.parsed_call)
        finish = _events(event="content-block-finish", index=block.position, content=standard)
        return [*_late(block, standard, self), *finish]

    def message_stop(self, state: MessageState, finalized: Sequence[Block]) -> Events:
        """Write the finishes that waited, and the finish of the message."""
        finishes = [event for block in finalized for event in self.block_stop(block)]
        for index, block in enumerate(closing_blocks(state), len(state.blocks)):
            finishes += _events(event="content-block-start", index=index, content=block)
            finishes += _events(
                event="content-block-finish", index=index, content=_KeptBlock(block)
            )
        metadata = {**self._metadata, **end_metadata(state)}
        usage = usage_metadata(state.usage) if self._with_usage else None
        reported = {"usage": usage} if usage else {}
        return [*finishes, *_events(event="message-finish", **reported, metadata=metadata)]


class _KeptBlock(dict[str, object]):
    """A finished block of a type that core's `ChatModelStream` does not know.

    Up to langchain-core 1.8.3 it drops the finish of a refusal block, and a refused answer
    looks like a whole one. It asks for the type with `get`, and keeps a non-standard block as
    it is; the copy in its message is a plain dict with the real type.
    """

    def get(self, key: str, default: object = None) -> object:
        if key == "type" and self["type"] == "refusal":
            return "non_standard"
        return super().get(key, default)


def _late(block: Block, standard: JsonObject, handler: ProtocolEventHandler) -> Events:
    """Return what precedes a finish: the start of a whole block, arguments that came parsed."""
    if block.kind == "whole":
        light = {key: value for key, value in standard.items() if key not in _HEAVY}
        if standard["type"] == "non_standard":
            light["value"] = {}
        return _events(event="content-block-start", index=block.position, content=light)
    if block.kind == "client_tool" and not block.json and block.start.get("input"):
        return handler.arguments_delta(block, block.raw_arguments())
    return ()


def _start(block: Block) -> JsonObject:
    if block.kind == "text":
        return {"type": "text", "text": ""}
    if block.kind == "thinking":
        return {"type": "reasoning", "reasoning": ""}
    return {**call_head(block), "index": block.position}


def _delta(block: Block, delta: JsonObject) -> Events:
    return _events(event="content-block-delta", index=block.position, delta=delta)


def _events(**event: object) -> Events:
    return (cast("MessagesData", event),)

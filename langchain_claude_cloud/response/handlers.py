"""Makes message chunks from the events of a message, with one handler for each output version.

Both emit what LangChain merges by ``index``: v0 the API's own blocks, v1 LangChain's
standard blocks. Each key of the response metadata is on one chunk, because core adds up
what it merges; the usage is on the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from langchain_core.messages import ToolCallChunk
from langchain_core.messages.tool import tool_call_chunk

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.accumulator import EventHandler, MessageState
from langchain_claude_cloud.response.blocks import Block
from langchain_claude_cloud.response.chunks import ClaudeMessageChunk, event_chunk
from langchain_claude_cloud.response.message import (
    Content,
    ResponseSource,
    closing_blocks,
    end_metadata,
    standard_block,
    standard_citation,
    start_metadata,
)
from langchain_claude_cloud.response.translator import PROVIDER
from langchain_claude_cloud.response.usage import usage_metadata

if TYPE_CHECKING:
    from langchain_protocol.protocol import MessagesData

Chunks = Sequence[ClaudeMessageChunk]

_NOTHING: Final[Chunks] = ()


class ProviderChunkHandler(EventHandler[ClaudeMessageChunk]):
    """Writes v0 chunks: text as strings while it is alone, else the API's own blocks."""

    def __init__(self, source: ResponseSource, *, with_usage: bool = True) -> None:
        self._source = source
        self._with_usage = with_usage
        self._text_alone = True

    def message_start(self, state: MessageState) -> Chunks:
        """Write the first chunk: no content, what is known of the message."""
        return self._chunk("", response_metadata=start_metadata(state, self._source))

    def block_start(self, block: Block) -> Chunks:
        """Write the head of a tool's block; other blocks say nothing yet."""
        if block.kind != "text" or block.position > 0:
            self._text_alone = False
        if block.kind == "client_tool":
            content = [{**block.start, "input": {}, "index": block.position}]
            return self._chunk(content, tool_call_chunks=[_head(block)])
        if block.kind == "server_tool":
            return self._chunk([{**block.start, "input": {}, "index": block.position}])
        return _NOTHING

    def text_delta(self, block: Block, text: str) -> Chunks:
        """Write text or thinking."""
        if self._text_alone:
            return self._event(text)
        return self._event([{"type": block.kind, block.kind: text, "index": block.position}])

    def arguments_delta(self, block: Block, fragment: str) -> Chunks:
        """Write a fragment of a tool's arguments."""
        content = [{"type": "input_json_delta", "partial_json": fragment, "index": block.position}]
        return self._event(content, _fragments(block, fragment))

    def citation_delta(self, block: Block, citation: JsonObject) -> Chunks:
        """Write a citation of a text block."""
        self._text_alone = False
        return self._chunk(
            [{"type": "text", "text": "", "citations": [citation], "index": block.position}]
        )

    def block_stop(self, block: Block) -> Chunks:
        """Write what is known only at the end of a block."""
        if block.kind == "client_tool":
            return [*self._given_arguments(block), *self._verdict(block)]
        if block.kind == "server_tool":
            return self._given_arguments(block)
        if block.kind == "thinking" and (block.signature or not block.text):
            rest = {**block.wire(), "thinking": "", "index": block.position}
            return self._chunk([rest])
        if block.kind == "whole":
            return self._chunk([{**block.wire(), "index": block.position}])
        return _NOTHING

    def message_stop(self, state: MessageState, finalized: Sequence[Block]) -> Chunks:
        """Write the last chunk: usage, stop reason, and the calls decided only now."""
        unsaid = [
            chunk
            for block in finalized
            if not block.ended and block.kind != "client_tool"
            for chunk in self.block_stop(block)
        ]
        parsed_calls = {
            block.position: block.parsed_call for block in finalized if block.parsed_call
        }
        last = self._chunk(
            self._last_content(state),
            response_metadata={"model_provider": PROVIDER, **end_metadata(state)},
            usage_metadata=usage_metadata(state.usage) if self._with_usage else None,
            chunk_position="last",
            parsed_calls=parsed_calls,
        )
        return [*unsaid, *last]

    def _last_content(self, state: MessageState) -> Content:
        del state
        return "" if self._text_alone else []

    def _given_arguments(self, block: Block) -> Chunks:
        """Write arguments that came with the head of the block and not as fragments."""
        given = not block.json and block.start.get("input")
        return self.arguments_delta(block, block.raw_arguments()) if given else _NOTHING

    def _verdict(self, block: Block) -> Chunks:
        return (
            self._chunk([], parsed_calls={block.position: block.parsed_call})
            if block.parsed_call
            else ()
        )

    def _event(self, content: object, fragments: list[ToolCallChunk] | None = None) -> Chunks:
        return (event_chunk(content, {"model_provider": PROVIDER}, fragments or []),)

    def _chunk(self, content: object, **fields: Any) -> Chunks:  # noqa: ANN401 - fields of the chunk
        fields.setdefault("response_metadata", {"model_provider": PROVIDER})
        return (ClaudeMessageChunk(content=content, **fields),)


class StandardChunkHandler(ProviderChunkHandler):
    """Writes v1 chunks: LangChain's standard content blocks."""

    def message_start(self, state: MessageState) -> Chunks:
        """Write the first chunk: no content, what is known of the message."""
        return self._chunk([], response_metadata=start_metadata(state, self._source))

    def block_start(self, block: Block) -> Chunks:
        """Write the head of a tool's block; other blocks say nothing yet."""
        if block.kind not in ("client_tool", "server_tool"):
            return _NOTHING
        content = [{**call_head(block), "index": block.position}]
        heads = [_head(block)] if block.kind == "client_tool" else []
        return self._chunk(content, tool_call_chunks=heads)

    def text_delta(self, block: Block, text: str) -> Chunks:
        """Write text or reasoning."""
        kind = _STANDARD_TEXT[block.kind]
        return self._event([{"type": kind, kind: text, "index": block.position}])

    def arguments_delta(self, block: Block, fragment: str) -> Chunks:
        """Write a fragment of a tool's arguments."""
        content = [{"type": CALL_CHUNKS[block.kind], "args": fragment, "index": block.position}]
        return self._event(content, _fragments(block, fragment))

    def citation_delta(self, block: Block, citation: JsonObject) -> Chunks:
        """Write an annotation of a text block."""
        annotations = [standard_citation(citation)]
        return self._chunk(
            [{"type": "text", "text": "", "annotations": annotations, "index": block.position}]
        )

    def block_stop(self, block: Block) -> Chunks:
        """Write what is known only at the end of a block."""
        if block.kind == "thinking" and (block.signature or not block.text):
            rest = {**standard_block(block.wire()), "reasoning": "", "index": block.position}
            return self._chunk([rest])
        if block.kind == "whole":
            return self._chunk([{**standard_block(block.wire()), "index": block.position}])
        return super().block_stop(block)

    def _last_content(self, state: MessageState) -> Content:
        first = len(state.blocks)
        return [
            {**block, "index": index} for index, block in enumerate(closing_blocks(state), first)
        ]

    def _event(self, content: object, fragments: list[ToolCallChunk] | None = None) -> Chunks:
        metadata = {"model_provider": PROVIDER, "output_version": "v1"}
        return (event_chunk(content, metadata, fragments or []),)

    def _chunk(self, content: object, **fields: Any) -> Chunks:  # noqa: ANN401 - fields of the chunk
        metadata = fields.pop("response_metadata", {"model_provider": PROVIDER})
        return super()._chunk(
            content, response_metadata={**metadata, "output_version": "v1"}, **fields
        )


CALL_CHUNKS: Final = {"client_tool": "tool_call_chunk", "server_tool": "server_tool_call_chunk"}
_STANDARD_TEXT: Final = {"text": "text", "thinking": "reasoning"}


def call_head(block: Block) -> JsonObject:
    """Return a tool's block as LangChain's chunk of a call without arguments yet."""
    standard = standard_block({**block.start, "input": {}})
    extras = {"extras": standard["extras"]} if "extras" in standard else {}
    return {
        "type": CALL_CHUNKS[block.kind],
        "name": standard["name"],
        "args": "",
        "id": standard["id"],
        **extras,
    }


def _head(block: Block) -> ToolCallChunk:
    start = block.start
    return tool_call_chunk(name=start["name"], id=start["id"], index=block.position, args="")


def _fragments(block: Block, fragment: str) -> list[ToolCallChunk]:
    if block.kind != "client_tool":
        return []
    return [tool_call_chunk(name=None, id=None, index=block.position, args=fragment)]


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

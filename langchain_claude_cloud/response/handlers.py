"""Converts the events of a message to LangChain's chunks and protocol events.

Chunks have what LangChain merges by ``index``: in output version v0 the API's own blocks, in
v1 LangChain's standard blocks. Each key of the response metadata is on one chunk, because core
adds up what it merges; the usage is on the last.

Claude's events map one to one onto the protocol of ``stream_events(version="v3")``: a block's
finish comes when the block ends, so a tool can start while the model still writes (core's
bridge, which works from chunks, holds every finish back to the end). Source: the types of
``langchain_protocol``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from langchain_core.messages import ToolCallChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.accumulator import EventHandler, MessageAccumulator
from langchain_claude_cloud.response.blocks import Block, Content
from langchain_claude_cloud.response.chunks import ClaudeMessageChunk, event_chunk
from langchain_claude_cloud.response.message import (
    OutputVersion,
    ResponseSource,
    closing_blocks,
    end_metadata,
    standard_block,
    start_metadata,
    usage_metadata,
)
from langchain_claude_cloud.response.translator import PROVIDER

if TYPE_CHECKING:
    from langchain_protocol.protocol import MessagesData

_Chunks: TypeAlias = Sequence[ChatGenerationChunk]
_Events: TypeAlias = "Sequence[MessagesData]"

_CALL_CHUNKS: Final = {"client_tool": "tool_call_chunk", "server_tool": "server_tool_call_chunk"}
_STANDARD_TEXT: Final = {"text": "text", "thinking": "reasoning"}
_HEAVY: Final = frozenset({"args", "data", "output", "transcript", "value"})
"""Fields that a start leaves to the finish, so that they are not sent twice (core's list)."""


class ChunkHandler(EventHandler[ChatGenerationChunk]):
    """Writes chunks of either output version; those of v0 have strings while text is alone."""

    def __init__(
        self, source: ResponseSource, *, version: OutputVersion = "v0", with_usage: bool = True
    ) -> None:
        self._source = source
        self._with_usage = with_usage
        self._is_standard = version == "v1"
        self._text_alone = not self._is_standard
        self._metadata = {"model_provider": PROVIDER}
        if self._is_standard:
            self._metadata["output_version"] = version

    def message_start(self, state: MessageAccumulator[ChatGenerationChunk]) -> _Chunks:
        """Write the first chunk: no content, what is known of the message."""
        metadata = {**start_metadata(state, self._source), **self._metadata}
        return self._chunk("" if self._text_alone else [], response_metadata=metadata)

    def block_start(self, block: Block) -> _Chunks:
        """Write the head of a tool's block; other blocks say nothing yet."""
        if block.kind != "text" or block.position > 0:
            self._text_alone = False
        if block.kind not in _CALL_CHUNKS:
            return ()
        head = _call_head(block) if self._is_standard else {**block.start, "input": {}}
        fragments = []
        if block.kind == "client_tool":
            name, call_id = block.start["name"], block.start["id"]
            fragments = [tool_call_chunk(name=name, args="", id=call_id, index=block.position)]
        return self._chunk([{**head, "index": block.position}], tool_call_chunks=fragments)

    def text_delta(self, block: Block, text: str) -> _Chunks:
        """Write text or thinking."""
        if self._text_alone:
            return (event_chunk(text, self._metadata, text=text),)
        kind = _STANDARD_TEXT[block.kind] if self._is_standard else block.kind
        content: Content = [{"type": kind, kind: text, "index": block.position}]
        shown = text if block.kind == "text" else ""
        return (event_chunk(content, self._metadata, text=shown),)

    def arguments_delta(self, block: Block, fragment: str) -> _Chunks:
        """Write a fragment of a tool's arguments."""
        delta: JsonObject = {"type": "input_json_delta", "partial_json": fragment}
        if self._is_standard:
            delta = {"type": _CALL_CHUNKS[block.kind], "args": fragment}
        delta["index"] = block.position
        fragments: list[ToolCallChunk] = []
        if block.kind == "client_tool":
            fragments = [tool_call_chunk(args=fragment, index=block.position)]
        return (event_chunk([delta], self._metadata, fragments=fragments),)

    def citation_delta(self, block: Block, citation: JsonObject) -> _Chunks:
        """Write a citation of a text block, in v1 an annotation."""
        self._text_alone = False
        return self._block(block, {"type": "text", "text": "", "citations": [citation]})

    def block_stop(self, block: Block) -> _Chunks:
        """Write what is known only at the end of a block."""
        if block.kind == "client_tool" and block.parsed_call is not None:
            return self._chunk([], parsed_calls={block.position: block.parsed_call})
        if block.kind == "thinking" and (block.signature or not block.text):
            return self._block(block, {**block.wire(), "thinking": ""})
        if block.kind == "whole":
            return self._block(block, block.wire())
        return ()

    def message_stop(self, state: MessageAccumulator[ChatGenerationChunk]) -> _Chunks:
        """Write the last chunk: usage and stop reason."""
        content: Content = "" if self._text_alone else []
        if self._is_standard:
            closing = enumerate(closing_blocks(state), len(state.blocks))
            content = [{**block, "index": index} for index, block in closing]
        return self._chunk(
            content,
            response_metadata={**self._metadata, **end_metadata(state)},
            usage_metadata=usage_metadata(state.usage) if self._with_usage else None,
            chunk_position="last",
        )

    def _block(self, block: Block, wire: JsonObject) -> _Chunks:
        written = standard_block(wire) if self._is_standard else wire
        return self._chunk([{**written, "index": block.position}])

    def _chunk(self, content: Content, **fields: Any) -> _Chunks:  # noqa: ANN401 - fields of the chunk
        fields.setdefault("response_metadata", self._metadata.copy())
        return (ChatGenerationChunk(message=ClaudeMessageChunk(content=content, **fields)),)


def _call_head(block: Block) -> JsonObject:
    """Return a tool's block as LangChain's chunk of a call without arguments yet."""
    head = standard_block({**block.start, "input": {}})
    wanted = {"type": _CALL_CHUNKS[block.kind], "name": head["name"], "args": "", "id": head["id"]}
    return {**wanted, "extras": head["extras"]} if "extras" in head else wanted


class ProtocolEventHandler(EventHandler["MessagesData"]):
    """Writes protocol events. Annotations of citations come with the finish of their block."""

    def __init__(
        self, source: ResponseSource, *, message_id: str = "", with_usage: bool = True
    ) -> None:
        self._source = source
        self._message_id = message_id
        self._with_usage = with_usage
        self._metadata: JsonObject = {}

    def message_start(self, state: MessageAccumulator[MessagesData]) -> _Events:
        """Write the start of the message."""
        self._metadata = start_metadata(state, self._source)
        known = {"provider": PROVIDER, "model": self._metadata["model_name"]}
        return _event("message-start", role="ai", id=self._message_id, metadata=known)

    def block_start(self, block: Block) -> _Events:
        """Write the start of a block; one that comes whole starts when it is there."""
        if block.kind == "whole":
            return ()
        if block.kind in _CALL_CHUNKS:
            content = {**_call_head(block), "index": block.position}
        else:
            kind = _STANDARD_TEXT[block.kind]
            content = {"type": kind, kind: ""}
        return _event("content-block-start", index=block.position, content=content)

    def text_delta(self, block: Block, text: str) -> _Events:
        """Write text or reasoning."""
        kind = _STANDARD_TEXT[block.kind]
        delta = {"type": f"{kind}-delta", kind: text}
        return _event("content-block-delta", index=block.position, delta=delta)

    def arguments_delta(self, block: Block, fragment: str) -> _Events:
        """Write a fragment of a tool's arguments."""
        delta = {"type": "tool-call-delta", "args": fragment}
        return _event("content-block-delta", index=block.position, delta=delta)

    def block_stop(self, block: Block) -> _Events:
        """Write the finish of a block, unless its call waits for the stop reason."""
        if block.kind == "client_tool" and block.parsed_call is None:
            return ()
        standard = standard_block(block.wire(), block.parsed_call)
        finish = _event("content-block-finish", index=block.position, content=standard)
        if block.kind != "whole":
            return finish
        light = {key: value for key, value in standard.items() if key not in _HEAVY}
        if standard["type"] == "non_standard":
            light["value"] = {}
        return [*_event("content-block-start", index=block.position, content=light), *finish]

    def message_stop(self, state: MessageAccumulator[MessagesData]) -> _Events:
        """Write the blocks that only the end brings, and the finish of the message."""
        events: list[MessagesData] = []
        for index, block in enumerate(closing_blocks(state), len(state.blocks)):
            events += _event("content-block-start", index=index, content=block)
            events += _event("content-block-finish", index=index, content=_KeptBlock(block))
        metadata = {**self._metadata, **end_metadata(state)}
        usage = usage_metadata(state.usage) if self._with_usage else None
        reported = {"usage": usage} if usage else {}
        return [*events, *_event("message-finish", **reported, metadata=metadata)]


def _event(event: str, **fields: object) -> _Events:
    return (cast("MessagesData", {"event": event, **fields}),)


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

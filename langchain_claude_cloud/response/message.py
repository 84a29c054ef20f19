"""Makes LangChain's messages, chunks and protocol events of an accumulated answer.

All ways of calling a model share this code: the content in both output versions, the response
metadata, the usage.

Chunks have what LangChain merges by ``index``: in output version v0 the API's own blocks, in
v1 LangChain's standard blocks. Each key of the response metadata is on one chunk, because core
adds up what it merges; the usage is on the last.

Claude's events map one to one onto the protocol of ``stream_events(version="v3")``: a block's
finish comes when the block ends, so a tool can start while the model still writes (core's
bridge, which works from chunks, holds every finish back to the end). Source: the types of
``langchain_protocol``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from langchain_core.messages import AIMessage, ToolCallChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_claude_cloud.catalogue.resolution import catalogue_name
from langchain_claude_cloud.errors import Place
from langchain_claude_cloud.errors.types import Cloud, JsonObject
from langchain_claude_cloud.response import accumulator
from langchain_claude_cloud.response.blocks import Block, Content, split_calls
from langchain_claude_cloud.response.chunks import ClaudeMessageChunk, event_chunk
from langchain_claude_cloud.response.translator import PROVIDER, standard_block

if TYPE_CHECKING:
    from langchain_protocol.protocol import MessagesData

OutputVersion: TypeAlias = Literal["v0", "v1"]
HAS_FINISH_FIELDS: Final = bool(find_spec("langchain_core.language_models._finish_reason"))
"""Whether langchain-core reads finish reasons from the metadata, as 1.8.4 does."""

# The three values that langchain-core 1.8.4 itself names (`language_models/_finish_reason.py`).
_NORMALIZED_FINISH_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_call",
    "refusal": "refusal",
}

_PLAIN_TEXT: Final = frozenset({"type", "text"})
_NOT_METADATA: Final = frozenset({"id", "role", "model"})

_CALL_CHUNKS: Final = {"client_tool": "tool_call_chunk", "server_tool": "server_tool_call_chunk"}
_STANDARD_TEXT: Final = {"text": "text", "thinking": "reasoning"}
_HEAVY: Final = frozenset({"args", "data", "output", "transcript", "value"})
"""Fields that a start leaves to the finish, so that they are not sent twice (core's list)."""


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
    failed_attempts: list[JsonObject] | None = None
    attempts: int = 1
    service_tier: str | None = None
    latency: str | None = None

    @property
    def place(self) -> Place:
        """Where the response came from, as errors name it."""
        return {"platform": self.platform, "model": self.model, "region": self.region}


def start_metadata(fields: JsonObject, source: ResponseSource) -> JsonObject:
    """Return the response metadata that is known when a message starts."""
    answered = fields.get("model") or source.model
    known = {
        "model_provider": PROVIDER,
        # Price tables and traces know a model by this name, whatever its id, profile or ARN.
        "model_name": catalogue_name(answered) or catalogue_name(source.model) or answered,
        "id": fields.get("id"),
        **asdict(source),
    }
    known["model_id"] = known.pop("model")
    return {key: value for key, value in known.items() if value is not None}


def end_metadata(state: accumulator.MessageAccumulator[Any]) -> JsonObject:
    """Return the response metadata that is known when a message ends."""
    stop_reason = state.fields.get("stop_reason")
    told = {key: value for key, value in state.fields.items() if key not in _NOT_METADATA}
    known = {"stop_reason": None, "stop_sequence": None, **told}
    if state.fields.get(accumulator.GUARDRAIL_ACTION) == accumulator.INTERVENED:
        # As Converse calls it; InvokeModel leaves Claude's own reason, or none.
        known["stop_reason"] = "guardrail_intervened"
        if stop_reason is not None:
            known["model_stop_reason"] = stop_reason
    if HAS_FINISH_FIELDS:
        known |= finish_fields(stop_reason)
    return {**known, "usage": state.usage} if state.usage else known


def finish_fields(stop_reason: str | None) -> JsonObject:
    """Return a stop reason as langchain-core reads it from 1.8.4 on: normalized if it can be."""
    normalized = _NORMALIZED_FINISH_REASONS.get(stop_reason or "")
    fields = {"finish_reason": stop_reason, "normalized_finish_reason": normalized}
    return {name: reason for name, reason in fields.items() if reason is not None}


def build_message(
    state: accumulator.MessageAccumulator[Any],
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
    metadata = start_metadata(state.fields, source)
    blocks = [block.wire() for block in state.blocks]
    content: Content = [*blocks] or ""
    if version == "v1":
        metadata["output_version"] = version
        content = [*map(standard_block, blocks), *closing_blocks(state)]
    elif [block.kind for block in state.blocks] == ["text"] and blocks[0].keys() <= _PLAIN_TEXT:
        content = str(blocks[0]["text"])  # in the API's own form, text alone is a string
    calls, broken = split_calls([block.parsed_call for block in state.blocks if block.parsed_call])
    return AIMessage(
        content=content,
        tool_calls=calls,
        invalid_tool_calls=broken,
        usage_metadata=accumulator.usage_metadata(state.usage) if with_usage else None,
        response_metadata={**metadata, **end_metadata(state)},
    )


def closing_blocks(state: accumulator.MessageAccumulator[Any]) -> list[JsonObject]:
    """Return the standard blocks that no event brings, only the end of the message.

    An answer without content has an empty text. One that the model refused ends with
    LangChain's refusal block, which core's translator makes from the stop reason.
    """
    empty: list[JsonObject] = [] if state.blocks else [{"type": "text", "text": ""}]
    ending = {"model_provider": PROVIDER, **end_metadata(state)}
    refusal = AIMessage(content=[], response_metadata=ending).content_blocks
    return [*empty, *cast("list[JsonObject]", refusal)]


def quota_tokens(usage: JsonObject, output_weight: int) -> float:
    """Return how many tokens of a quota a message took.

    What is read from the cache takes none (AWS, How tokens are counted in Amazon Bedrock).

    Args:
        usage: The API's own report.
        output_weight: How many tokens of the quota one of the answer takes.
    """
    prompt: int = usage.get("input_tokens", 0) + usage.get("cache_creation_input_tokens", 0)
    answer: int = usage.get("output_tokens", 0)
    return prompt + output_weight * answer


class ChunkHandler(accumulator.EventHandler[ChatGenerationChunk]):
    """Writes chunks of either output version; those of v0 have strings while text is alone."""

    def __init__(
        self, source: ResponseSource, *, version: OutputVersion = "v0", with_usage: bool = True
    ) -> None:
        self._source = source
        self._with_usage = with_usage
        self._is_standard = version == "v1"
        self._text_alone = not self._is_standard
        marked = {"output_version": version} if self._is_standard else {}
        self._metadata = {"model_provider": PROVIDER, **marked}

    def message_start(self, state: accumulator.MessageAccumulator[ChatGenerationChunk]) -> None:
        """Write the first chunk: no content, what is known of the message."""
        metadata = {**start_metadata(state.fields, self._source), **self._metadata}
        self._chunk("" if self._text_alone else [], response_metadata=metadata)

    def block_start(self, block: Block) -> None:
        """Write the head of a tool's block; other blocks say nothing yet."""
        if block.kind != "text" or block.position > 0:
            self._text_alone = False
        if block.kind not in _CALL_CHUNKS:
            return
        head = _call_head(block) if self._is_standard else {**block.start, "input": {}}
        fragments = []
        if block.kind == "client_tool":
            name, call_id = block.start["name"], block.start["id"]
            fragments = [tool_call_chunk(name=name, args="", id=call_id, index=block.position)]
        self._chunk([{**head, "index": block.position}], tool_call_chunks=fragments)

    def text_delta(self, block: Block, text: str) -> None:
        """Write text or thinking."""
        if self._text_alone:
            self.outputs.append(event_chunk(text, self._metadata, text=text))
            return
        kind = _STANDARD_TEXT[block.kind] if self._is_standard else block.kind
        content: Content = [{"type": kind, kind: text, "index": block.position}]
        shown = text if block.kind == "text" else ""
        self.outputs.append(event_chunk(content, self._metadata, text=shown))

    def arguments_delta(self, block: Block, fragment: str) -> None:
        """Write a fragment of a tool's arguments."""
        delta: JsonObject = {"type": "input_json_delta", "partial_json": fragment}
        if self._is_standard:
            delta = {"type": _CALL_CHUNKS[block.kind], "args": fragment}
        delta["index"] = block.position
        fragments: list[ToolCallChunk] = []
        if block.kind == "client_tool":
            fragments = [tool_call_chunk(args=fragment, index=block.position)]
        self.outputs.append(event_chunk([delta], self._metadata, fragments=fragments))

    def block_stop(self, block: Block) -> None:
        """Write what is known only at the end of a block."""
        if block.kind == "client_tool" and block.parsed_call is not None:
            self._chunk([], parsed_calls={block.position: block.parsed_call})
        is_told_late = block.kind == "thinking" and (block.signature or not block.parts)
        if block.kind == "whole" or block.citations or is_told_late:
            self._text_alone = False
            news = block.wire()
            if block.kind != "whole":
                news[block.kind] = ""  # was written before
            written = standard_block(news) if self._is_standard else news
            self._chunk([{**written, "index": block.position}])

    def message_stop(self, state: accumulator.MessageAccumulator[ChatGenerationChunk]) -> None:
        """Write the last chunk: usage and stop reason."""
        content: Content = "" if self._text_alone else []
        if self._is_standard:
            closing = enumerate(closing_blocks(state), len(state.blocks))
            content = [{**block, "index": index} for index, block in closing]
        told = {**self._metadata, **end_metadata(state)}
        usage = accumulator.usage_metadata(state.usage) if self._with_usage else None
        self._chunk(content, response_metadata=told, usage_metadata=usage, chunk_position="last")

    def _chunk(self, content: Content, **fields: Any) -> None:  # noqa: ANN401 - fields of the chunk
        fields.setdefault("response_metadata", self._metadata.copy())
        message = ClaudeMessageChunk(content=content, **fields)
        self.outputs.append(ChatGenerationChunk(message=message))


def _call_head(block: Block) -> JsonObject:
    """Return a tool's block as LangChain's chunk of a call without arguments yet."""
    call = standard_block({**block.start, "input": {}})
    return {**call, "type": _CALL_CHUNKS[block.kind], "args": ""}


class ProtocolEventHandler(accumulator.EventHandler["MessagesData"]):
    """Writes protocol events. Annotations of citations come with the finish of their block."""

    def __init__(
        self, source: ResponseSource, *, message_id: str = "", with_usage: bool = True
    ) -> None:
        self._source = source
        self._message_id = message_id
        self._with_usage = with_usage
        self._metadata: JsonObject = {}

    def message_start(self, state: accumulator.MessageAccumulator[MessagesData]) -> None:
        """Write the start of the message."""
        self._metadata = start_metadata(state.fields, self._source)
        known = {"provider": PROVIDER, "model": self._metadata["model_name"]}
        self._event("message-start", role="ai", id=self._message_id, metadata=known)

    def block_start(self, block: Block) -> None:
        """Write the start of a block; one that comes whole starts when it is there."""
        if block.kind == "whole":
            return
        kind = _STANDARD_TEXT.get(block.kind)
        head = {"type": kind, kind: ""} if kind else {**_call_head(block), "index": block.position}
        self._event("content-block-start", index=block.position, content=head)

    def text_delta(self, block: Block, text: str) -> None:
        """Write text or reasoning."""
        kind = _STANDARD_TEXT[block.kind]
        delta = {"type": f"{kind}-delta", kind: text}
        self._event("content-block-delta", index=block.position, delta=delta)

    def arguments_delta(self, block: Block, fragment: str) -> None:
        """Write a fragment of a tool's arguments."""
        delta = {"type": "tool-call-delta", "args": fragment}
        self._event("content-block-delta", index=block.position, delta=delta)

    def block_stop(self, block: Block) -> None:
        """Write the finish of a block, unless its call waits for the stop reason."""
        if block.kind == "client_tool" and block.parsed_call is None:
            return
        standard = standard_block(block.wire())
        if block.kind == "whole":
            light = {key: value for key, value in standard.items() if key not in _HEAVY}
            if standard["type"] == "non_standard":
                light["value"] = {}
            self._event("content-block-start", index=block.position, content=light)
        self._event("content-block-finish", index=block.position, content=standard)

    def message_stop(self, state: accumulator.MessageAccumulator[MessagesData]) -> None:
        """Write the blocks that only the end brings, and the finish of the message."""
        for index, block in enumerate(closing_blocks(state), len(state.blocks)):
            self._event("content-block-start", index=index, content=block)
            self._event("content-block-finish", index=index, content=_KeptBlock(block))
        metadata = {**self._metadata, **end_metadata(state)}
        usage = accumulator.usage_metadata(state.usage) if self._with_usage else None
        self._event("message-finish", **({"usage": usage} if usage else {}), metadata=metadata)

    def _event(self, event: str, **fields: object) -> None:
        self.outputs.append(cast("MessagesData", {"event": event, **fields}))


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

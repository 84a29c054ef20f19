"""Turns reply blocks into a message: the events of a stream, or one JSON object.

Order and details are those of recorded streams: an empty first ``partial_json``, usage in
``message_start`` and in ``message_delta``, no end for a tool call that ``max_tokens`` cut.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from jiter import from_json

from langchain_claude_cloud.errors.types import Cloud, JsonObject
from langchain_claude_cloud.testing.blocks import Block
from langchain_claude_cloud.testing.reply.ids import Noise, make_id
from langchain_claude_cloud.testing.reply.signatures import sign_thinking
from langchain_claude_cloud.testing.reply.tokens import InputUsage, estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A whole answer before it is put on the wire.

    Attributes:
        cloud: Whose ids it gets.
        model: The model's name in the response.
        seed: What its ids follow from.
        blocks: The content.
        stop_reason: Why it ends.
        stop_sequence: The stop sequence that was met.
        stop_details: Why it was refused.
        input_usage: What the prompt counted.
        usage: Usage keys that replace the estimates.
        chunk: Characters a delta; None for uneven pieces.
        binding: What its thinking is bound to.
    """

    cloud: Cloud
    model: str
    seed: bytes
    blocks: tuple[Block, ...]
    stop_reason: str
    stop_sequence: str | None = None
    stop_details: JsonObject | None = None
    input_usage: InputUsage = field(default_factory=lambda: InputUsage(0))
    usage: JsonObject = field(default_factory=dict)
    chunk: int | None = None
    binding: bytes = b""

    @property
    def id(self) -> str:
        """The message's id."""
        return make_id("msg", self.cloud, self.seed)

    @property
    def thinking_tokens(self) -> int:
        """Output tokens spent on thinking; at least some when it is hidden."""
        return sum(estimate(b.text) or 32 for b in self.blocks if b.kind == "thinking")

    @property
    def output_tokens(self) -> int:
        """Estimated output tokens."""
        written = sum(estimate(b.text) + 4 for b in self.blocks if b.kind != "thinking")
        return max(1, written + self.thinking_tokens)

    def tool_id(self, index: int) -> str:
        """Return the id of the tool call at a place in the content."""
        block = self.blocks[index]
        return block.id or make_id("toolu", self.cloud, self.seed + f":{index}".encode())


def stop_reason_for(blocks: tuple[Block, ...]) -> str:
    """Return the stop reason that blocks have by themselves."""
    return "tool_use" if any(b.kind == "tool_use" for b in blocks) else "end_turn"


def _input_usage(message: Message) -> JsonObject:
    given = {k: v for k, v in message.usage.items() if not k.startswith("output_tokens")}
    return {**message.input_usage.as_json(), **given}


def _output_usage(message: Message) -> JsonObject:
    usage: JsonObject = {"output_tokens": message.output_tokens}
    if message.thinking_tokens:
        usage["output_tokens_details"] = {"thinking_tokens": message.thinking_tokens}
    given = {k: v for k, v in message.usage.items() if k.startswith("output_tokens")}
    return {**usage, **given}


def as_json(message: Message) -> JsonObject:
    """Return the message as a non-streaming response gives it."""
    content = [_whole(message, index) for index in range(len(message.blocks))]
    return {
        "model": message.model,
        "id": message.id,
        "type": "message",
        "role": "assistant",
        "content": content,
        **_stop(message),
        "usage": {**_input_usage(message), **_output_usage(message)},
    }


def _stop(message: Message) -> JsonObject:
    stop: JsonObject = {"stop_reason": message.stop_reason, "stop_sequence": message.stop_sequence}
    if message.stop_details is not None:
        stop["stop_details"] = message.stop_details
    return stop


def _whole(message: Message, index: int) -> JsonObject:
    block = message.blocks[index]
    if block.kind == "tool_use":
        return {**_opening(message, index), "input": _parsed(block.text)}
    if block.kind == "text":
        cited = {"citations": list(block.citations)} if block.citations else {}
        return {"type": "text", "text": block.text, **cited}
    if block.kind == "thinking":
        return {"type": "thinking", "thinking": block.text, "signature": _signature(message, block)}
    return _opening(message, index)


def _signature(message: Message, block: Block) -> str:
    if block.signature is not None:
        return block.signature
    return sign_thinking(block.text, message.binding)


def _parsed(raw: str) -> JsonObject:
    """What a non-streaming response holds: the input as far as it can be read."""
    try:
        value = from_json((raw or "{}").encode(), partial_mode=True)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _opening(message: Message, index: int) -> JsonObject:
    block = message.blocks[index]
    if block.kind == "text":
        return {"type": "text", "text": ""}
    if block.kind == "thinking":
        return {"type": "thinking", "thinking": "", "signature": ""}
    if block.kind == "redacted_thinking":
        return {"type": "redacted_thinking", "data": block.text}
    if block.kind == "tool_use":
        return {"type": "tool_use", "id": message.tool_id(index), "name": block.name, "input": {}}
    return block.payload


def stream(message: Message, *, whole_arguments: bool = False) -> Iterator[JsonObject]:
    """Yield the events of the message, without what only one of the clouds adds.

    Args:
        message: The message.
        whole_arguments: Whether a tool's arguments come in one piece, as they do where the
            request did not ask for fine-grained tool streaming.
    """
    noise = Noise(message.seed)
    yield _start(message)
    for index in range(len(message.blocks)):
        yield {
            "type": "content_block_start",
            "index": index,
            "content_block": _opening(message, index),
        }
        block = message.blocks[index]
        whole = whole_arguments and block.kind == "tool_use"
        chunk = max(1, len(block.text)) if whole else message.chunk
        for delta in _deltas(message, block, noise, chunk):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        if _is_ended(message, index):
            yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": _stop(message), "usage": _output_usage(message)}
    yield {"type": "message_stop"}


def _start(message: Message) -> JsonObject:
    first = min(5, message.output_tokens)
    return {
        "type": "message_start",
        "message": {
            "model": message.model,
            "id": message.id,
            "type": "message",
            "role": "assistant",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**_input_usage(message), "output_tokens": first},
        },
    }


def _deltas(
    message: Message, block: Block, noise: Noise, chunk: int | None
) -> Iterator[JsonObject]:
    if block.kind == "text":
        for piece in noise.piece(block.text, chunk):
            yield {"type": "text_delta", "text": piece}
        for citation in block.citations:
            yield {"type": "citations_delta", "citation": citation}
    elif block.kind == "thinking":
        for piece in noise.piece(block.text, chunk):
            yield {"type": "thinking_delta", "thinking": piece}
        yield {"type": "signature_delta", "signature": _signature(message, block)}
    elif block.kind == "tool_use":
        for piece in ["", *noise.piece(block.text, chunk)]:
            yield {"type": "input_json_delta", "partial_json": piece}


def _is_ended(message: Message, index: int) -> bool:
    block = message.blocks[index]
    if block.ended is not None:
        return block.ended
    last = index == len(message.blocks) - 1
    cut = message.stop_reason == "max_tokens" and last and block.kind == "tool_use"
    return not (cut and not _is_whole(block.text))


def _is_whole(raw: str) -> bool:
    try:
        return isinstance(json.loads(raw), dict)
    except ValueError:
        return False

"""Streams made up for tests: events of an answer, and what the package makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial, reduce
from operator import add
from typing import Any

from langchain_core.language_models.chat_model_stream import ChatModelStream
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.outputs import ChatGenerationChunk

from langchain_claude_cloud.errors.types import Framing
from langchain_claude_cloud.response.accumulator import MessageAccumulator
from langchain_claude_cloud.response.message import ChunkHandler, ResponseSource
from langchain_claude_cloud.response.stream import ResponseStream

ORIGIN = ResponseSource(platform="vertex", region="global", model="claude-test", request_id="req_1")
WRITERS: dict[str, Callable[[ResponseSource], ChunkHandler]] = {
    "v0": ChunkHandler,
    "v1": partial(ChunkHandler, version="v1"),
}

Event = dict[str, Any]


def state_of(message: Event) -> MessageAccumulator[Any]:
    """Return the state of a message that was not streamed."""
    accumulator: MessageAccumulator[Any] = MessageAccumulator()
    accumulator.add_message(message)
    return accumulator


def start(**message: Any) -> Event:
    """Return a `message_start`."""
    given = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test",
        "content": [], "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 1}, **message,
    }  # fmt: skip
    return {"type": "message_start", "message": given}


def opened(index: int, block: Event) -> Event:
    """Return a `content_block_start`."""
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **fields: Any) -> Event:
    """Return a `content_block_delta`."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def stopped(index: int) -> Event:
    """Return a `content_block_stop`."""
    return {"type": "content_block_stop", "index": index}


def text(index: int, *pieces: str) -> list[Event]:
    """Return the events of a text block."""
    deltas = [delta(index, "text_delta", text=piece) for piece in pieces]
    return [opened(index, {"type": "text", "text": ""}), *deltas, stopped(index)]


def thinking(index: int, *pieces: str, signature: str = "sig") -> list[Event]:
    """Return the events of a thinking block."""
    head = opened(index, {"type": "thinking", "thinking": "", "signature": ""})
    deltas = [delta(index, "thinking_delta", thinking=piece) for piece in pieces]
    return [head, *deltas, delta(index, "signature_delta", signature=signature), stopped(index)]


def tool(
    index: int, raw: str, *, size: int = 5, ended: bool = True, name: str = "write_file"
) -> list[Event]:
    """Return the events of a client tool's block, its arguments in pieces."""
    block = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
    pieces = ["", *(raw[at : at + size] for at in range(0, len(raw), size))]
    deltas = [delta(index, "input_json_delta", partial_json=piece) for piece in pieces]
    return [opened(index, block), *deltas, *([stopped(index)] if ended else [])]


def finish(stop_reason: str | None = "end_turn", output_tokens: int = 5) -> list[Event]:
    """Return the last two events."""
    ended = {"stop_reason": stop_reason, "stop_sequence": None}
    usage = {"output_tokens": output_tokens}
    return [{"type": "message_delta", "delta": ended, "usage": usage}, {"type": "message_stop"}]


def sse(events: Iterable[Event]) -> bytes:
    """Return events as server-sent events."""
    parts = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return "".join(parts).encode()


def read(events: Iterable[Event], writer: Any) -> tuple[MessageAccumulator[Any], list[Any]]:
    """Return the fold of a stream and what a writer made of it."""
    stream: ResponseStream[Any] = ResponseStream("sse", MessageAccumulator(writer), ORIGIN)
    outputs = [*stream.feed(sse(events)), *stream.close()]
    return stream.accumulator, unpacked(outputs)


def read_recording(
    row: dict[str, Any], writer: Any, size: int | None = None
) -> tuple[MessageAccumulator[Any], list[Any]]:
    """Return the fold of a recorded stream and what a writer made of it, cut at a size."""
    framing: Framing = "sse" if row["kind"] == "sse" else "event-stream"
    stream: ResponseStream[Any] = ResponseStream(framing, MessageAccumulator(writer), ORIGIN)
    body = row["body"]
    outputs: list[Any] = []
    for begin in range(0, len(body), size or len(body)):
        outputs += stream.feed(body[begin : begin + (size or len(body))])
    outputs += stream.close()
    return stream.accumulator, unpacked(outputs)


def message_of(outputs: list[Any]) -> AIMessage:
    """Return what a caller makes of chunks or events; chunks add up in two ways alike."""
    if isinstance(outputs[0], AIMessageChunk):
        added = message_chunk_to_message(reduce(add, outputs))
        merged = message_chunk_to_message(outputs[0] + outputs[1:])
        assert type(added) is type(merged) is AIMessage
        assert added.model_dump_json() == merged.model_dump_json()
        return added
    streamed = ChatModelStream()
    for event in outputs:
        streamed.dispatch(event)
    assert streamed.output_message is not None
    return streamed.output_message


def unpacked(outputs: Iterable[Any]) -> list[Any]:
    """Return the messages in a stream of chunks; events stay as they are."""
    return [each.message if isinstance(each, ChatGenerationChunk) else each for each in outputs]


def chunks(events: Iterable[Event], version: str = "v0") -> list[Any]:
    """Return the chunks of a stream."""
    return read(events, WRITERS[version](ORIGIN))[1]

"""Makes the message that LangChain's users hold of an assistant turn of the API.

The package's own response stage makes the message, in each of the ways it may come: whole or
streamed, in both output versions, from protocol events, saved and loaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from answers import ORIGIN, delta, finish, opened, read, start, state_of, stopped
from langchain_core.language_models.chat_model_stream import ChatModelStream
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    message_chunk_to_message,
    messages_from_dict,
    messages_to_dict,
)
from recorded_requests import answered_by_hand

from langchain_claude_cloud.response.message import (
    ChunkHandler,
    ProtocolEventHandler,
    build_message,
)

Json = dict[str, Any]
Way = Callable[[list[Json]], AIMessage]

_PAUSED: Final = ("server_tool_use", "mcp_tool_use", "compaction")


def stop_reason(content: list[Json]) -> str:
    """Return the stop reason that an answer with this content has."""
    if any(block["type"] == "tool_use" for block in content):
        return "tool_use"
    return "pause_turn" if content[-1]["type"] in _PAUSED else "end_turn"


def _events(content: list[Json]) -> list[Json]:
    events = [start()]
    for index, block in enumerate(content):
        events += _block_events(index, block)
    return [*events, *finish(stop_reason(content))]


def _block_events(index: int, block: Json) -> list[Json]:
    """Return the events of a block, as the API streams one of its type."""
    kind, head = block["type"], dict(block)
    deltas: list[Json] = []
    if kind == "text":
        head["text"] = ""
        citations = head.pop("citations", None) or ()
        deltas += [delta(index, "citations_delta", citation=citation) for citation in citations]
        deltas += [delta(index, "text_delta", text=piece) for piece in _pieces(block["text"])]
    elif kind == "thinking":
        head.update(thinking="", signature="")
        given = _pieces(block["thinking"])
        deltas += [delta(index, "thinking_delta", thinking=piece) for piece in given]
        deltas.append(delta(index, "signature_delta", signature=block["signature"]))
    elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
        head["input"] = {}
        raw = json.dumps(block["input"]) if block["input"] else ""
        pieces = ["", *_pieces(raw)]
        deltas += [delta(index, "input_json_delta", partial_json=piece) for piece in pieces]
    return [opened(index, head), *deltas, stopped(index)]


def _pieces(text: str) -> list[str]:
    middle = len(text) // 2
    return [piece for piece in (text[:middle], text[middle:]) if piece]


def whole(content: list[Json], version: Any = "v0") -> AIMessage:
    """Return the message of an answer that was not streamed."""
    message = {**start()["message"], "content": content, "stop_reason": stop_reason(content)}
    return build_message(state_of(message), ORIGIN, version=version)


def _streamed(content: list[Json], writer: Any) -> AIMessage:
    _, chunks = read(_events(content), writer)
    merged = message_chunk_to_message(chunks[0] + chunks[1:])
    assert type(merged) is AIMessage
    return merged


def _from_events(content: list[Json]) -> AIMessage:
    _, events = read(_events(content), ProtocolEventHandler(ORIGIN, message_id="lc_run--1"))
    stream = ChatModelStream()
    for event in events:
        stream.dispatch(event)
    assert stream.output_message is not None
    return stream.output_message


def _loaded(message: AIMessage) -> AIMessage:
    again = loads(dumps(message), allowed_objects="messages")
    assert type(again) is AIMessage
    return again


def _from_dict(message: AIMessage) -> AIMessage:
    (again,) = messages_from_dict(json.loads(json.dumps(messages_to_dict([message]))))
    assert type(again) is AIMessage
    return again


WAYS: Final[Mapping[str, Way]] = {
    "by hand": answered_by_hand,
    "whole, v0": whole,
    "whole, v1": lambda content: whole(content, "v1"),
    "streamed, v0": lambda content: _streamed(content, ChunkHandler(ORIGIN)),
    "streamed, v1": lambda content: _streamed(content, ChunkHandler(ORIGIN, version="v1")),
    "events of v3": _from_events,
    "v0, dumped and loaded": lambda content: _loaded(whole(content)),
    "v1, dumped and loaded": lambda content: _loaded(whole(content, "v1")),
    "v0, as a dict": lambda content: _from_dict(whole(content)),
    "v1, validated again": lambda content: AIMessage.model_validate_json(
        whole(content, "v1").model_dump_json()
    ),
    "content_blocks of v0": lambda content: AIMessage(
        content_blocks=whole(content).content_blocks,
        response_metadata={"model_provider": "anthropic", "output_version": "v1"},
    ),
}
"""The ways in which the message of an answer comes into a history, by name."""

"""A scenario in, the bytes of each event of its answer out, as the services frame them.

Shapes: the Messages API's events, as server-sent events (Anthropic, Vertex AI) or wrapped in
AWS event-stream frames (InvokeModel), and the Converse API's own events.
"""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from functools import lru_cache
from typing import Any, Literal
from zlib import crc32

from benchmarks.scenarios import Scenario

Form = Literal["sse", "invoke", "converse"]

TOOL_NAME = "write_file"
_USAGE = {"input_tokens": 10, "output_tokens": 5}
_CONVERSE_USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}


@lru_cache(maxsize=64)
def stream_bytes(scenario: Scenario, form: Form) -> tuple[bytes, ...]:
    """Return the bytes of each event of a streamed answer."""
    if form == "converse":
        return tuple(_converse_frame(*event) for event in _converse_events(scenario))
    frame = _sse if form == "sse" else _invoke_frame
    return tuple(frame(event) for event in _events(scenario))


def whole_bytes(form: Form) -> bytes:
    """Return a short answer that is not streamed."""
    content = [{"type": "text", "text": "ok"}]
    message: dict[str, Any] = {**_message(), "content": content, "stop_reason": "end_turn"}
    if form == "converse":
        message = {
            "output": {"message": {"role": "assistant", "content": [{"text": "ok"}]}},
            "stopReason": "end_turn",
            "usage": _CONVERSE_USAGE,
            "metrics": {"latencyMs": 1},
        }
    return json.dumps(message).encode()


def _message() -> dict[str, Any]:
    return {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _USAGE,
    }


def _events(scenario: Scenario) -> list[dict[str, Any]]:
    is_text = scenario.kind == "text"
    block: dict[str, Any] = {"type": "text", "text": ""}
    if not is_text:
        block = {"type": "tool_use", "id": "toolu_bench", "name": TOOL_NAME, "input": {}}
    kind, key = ("text_delta", "text") if is_text else ("input_json_delta", "partial_json")
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": kind, key: piece}}
        for piece in scenario.pieces()
    ]
    reason = "end_turn" if is_text else "tool_use"
    ending = {"stop_reason": reason, "stop_sequence": None}
    return [
        {"type": "message_start", "message": _message()},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ending, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]


def _converse_events(scenario: Scenario) -> list[tuple[str, dict[str, Any]]]:
    is_text = scenario.kind == "text"
    tool = {"toolUse": {"toolUseId": "toolu_bench", "name": TOOL_NAME}}
    start = [] if is_text else [("contentBlockStart", {"contentBlockIndex": 0, "start": tool})]
    deltas = [
        (
            "contentBlockDelta",
            {
                "contentBlockIndex": 0,
                "delta": {"text": piece} if is_text else {"toolUse": {"input": piece}},
            },
        )
        for piece in scenario.pieces()
    ]
    metadata = {"usage": _CONVERSE_USAGE, "metrics": {"latencyMs": 1}}
    return [
        ("messageStart", {"role": "assistant"}),
        *start,
        *deltas,
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn" if is_text else "tool_use"}),
        ("metadata", metadata),
    ]


def _sse(event: dict[str, Any]) -> bytes:
    data = json.dumps(event, separators=(",", ":"))
    return f"event: {event['type']}\ndata: {data}\n\n".encode()


def _invoke_frame(event: dict[str, Any]) -> bytes:
    inner = json.dumps(event, separators=(",", ":")).encode()
    # The service pads its frames with a run of letters of changing length.
    outer = {"bytes": b64encode(inner).decode(), "p": "abcdefghijklmnop"[: len(inner) % 16]}
    return _frame("chunk", json.dumps(outer, separators=(",", ":")).encode())


def _converse_frame(kind: str, event: dict[str, Any]) -> bytes:
    return _frame(kind, json.dumps({**event, "p": "abcdefgh"}, separators=(",", ":")).encode())


def _frame(event_type: str, payload: bytes) -> bytes:
    named = {
        ":event-type": event_type,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    headers = b"".join(_header(name, value) for name, value in named.items())
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return body + struct.pack(">I", crc32(body))


def _header(name: str, value: str) -> bytes:
    text_type = 7
    head = bytes([len(name)]) + name.encode() + bytes([text_type])
    return head + struct.pack(">H", len(value)) + value.encode()

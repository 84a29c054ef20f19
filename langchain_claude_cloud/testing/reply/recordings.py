"""Serves recorded responses: as they are, or in the other cloud's framing.

SSE is served byte for byte on Vertex and re-framed on Bedrock; an event stream the other way
round.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.call import Call
from langchain_claude_cloud.testing.reply.framing import (
    chunk_frame,
    read_frames,
    sse_event,
)
from langchain_claude_cloud.testing.reply.ids import Noise
from langchain_claude_cloud.testing.scripting import Replay
from langchain_claude_cloud.testing.wire import Outgoing, Step

_DROPPED = frozenset({"content-length", "transfer-encoding", "content-encoding", "connection"})
_TYPES = {
    "json": "application/json",
    "sse": "text/event-stream; charset=utf-8",
    "aws": "application/vnd.amazon.eventstream",
}


def serve(replay: Replay, call: Call) -> Outgoing:
    """Return a recorded response for a call."""
    framing = "sse" if call.framing == "sse" else "aws"
    wanted = "json" if replay.kind == "json" else framing
    headers = {k.lower(): v for k, v in replay.headers.items() if k.lower() not in _DROPPED}
    body = replay.body
    if wanted != replay.kind:
        body = b"".join(_reframed(replay, call))
        headers.pop("content-type", None)
    headers.setdefault("content-type", _TYPES[wanted])
    return Outgoing(replay.status, headers, _steps(body, replay.piece))


def _steps(body: bytes, piece: int | None) -> bytes | Iterator[Step]:
    if piece is None:
        return body
    return iter([body[start : start + piece] for start in range(0, len(body), piece)])


def _reframed(replay: Replay, call: Call) -> Iterator[bytes]:
    noise = Noise(call.seed)
    if replay.kind == "sse":
        for event in sse_payloads(replay.body):
            if event.get("type") != "ping":
                yield chunk_frame(_with_metrics(event), noise)
        return
    for headers, payload in read_frames(replay.body):
        yield _as_sse(headers, payload, noise)


def _as_sse(headers: dict[str, str], payload: bytes, noise: Noise) -> bytes:
    value = json.loads(payload)
    if headers.get(":message-type") == "event":
        return sse_event(json.loads(base64.b64decode(value["bytes"])), noise)
    error = {"type": headers.get(":exception-type", "api_error"), **value}
    return sse_event({"type": "error", "error": error}, noise)


def _with_metrics(event: JsonObject) -> JsonObject:
    if event.get("type") != "message_stop" or "amazon-bedrock-invocationMetrics" in event:
        return event
    metrics = {
        "inputTokenCount": 0,
        "outputTokenCount": 0,
        "invocationLatency": 400,
        "firstByteLatency": 120,
    }
    return {**event, "amazon-bedrock-invocationMetrics": metrics}


def sse_payloads(body: bytes) -> Iterator[JsonObject]:
    """Yield the JSON of each event in recorded SSE text."""
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        lines = [line for line in block.split(b"\n") if line.startswith(b"data:")]
        if lines:
            yield json.loads(b"\n".join(line[5:].strip() for line in lines))

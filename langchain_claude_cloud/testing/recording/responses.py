"""Converts responses to their recorded form, and back to bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from langchain_claude_cloud.errors.types import REQUEST_ID_HEADERS, JsonObject
from langchain_claude_cloud.testing.recording.scrubbing import (
    scrub,
    scrub_fields,
    scrub_text,
    short_name,
)
from langchain_claude_cloud.testing.recording.yaml_file import OneLine
from langchain_claude_cloud.testing.reply import framing
from langchain_claude_cloud.testing.reply.ids import Noise
from langchain_claude_cloud.testing.reply.recordings import sse_payloads

_SSE: Final = "text/event-stream"
_FRAMES: Final = "application/vnd.amazon.eventstream"
_SEED: Final = b"recording"


def to_plain(response: Mapping[str, Any], projects: frozenset[str]) -> JsonObject:
    """Return a response of vcrpy as it stands in a recording.

    Args:
        response: vcrpy's form of it.
        projects: Ids of Google projects, which are taken out.
    """
    given = {name.lower(): values[0] for name, values in response["headers"].items() if values}
    headers = {
        name: value
        for name, each in given.items()
        if (value := _header(name, str(each))) is not None
    }
    content = response["body"].get("string") or b""
    content = content.encode() if isinstance(content, str) else content
    plain: JsonObject = {"status": response["status"]["code"], "headers": headers}
    kind = headers.get("content-type", "")
    if kind.startswith((_SSE, _FRAMES)):
        read = sse_payloads if kind.startswith(_SSE) else _frames
        events = _with_short_signatures(list(read(content)))
        return plain | {"events": [OneLine(scrub_fields(event, projects)) for event in events]}
    try:
        return plain | {"body": scrub(json.loads(content), projects)}
    except ValueError:
        return plain | {"text": scrub_text(content.decode("utf-8", "replace"), projects)}


def from_plain(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return vcrpy's form of a response that stands in a recording."""
    headers, status = plain["headers"], plain["status"]
    if "events" in plain:
        make = framing.sse_event if headers["content-type"].startswith(_SSE) else _frame
        noise = Noise(_SEED)
        content = b"".join(make(event, noise) for event in plain["events"])
    else:
        content = (
            framing.dumps(plain["body"]).encode() if "body" in plain else plain["text"].encode()
        )
    return {
        "status": {"code": status, "message": HTTPStatus(status).phrase},
        "headers": {name: [value] for name, value in headers.items()},
        "body": {"string": content},
    }


def _header(name: str, value: str) -> str | None:
    if name in REQUEST_ID_HEADERS:
        return "recorded"
    if name == "retry-after":
        return "0"  # nobody wants to wait for a replay
    kept = name in {"content-type", "x-amzn-errortype"} or name.startswith("x-amzn-bedrock-")
    return scrub_text(value) if kept else None


def _frames(content: bytes) -> Iterator[JsonObject]:
    for headers, payload in framing.read_frames(content):
        value: JsonObject = json.loads(payload)
        if headers.get(":message-type") == "exception":
            yield {"exception": headers.get(":exception-type", ""), "payload": value}
        elif "bytes" in value:
            yield json.loads(base64.b64decode(value["bytes"]))


def _frame(event: JsonObject, noise: Noise) -> bytes:
    if "exception" in event:
        return framing.exception_frame(event["exception"], event["payload"])
    return framing.chunk_frame(event, noise)


def _with_short_signatures(events: list[JsonObject]) -> list[JsonObject]:
    """Put the short name of a signature, which may come in pieces, into its first piece."""
    whole: dict[object, list[JsonObject]] = {}
    for event in events:
        delta = event.get("delta")
        if isinstance(delta, dict) and delta.get("type") == "signature_delta":
            whole.setdefault(event.get("index"), []).append(delta)
    for deltas in whole.values():
        name = short_name("".join(str(delta["signature"]) for delta in deltas))
        for delta in deltas:
            delta["signature"], name = name, ""
    return events

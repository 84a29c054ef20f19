"""Every event that is made of a recorded stream has the shape of langchain-protocol's types."""

from __future__ import annotations

from typing import Any

import pytest
from answers import ORIGIN, finish, read, read_recording, start, text, thinking, tool
from data import load_recordings, needs_data
from langchain_core.messages import RefusalContentBlock
from langchain_protocol.protocol import MessagesData
from pydantic import TypeAdapter

from langchain_claude_cloud.response.message import ProtocolEventHandler

EVENT: TypeAdapter[Any] = TypeAdapter(MessagesData)
REFUSAL: TypeAdapter[Any] = TypeAdapter(RefusalContentBlock)


def _check(events: list[Any]) -> None:
    assert events[0]["event"] == "message-start"
    assert events[-1]["event"] == "message-finish"
    opened: list[int] = []
    closed: list[int] = []
    for event in events:
        _check_types(event)
        if event["event"] == "content-block-start":
            opened.append(event["index"])
        elif event["event"] == "content-block-delta":
            assert event["index"] in set(opened) - set(closed)
        elif event["event"] == "content-block-finish":
            closed.append(event["index"])
    assert opened == list(range(len(opened)))
    assert sorted(closed) == opened


def _check_types(event: dict[str, Any]) -> None:
    """Check an event, and a refusal block by core's type: the protocol's have none yet."""
    content = event.get("content", {})
    if content and content["type"] == "refusal":
        REFUSAL.validate_python(dict(content))
        event = {**event, "content": {"type": "text", "text": ""}}
    EVENT.validate_python(event)


@needs_data
def test_events_of_every_recorded_stream_conform() -> None:
    """Types, order and indices: each block opens once, grows, and closes once."""
    rows = [row for row in load_recordings() if row["kind"] != "json" and row["status"] == 200]
    checked = 0
    for row in rows:
        if row["op"] == "converse-stream":
            continue
        writer = ProtocolEventHandler(ORIGIN, message_id="lc_run--1")
        _check(read_recording(row, writer)[1])
        checked += 1
    assert checked > 140


@pytest.mark.parametrize("stop_reason", ["tool_use", "max_tokens", "refusal"])
def test_events_of_odd_streams_conform(stop_reason: str) -> None:
    """Cut calls, calls without arguments, thinking without text, blocks that come whole."""
    whole = {"type": "redacted_thinking", "data": "x"}
    events = [
        start(),
        *thinking(0),
        {"type": "content_block_start", "index": 1, "content_block": whole},
        {"type": "content_block_stop", "index": 1},
        *text(2),
        *text(3, "Hi"),
        *tool(4, ""),
        *tool(5, '{"a', ended=False),
        *finish(stop_reason),
    ]
    _check(list(read(events, ProtocolEventHandler(ORIGIN))[1]))

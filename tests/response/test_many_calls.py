"""An answer with very many tool calls takes work in proportion to them."""

from __future__ import annotations

import pytest
from answers import ORIGIN, Event, chunks, finish, start, state_of, tool
from langchain_core.messages import message_chunk_to_message
from profiled_calls import calls_made

from langchain_claude_cloud.response.message import build_message


def _events(calls: int) -> list[Event]:
    written = (event for number in range(calls) for event in tool(number, '{"a": 1}'))
    return [start(), *written, *finish("tool_use")]


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_merging_many_calls_is_linear(version: str) -> None:
    """Ten times as many calls take ten times the work, and each has its own arguments."""

    def merge(calls: int) -> int:
        parts = chunks(_events(calls), version)
        return calls_made(lambda: message_chunk_to_message(parts[0] + parts[1:]))

    merge(1)
    assert merge(1_000) < merge(100) * 11
    parts = chunks(_events(300), version)
    merged = message_chunk_to_message(parts[0] + parts[1:])
    assert [call["id"] for call in merged.tool_calls] == [f"toolu_{n}" for n in range(300)]
    assert all(call["args"] == {"a": 1} for call in merged.tool_calls)
    assert [block["type"] for block in merged.content_blocks] == ["tool_call"] * 300


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_a_number_beyond_a_float_makes_a_call_invalid(version: str) -> None:
    """It parses as infinite, which no request can say again."""
    parts = chunks([start(), *tool(0, '{"a": 1e400}'), *finish("tool_use")], version)
    streamed = message_chunk_to_message(parts[0] + parts[1:])
    call = {"type": "tool_use", "id": "toolu_0", "name": "f", "input": {"a": [float("inf")]}}
    body = {"content": [call], "stop_reason": "tool_use"}
    whole = build_message(state_of(body), ORIGIN, version=version)  # type: ignore[arg-type]
    for message in (streamed, whole):
        assert message.tool_calls == []
        assert "malformed" in (message.invalid_tool_calls[0]["error"] or "")
        assert [block["type"] for block in message.content_blocks] == ["invalid_tool_call"]
    (broken,) = streamed.invalid_tool_calls  # type: ignore[union-attr]  # an AIMessage
    assert (broken["args"], whole.invalid_tool_calls[0]["args"]) == (
        '{"a": 1e400}',
        '{"a": [Infinity]}',
    )
    assert "beyond the range" in broken["error"]

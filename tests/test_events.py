"""Small events of any stream, and the text that tool arguments grew by."""

from __future__ import annotations

import json
from typing import Any

import pytest
from answers import ORIGIN, chunks, finish, read, start, text, thinking, tool
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langgraph.types import Command

from langchain_claude_cloud.events import aiter_events, iter_events
from langchain_claude_cloud.response.message import ProtocolEventHandler
from langchain_claude_cloud.tool_calls import TextChange, iter_tool_calls

ARGS = {"path": "a.md", "files": [{"a b": 'say "é"\n' * 20}, "last"], "n": 3}
EVENTS = [
    start(),
    *thinking(0, "Hm."),
    *text(1, "I ", "write."),
    *tool(2, json.dumps(ARGS), size=7),
    *finish("tool_use"),
]


def _protocol() -> list[Any]:
    return read(EVENTS, ProtocolEventHandler(ORIGIN, message_id="lc_run--1"))[1]


STREAMS = {"v0": chunks(EVENTS), "v1": chunks(EVENTS, "v1"), "events": _protocol()}


@pytest.mark.parametrize("kind", STREAMS)
def test_changes_add_up_to_the_strings_of_the_arguments(kind: str) -> None:
    """Each names its string by a JSON path, and all together are no longer than the strings."""
    found: dict[str, str] = {}
    for update in iter_tool_calls(STREAMS[kind]):
        assert len({change.path for change in update.changes}) == len(update.changes)
        for path, added in update.changes:
            found[path] = found.get(path, "") + added
    files: Any = ARGS["files"]
    assert found == {
        "$.path": ARGS["path"],
        "$.files[0]['a b']": files[0]["a b"],
        "$.files[1]": "last",
    }


@pytest.mark.parametrize("kind", STREAMS)
async def test_events_tell_all_of_a_stream_once(kind: str) -> None:
    """Text, reasoning, calls, results, usage and the end, sync and async, as JSON."""
    result = ToolMessage("done", tool_call_id="toolu_2", name="write_file")
    parts = [*STREAMS[kind], (result, {"langgraph_node": "tools"}), result]
    events = list(iter_events(parts))

    async def stream() -> Any:
        for part in parts:
            yield part

    assert [event async for event in aiter_events(stream())] == events
    told = json.loads(json.dumps([event.to_dict() for event in events]))
    by_kind: dict[str, list[Any]] = {}
    for event in told:
        by_kind.setdefault(event["type"], []).append(event)
    assert "".join(event["text"] for event in by_kind["text"]) == "I write."
    assert "".join(event["text"] for event in by_kind["reasoning"]) == "Hm."
    assert [event["done"] for event in by_kind["tool_call"]].count(True) == 1
    assert by_kind["tool_call"][-1]["args"] == ARGS
    assert [event["content"] for event in by_kind["tool_result"]] == ["done"]
    assert [event["usage"]["output_tokens"] for event in by_kind["usage"]] == [5]
    assert by_kind["end"] == [{"stop_reason": "tool_use", "type": "end"}]
    assert told[-1]["type"] == "end"


RESULT = ToolMessage("done", tool_call_id="toolu_2", name="write_file")
FINISHED = {"event": "tool-finished", "tool_call_id": "toolu_2", "output": RESULT}
FAILED = {"event": "tool-error", "tool_call_id": "toolu_2", "message": "no"}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"event": "on_tool_end", "data": {"output": RESULT}}, ("done", False)),
        ({"event": "on_tool_end", "data": {"output": Command(update={"messages": [RESULT]})}}, ("done", False)),
        ({"type": "event", "method": "tools", "params": {"data": FINISHED}}, ("done", False)),
        ({"type": "tools", "ns": (), "data": FINISHED}, ("done", False)),
        ((("agent:1",), "tools", FINISHED), ("done", False)),
        (("tools", FAILED), ("no", True)),
        ({"event": "on_tool_end", "data": {"output": "text"}}, None),
        (("tools", {"event": "tool-started", "tool_call_id": "toolu_2"}), None),
    ],
)  # fmt: skip
def test_results_of_tools_are_found_in_every_stream(item: Any, expected: Any) -> None:
    """Once, whichever events and messages bring them."""
    events = list(iter_events([item, item]))
    found = [(event.content, event.is_error) for event in events if event.type == "tool_result"]
    assert found == ([expected] if expected else [])


def test_a_broken_stream_ends_its_calls_and_raises() -> None:
    """What the stream raised comes through, after the calls that were open."""

    def broken() -> Any:
        yield from STREAMS["v0"][:8]
        raise OSError("cut")

    seen = []
    with pytest.raises(OSError, match="cut"):
        seen.extend(iter_events(broken()))
    seen = []
    try:
        for event in iter_events(broken()):
            seen.append(event)
    except OSError:
        pass
    assert seen[-1].to_dict()["done"] is True
    assert "broke off" in seen[-1].to_dict()["error"]


def test_a_message_that_came_in_chunks_is_not_told_again() -> None:
    """Also if the chunk that ends it was left out of the stream."""
    parts = [
        AIMessageChunk("Hel", id="a"),
        AIMessageChunk("lo", id="a"),
        AIMessage("Hello", id="a"),
    ]
    events = iter_events(parts)
    assert [event.text for event in events if event.type == "text"] == ["Hel", "lo"]


def test_a_change_is_a_pair() -> None:
    """It unpacks as path and text."""
    assert TextChange("$.a", "b") == ("$.a", "b")

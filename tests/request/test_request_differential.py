"""Recorded conversations come out as they were, whichever way LangChain held them.

The turns of the assistant go through the package's own response stage first, in each way that
an answer may reach a history; a user's turns become the messages that LangChain users write.
What may differ is listed in `intended_differences`, and nothing is listed that is not needed.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest
from answered import WAYS, stop_reason
from answers import ORIGIN, WRITERS, message_of, read_recording
from data import load_recordings, needs_data
from intended_differences import DIFFERENCES, needed
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    ToolMessage,
)
from recorded_requests import Json, names_a_file, rebuild, recorded_requests
from reference_fold import events_of, fold, fold_message
from request_models import model_with

from langchain_claude_cloud.request.body import build_request
from langchain_claude_cloud.request.messages.conversion import convert_messages
from langchain_claude_cloud.response.message import (
    ProtocolEventHandler,
)

pytestmark = [
    needs_data,
    # Loading is what langchain-core calls it.
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
]

MODEL = model_with(sampling_pair=True)
OPERATIONS = {"messages", "invoke", "rawPredict", "streamRawPredict", "invoke-with-response-stream"}


@functools.cache
def _requests() -> tuple[Json, ...]:
    rows = [row["request"] for row in recorded_requests()]
    return tuple(body for body in rows if not names_a_file(body["messages"]))


def _has_answers(body: Json) -> bool:
    return any(message["role"] == "assistant" for message in body["messages"])


@functools.cache
def _differences_of_requests(way: str) -> frozenset[str]:
    """Return which differences the recorded requests need when they are rebuilt in one way."""
    found: set[str] = set()
    for body in _requests():
        if way == "by hand" or _has_answers(body):
            messages, options = rebuild(body, functools.partial(_answered, WAYS[way]))
            found |= needed(build_request(messages, options, MODEL).body, body)
    return frozenset(found)


def _answered(way: Callable[[list[Json]], AIMessage], content: str | list[Json]) -> AIMessage:
    """Return the message of an answer, with the cache markers its user put on it later."""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    unmarked = [{k: v for k, v in block.items() if k != "cache_control"} for block in blocks]
    message = way(unmarked)
    if unmarked == blocks:
        return message
    held = message.content
    marked: list[Any] = [{"type": "text", "text": held}] if isinstance(held, str) else list(held)
    assert len(marked) == len(blocks)
    for index, block in enumerate(blocks):
        if "cache_control" in block:
            marked[index] = {**marked[index], "cache_control": block["cache_control"]}
    return message.model_copy(update={"content": marked})


@pytest.mark.peer_defect(peers="ChatAnthropic", defect="the cache marker of a call is lost")
@pytest.mark.parametrize("way", WAYS)
def test_recorded_requests_come_out_again(way: str) -> None:
    """With the answers in them as this package would have handed them out, in each form."""
    assert sum(map(_has_answers, _requests())) > 50
    assert "the envelope" in _differences_of_requests(way)


def _expected(row: Json) -> Any:
    if row["kind"] == "json":
        return fold_message(json.loads(row["body"]))
    return fold(events_of(row["kind"], row["body"]))


@functools.cache
def _answers() -> tuple[tuple[Json, list[Json]], ...]:
    """Return recorded answers with their content, as a naive reading has it."""
    rows = [row for row in load_recordings() if row["op"] in OPERATIONS and row["status"] == 200]
    # claude-v2 answered with text completions, which are no messages.
    messages = [row for row in rows if row["kind"] != "json" or b'"content"' in row["body"]]
    read = [(row, _expected(row)) for row in messages]
    return tuple((row, found.content) for row, found in read if found.content and not found.invalid)


def _history(message: AIMessage, content: list[Json]) -> tuple[list[BaseMessage], list[Json]]:
    """Return a conversation with an answer, in LangChain's form and in the API's."""
    paused = _paused_before(content)
    before = [AIMessage(paused)] if paused else []  # type: ignore[arg-type]
    history: list[BaseMessage] = [HumanMessage("q"), *before, message]
    turns: list[Json] = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [*paused, *content]},
    ]
    if stop_reason(content) == "pause_turn":
        return history, turns
    calls = [block["id"] for block in content if block["type"] == "tool_use"]
    history += [ToolMessage("found", tool_call_id=call_id) for call_id in calls]
    results = [
        {"type": "tool_result", "tool_use_id": call_id, "content": "found"} for call_id in calls
    ]
    turns.append({"role": "user", "content": [*results, {"type": "text", "text": "go on"}]})
    return [*history, HumanMessage("go on")], turns


def _paused_before(content: list[Json]) -> list[Json]:
    """Return the calls of server tools whose results open an answer that goes on after a pause."""
    called = {block["id"] for block in content if block["type"].endswith("_tool_use")}
    waiting = [block["tool_use_id"] for block in content if "tool_use_id" in block]
    return [
        {"type": "server_tool_use", "id": call_id, "name": "web_search", "input": {"query": "q"}}
        for call_id in waiting
        if call_id not in called
    ]


def _compare(message: AIMessage, content: list[Json]) -> set[str]:
    history, turns = _history(message, content)
    conversation = convert_messages(history, MODEL)
    return needed({"messages": conversation.messages}, {"messages": turns})


@functools.cache
def _differences_of_answers(way: str) -> frozenset[str]:
    found = (_compare(WAYS[way](content), content) for _, content in _answers())
    return frozenset().union(*found)


@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex", defect="standard blocks in history are sent as they are"
)
@pytest.mark.peer_defect(
    peers="ChatAnthropicVertex", defect="a server tool's call loses its id in history: 400"
)
@pytest.mark.parametrize("way", WAYS)
def test_recorded_answers_go_back_as_they_came(way: str) -> None:
    """Thinking, citations, server tools, unknown blocks: all are unchanged and in order."""
    kinds = {block["type"] for _, content in _answers() for block in content}
    assert {"redacted_thinking", "compaction", "fallback", "mcp_tool_use"} <= kinds
    assert len(_answers()) > 400
    assert _differences_of_answers(way) <= {"text as a string or as a block", "blank text"}


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatAnthropicVertex",
    defect="blocks that streamed keep their index in history: 400",
)
@pytest.mark.parametrize("writer", [*WRITERS.values(), ProtocolEventHandler])
def test_recorded_streams_go_back_as_they_came(writer: Any) -> None:
    """The bytes themselves, read by the package, as chunks of each version and as events."""
    compared = 0
    for row, content in _answers():
        if row["kind"] != "json":
            assert _compare(message_of(read_recording(row, writer(ORIGIN))[1]), content) <= {
                "text as a string or as a block",
                "blank text",
            }
            compared += 1
    assert compared > 140


def test_every_intended_difference_exists() -> None:
    """One that nothing recorded needs any more is taken off the list."""
    found: set[str] = set()
    for way in WAYS:
        found |= _differences_of_requests(way) | _differences_of_answers(way)
    assert found == {difference.name for difference in DIFFERENCES}
    assert all(difference.reason for difference in DIFFERENCES)

"""Invalid tool arguments go back to the model as an error result that holds what it wrote."""

from __future__ import annotations

import functools
import json
import operator
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.load import dumpd, load
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    message_chunk_to_message,
)

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator, raw_tool_use, text

RAW = '{"path": "a.md", "content": "say \\"hi\\" to\nthe wor'
TOOL = {
    "name": "write_file",
    "description": "Writes a file",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}},
}
QUESTION = HumanMessage("Write a file.")


def _streamed(model: Any) -> BaseMessage:
    return message_chunk_to_message(functools.reduce(operator.add, model.stream([QUESTION])))


def _events(model: Any) -> BaseMessage:
    message: BaseMessage = model.stream_events([QUESTION], version="v3").output
    return message


WAYS: dict[str, Callable[[Any], BaseMessage]] = {
    "stream": _streamed,
    "events": _events,
    "invoke": lambda model: model.invoke([QUESTION], max_tokens=30_000),
}
TRIPS: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda message: message,
    "dumpd and load": lambda message: load(dumpd(message), allowed_objects="core"),
    "pickle": lambda message: pickle.loads(pickle.dumps(message)),  # noqa: S301 - own bytes
}


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatBedrock",
    defect="a call that never was valid goes back with an empty input, or poisons the thread",
)
@pytest.mark.filterwarnings("ignore:.*beta.*")
@pytest.mark.parametrize("trip", TRIPS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_a_cut_call_comes_back_wrapped_with_its_error_result(
    emulator: CloudEmulator, cloud: str, version: str, way: str, trip: str
) -> None:
    """Text first, then the call with what was written, then its result as an error."""
    model = ChatClaudeCloud(
        model="claude-sonnet-5-5", platform=getattr(emulator, cloud)(), output_version=version
    ).bind_tools([TOOL])
    emulator.reply(
        text("I write."), raw_tool_use("write_file", RAW, ended=False), stop_reason="max_tokens"
    )
    answer = TRIPS[trip](WAYS[way](model))
    assert isinstance(answer, AIMessage)
    assert answer.tool_calls == []
    (broken,) = answer.invalid_tool_calls
    assert broken["args"] == RAW
    refusal = ToolMessage(f"Not run: {broken['error']}", tool_call_id=broken["id"], status="error")
    for history in ([QUESTION, answer, refusal], [QUESTION, answer, HumanMessage("Go on.")]):
        model.invoke(history)
        body = emulator.requests[-1].body
        said, call = body["messages"][1]["content"]
        assert said == {"type": "text", "text": "I write."}
        assert (call["type"], call["id"], call["name"]) == ("tool_use", broken["id"], "write_file")
        assert call["input"] == {"INVALID_JSON": RAW}
        result = body["messages"][2]["content"][0]
        assert result["type"] == "tool_result"
        assert result["tool_use_id"] == broken["id"]
        assert result["is_error"] is True
    wrapped = json.loads(result["content"])
    assert wrapped["INVALID_JSON"] == RAW
    assert "max_tokens" in wrapped["error"]


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_the_stand_in_tries_again_after_an_error_result(
    emulator: CloudEmulator, cloud: str
) -> None:
    """The whole story against a model that reads the result: the second attempt is whole."""
    model = ChatClaudeCloud(
        model="claude-sonnet-5-5", platform=getattr(emulator, cloud)()
    ).bind_tools([TOOL])
    question = HumanMessage("Use write_file for 'notes.md'.")
    emulator.fault(max_tokens_in_call=True)
    first = model.invoke([question])
    (broken,) = first.invalid_tool_calls
    assert first.response_metadata["stop_reason"] == "max_tokens"
    refusal = ToolMessage(broken["error"] or "", tool_call_id=broken["id"], status="error")
    second = model.invoke([question, first, refusal])
    assert [call["name"] for call in second.tool_calls] == ["write_file"]
    assert second.invalid_tool_calls == []

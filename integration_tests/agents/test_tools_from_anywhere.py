"""Tools whose names and schemas the API refuses are used all the same, under their own names."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.testing import CloudEmulator, tool_use
from langchain_claude_cloud.tool_calls import iter_tool_calls

ODATA = {
    "type": "object",
    "properties": {
        "$filter": {"type": "string"},
        "filter": {"type": "object", "additionalProperties": {"type": "string"}},
        "first name": {
            "type": "array",
            "items": {"type": "object", "properties": {"@id": {"type": "integer"}}},
        },
    },
    "required": ["$filter"],
}
OWN = {"$filter": 'a "b" {', "filter": {"id": "kept"}, "first name": [{"@id": 1}, {"@id": 2}]}
NAME = "crm/accounts.list"


def _model(
    running_emulator: CloudEmulator, cloud: str, version: Literal["v0", "v1"]
) -> ChatClaudeCloud:
    platform = running_emulator.vertex() if cloud == "vertex" else running_emulator.bedrock()
    return ChatClaudeCloud(model="claude-sonnet-4-6", platform=platform, output_version=version)


def _tool(name: str = NAME, schema: Any = None) -> StructuredTool:
    return StructuredTool(name=name, description="d", args_schema=schema or ODATA, func=str)


def _sent(running_emulator: CloudEmulator) -> dict[str, Any]:
    return running_emulator.requests[-1].body


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("way", ["invoke", "stream", "astream", "v3"])
def test_a_call_comes_back_under_its_own_names(
    running_emulator: CloudEmulator, cloud: str, way: str, version: Literal["v0", "v1"]
) -> None:
    """However the answer is read, and the next request sends what the API takes."""
    model = _model(running_emulator, cloud, version).bind_tools([_tool()])
    model.invoke("look")  # the stand-in calls the tool by the names it was sent
    tool = _sent(running_emulator)["tools"][0]
    wire = dict(zip(ODATA["properties"], tool["input_schema"]["properties"], strict=True))
    inner = next(
        iter(tool["input_schema"]["properties"][wire["first name"]]["items"]["properties"])
    )
    arguments = {
        wire["$filter"]: OWN["$filter"],
        wire["filter"]: OWN["filter"],
        wire["first name"]: [{inner: 1}, {inner: 2}],
    }
    running_emulator.reply(tool_use(tool["name"], arguments))
    message = _answer(model, way)
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [(NAME, OWN)]
    assert not message.invalid_tool_calls
    block = next(block for block in message.content_blocks if block["type"] == "tool_call")
    assert (block["name"], block["args"]) == (NAME, OWN)
    result = ToolMessage("done", tool_call_id=message.tool_calls[0]["id"])
    model.invoke([HumanMessage("look"), message, result])
    (used,) = [
        b for b in _sent(running_emulator)["messages"][1]["content"] if b["type"] == "tool_use"
    ]
    assert (used["name"], used["input"]) == (tool["name"], arguments)


def _answer(model: Any, way: str) -> Any:
    if way == "invoke":
        return model.invoke("look")
    if way == "v3":
        return model.stream_events("look", version="v3").output
    chunks = list(model.stream("look")) if way == "stream" else asyncio.run(_collect(model))
    updates = list(iter_tool_calls(iter(chunks)))
    assert updates[-1].name == NAME
    assert updates[-1].args == OWN
    assert {key for update in updates for key in update.args} == set(OWN)
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    raw = "".join(part["args"] or "" for chunk in chunks for part in chunk.tool_call_chunks)
    assert json.loads(raw) == OWN
    return whole


async def _collect(model: Any) -> list[Any]:
    return [chunk async for chunk in model.astream("look")]


def test_a_tool_that_cannot_be_sent_is_left_out(
    running_emulator: CloudEmulator, cloud: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The others answer, and the log names it."""
    bad = f"bad_{cloud}"  # a notice is logged once
    tools = [_tool(bad, {"type": "array", "items": {}}), _tool("good", {"type": "object"})]
    _model(running_emulator, cloud, "v0").bind_tools(tools).invoke("look")
    assert [tool["name"] for tool in _sent(running_emulator)["tools"]] == ["good"]
    assert any(f"tool '{bad}' left out" in record.message for record in caplog.records)


def test_a_choice_of_a_tool_that_is_left_out_is_refused(
    running_emulator: CloudEmulator, cloud: str
) -> None:
    """Nothing is sent: the caller asked for that one."""
    model = _model(running_emulator, cloud, "v0")
    bound = model.bind_tools([_tool("bad", {"type": "array"})], tool_choice="bad")
    before = len(running_emulator.requests)
    with pytest.raises(InvalidInputError, match=r"'bad' cannot be sent.*into a property"):
        bound.invoke("look")
    assert len(running_emulator.requests) == before


def test_a_forced_tool_is_named_as_it_is_sent(running_emulator: CloudEmulator, cloud: str) -> None:
    """The choice is by the caller's name."""
    model = _model(running_emulator, cloud, "v0").bind_tools([_tool()], tool_choice=NAME)
    message = model.invoke("look")
    assert (
        _sent(running_emulator)["tool_choice"]["name"]
        == _sent(running_emulator)["tools"][0]["name"]
    )
    assert message.tool_calls[0]["name"] == NAME

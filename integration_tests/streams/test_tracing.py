"""What tracers and event streams see of an answer with a cut call: standard types, no repair."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from clouds import make_model
from langchain_core.load import dumps, load
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.tracers import LangChainTracer

from langchain_claude_cloud.testing import CloudEmulator, raw_tool_use, text

# `load` is marked as beta, the events' version v1 as deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.*beta.*", "ignore:astream_events version='v1'")

TOOL = {
    "name": "write_file",
    "description": "Write a file.",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}},
}
CUT = '{"path": "notes.md", "content": "half a fi'


class RecordingClient:
    """Takes what the tracer would send to LangSmith, as JSON."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.tracing_queue = None

    def create_run(self, *_: Any, **run: Any) -> None:
        """Take the start of a run."""
        self.sent.append(json.loads(json.dumps(run, default=dumps)))

    def update_run(self, *_: Any, **run: Any) -> None:
        """Take the end of a run."""
        self.sent.append(json.loads(json.dumps(run, default=dumps)))

    def flush(self) -> None:
        """Have nothing left to send."""


@pytest.fixture
def cut_model(emulator: CloudEmulator, cloud: str) -> Any:
    """A model that will be cut in the midst of a call."""
    emulator.reply(text("I write."), raw_tool_use("write_file", CUT), stop_reason="max_tokens")
    return make_model(emulator, cloud).bind_tools([TOOL])


def assert_standard_and_invalid(message: BaseMessage) -> None:
    """Assert that a message is LangChain's own, and holds the call as invalid alone."""
    assert type(message) in (AIMessage, AIMessageChunk)
    assert isinstance(message, AIMessage)
    assert message.tool_calls == []
    assert [call["name"] for call in message.invalid_tool_calls] == ["write_file"]
    assert "tool_call" not in [block["type"] for block in message.content_blocks]


def traced_message(client: RecordingClient) -> BaseMessage:
    """Return the message that the last run was reported to have ended with."""
    ended = [run["outputs"] for run in client.sent if run.get("outputs")]
    (generation,) = ended[-1]["generations"][0]
    assert "langchain_claude_cloud" not in json.dumps(generation["message"]["id"])
    message: BaseMessage = load(generation["message"], allowed_objects="core")
    return message


@pytest.mark.parametrize("way", ["invoke", "stream", "astream"])
def test_the_tracer_reports_a_cut_call_as_invalid(way: str, cut_model: Any) -> None:
    """By a type that whoever reads the trace has, too."""
    client = RecordingClient()
    config = {"callbacks": [LangChainTracer(project_name="p", client=client)]}  # type: ignore[arg-type]  # as far as it goes

    async def astream() -> None:
        async for _ in cut_model.astream("Write.", config):
            pass

    if way == "astream":
        asyncio.run(astream())
    else:
        list(cut_model.stream("Write.", config) if way == "stream" else [])
        if way == "invoke":
            cut_model.invoke("Write.", config)
    assert_standard_and_invalid(traced_message(client))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_events_show_a_cut_call_as_invalid(version: str, cut_model: Any) -> None:
    """In the event at the end; those before are chunks as any model's."""

    async def read() -> list[Any]:
        return [event async for event in cut_model.astream_events("Write.", version=version)]

    events = asyncio.run(read())
    streamed = [event for event in events if event["event"] == "on_chat_model_stream"]
    assert streamed
    for event in streamed:
        assert isinstance(event["data"]["chunk"], AIMessageChunk)
    (ended,) = [event for event in events if event["event"] == "on_chat_model_end"]
    output = ended["data"]["output"]
    message = output["generations"][0][0]["message"] if isinstance(output, dict) else output
    assert isinstance(message, AIMessage)
    assert message.tool_calls == []
    assert_standard_and_invalid(load(json.loads(dumps(message)), allowed_objects="core"))

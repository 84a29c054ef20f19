"""A model that does not exist yet works by its name alone: it answers, streams and calls tools."""

from __future__ import annotations

from typing import Any, Final

import pytest
from clouds import make_model
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage

from langchain_claude_cloud import Bedrock, Vertex
from langchain_claude_cloud.catalogue.models import ModelInfo, all_models
from langchain_claude_cloud.testing import CloudEmulator, text, tool_use
from langchain_claude_cloud.tool_calls import iter_tool_calls

NAMES: Final = ("claude-sonnet-6", "claude-opus-9-1", "claude-haiku-7", "claude-fable-6")
VERTEX_IDS: Final = (*NAMES, "claude-sonnet-6@20270101", "claude-opus-9-1@default")
BEDROCK_IDS: Final = (
    *NAMES,
    "anthropic.claude-sonnet-6",
    "eu.anthropic.claude-opus-9-1",
    "global.anthropic.claude-haiku-7",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-6",
)
CASES: Final = [
    *(("vertex", model) for model in VERTEX_IDS),
    *(("bedrock", model) for model in BEDROCK_IDS),
]
CONTENT: Final = "A river. " * 40
WRITE_FILE: Final[dict[str, Any]] = {
    "name": "write_file",
    "description": "Write a file.",
    "input_schema": {
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["path", "content"],
    },
}


def settings_of(model: str) -> dict[str, Any]:
    """Return what an id needs besides itself: a bare id is sent as it is, and answers nothing."""
    return {"inference_profile": "us"} if model.startswith("anthropic.") else {}


def make(emulator: CloudEmulator, cloud: str, model: str, **fields: Any) -> Any:
    """Return a model on a cloud."""
    llm = make_model(emulator, cloud, model=model, **fields)
    platform = llm.platform
    assert isinstance(platform, Vertex | Bedrock)
    return llm.model_copy(update={"platform": platform.model_copy(update=settings_of(model))})


@pytest.mark.peer_defect(
    peers="ChatBedrock, ChatBedrockConverse", defect="models that are not on a list do not stream"
)
@pytest.mark.parametrize(("cloud", "model"), CASES)
async def test_it_answers_streams_and_calls_tools(
    emulator: CloudEmulator, cloud: str, model: str
) -> None:
    """Sync and async, in strict emulation: nothing is sent that its family refuses."""
    llm = make(emulator, cloud, model)
    assert llm.invoke("Hello").text
    assert (await llm.ainvoke("Hello")).text
    assert "".join(chunk.text for chunk in llm.stream("Hello"))

    emulator.reply(text("Now."), tool_use("write_file", {"path": "a.md", "content": CONTENT}))
    chunks = list(llm.bind_tools([WRITE_FILE]).stream("Write."))
    grown = [
        len(update.args.get("content", ""))
        for update in iter_tool_calls(iter(chunks))
        if isinstance(update.args, dict)
    ]
    assert len(set(grown)) > 5, "the arguments did not stream"
    whole = sum(chunks[1:], chunks[0])
    assert isinstance(whole, AIMessageChunk)
    [call] = whole.tool_calls
    assert call["args"] == {"path": "a.md", "content": CONTENT}

    result = ToolMessage("written", tool_call_id=call["id"])
    answer = await llm.bind_tools([WRITE_FILE]).ainvoke([HumanMessage("Write."), whole, result])
    assert answer.text
    assert {request.status for request in emulator.requests} == {200}
    assert all(model.rpartition("/")[2] in request.model for request in emulator.requests)


@pytest.mark.parametrize(("cloud", "model"), CASES)
def test_its_arguments_are_asked_for_as_they_are_written(
    emulator: CloudEmulator, cloud: str, model: str
) -> None:
    """By the field that the newest of its family takes, and its longest answer is theirs."""
    llm = make(emulator, cloud, model, max_tokens=None)
    list(llm.bind_tools([WRITE_FILE]).stream("Write."))
    body = emulator.requests[-1].body
    assert body["tools"][0]["eager_input_streaming"] is True
    assert body["max_tokens"] == 128_000


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_a_cloud_that_is_behind_is_asked_without_the_field(
    emulator: CloudEmulator, cloud: str
) -> None:
    """What the package adds by itself is no reason to fail, on a model that nobody knows."""
    emulator.fault(
        status=400,
        error_type="invalid_request_error",
        message="tools.0.custom.eager_input_streaming: Extra inputs are not permitted",
    )
    llm = make(emulator, cloud, "claude-sonnet-77")
    assert list(llm.bind_tools([WRITE_FILE]).stream("Write."))
    first, second = emulator.requests
    assert "eager_input_streaming" in first.body["tools"][0]
    assert "eager_input_streaming" not in second.body["tools"][0]


# What a call gets by default


SERVED: Final = [
    (cloud, row)
    for row in all_models()
    for cloud in ("vertex", "bedrock")
    if row.is_served(cloud) and (cloud == "vertex" or row.bedrock_prefixes)
]
"""The models that the clouds serve; Bedrock serves few without an inference profile."""


@pytest.mark.peer_defect(
    peers="ChatAnthropic",
    defect="a model by its cloud id, or not in a table of profiles, gets 4,096 tokens for its answer",
)
@pytest.mark.parametrize(
    ("cloud", "row"), SERVED, ids=[f"{cloud}-{row.name}" for cloud, row in SERVED]
)
def test_the_longest_answer_is_the_models_own(
    emulator: CloudEmulator, cloud: str, row: ModelInfo
) -> None:
    """``max_tokens`` comes from the catalogue; nobody has set it, so the answer is streamed."""
    llm = make_model(emulator, cloud, model=row.name, max_tokens=None)
    assert llm.invoke("Hello").text
    request = emulator.requests[-1]
    assert request.body["max_tokens"] == row.max_output_tokens
    assert request.operation == "stream"


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
async def test_a_long_answer_is_streamed_internally_and_comes_whole(
    emulator: CloudEmulator, cloud: str
) -> None:
    """The same message as from one response; only a short one is waited for whole."""
    llm = make_model(emulator, cloud)
    said = "A long answer. " * 50
    metadata = []
    for limit, operation in ((21_333, "invoke"), (21_334, "stream")):
        emulator.reply(text(said), times=2)
        ways = [llm.invoke("Hello", max_tokens=limit)]
        ways.append(await llm.ainvoke("Hello", max_tokens=limit))
        assert [way.content for way in ways] == [said] * 2
        assert [request.operation for request in emulator.requests[-2:]] == [operation] * 2
        metadata += [way.response_metadata for way in ways]
    # Bedrock's own measurements come with streams alone.
    keys = {frozenset(each) - {"amazon-bedrock-invocationMetrics"} for each in metadata}
    assert len(keys) == 1
    assert {each["stop_reason"] for each in metadata} == {"end_turn"}

"""The real clouds, with the caller's credentials: ``pytest --live integration_tests``.

Everything comes from the environment, as `claude-cloud doctor` shows it. One cloud alone:
``-k vertex`` or ``-k bedrock``. A run costs a few thousand tokens.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage

from langchain_claude_cloud import ChatClaudeCloud

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("callers_environment")]

PARAGRAPHS = {
    "name": "write_file",
    "description": "Write a file.",
    "input_schema": {
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["path", "content"],
    },
}
TASK = "Write three paragraphs about rivers to rivers.md with write_file, in one call."


def make_model(cloud: str, **fields: Any) -> ChatClaudeCloud:
    """Return a model of a cloud, configured by the environment."""
    given = {
        "model": os.environ.get("ANTHROPIC_MODEL") or "claude-sonnet-5-5",
        "effort": "low",
        "max_tokens": 4000,
    }
    return ChatClaudeCloud(platform=cloud, **{**given, **fields})


def merge(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    """Add chunks up."""
    merged = chunks[0]
    for chunk in chunks[1:]:
        added = merged + chunk
        assert isinstance(added, AIMessageChunk)
        merged = added
    return merged


def test_answers(cloud: str) -> None:
    """A question gets words, a stop reason and usage."""
    answer = make_model(cloud).invoke("Answer with one word: what is the capital of France?")
    assert "Paris" in answer.text
    assert answer.response_metadata["stop_reason"] == "end_turn"
    assert answer.response_metadata["platform"] == cloud
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] > 0


async def test_answers_async(cloud: str) -> None:
    """The same on an event loop, streamed."""
    question = "Answer with one word: what is the capital of France?"
    chunks = [chunk async for chunk in make_model(cloud).astream(question)]
    assert "Paris" in "".join(chunk.text for chunk in chunks)


def test_streams_a_call_as_it_is_written(cloud: str) -> None:
    """Arguments come in many fragments, and the whole call is valid."""
    model = make_model(cloud).bind_tools([PARAGRAPHS])
    chunks = [chunk for chunk in model.stream(TASK) if isinstance(chunk, AIMessageChunk)]
    fragments = [part for chunk in chunks for part in chunk.tool_call_chunks if part["args"]]
    (call,) = merge(chunks).tool_calls
    assert len(fragments) > 3
    assert call["args"]["path"] == "rivers.md"
    assert len(call["args"]["content"]) > 200


def cut_call(cloud: str) -> AIMessage:
    """Return an answer that was cut inside its call, with as few tokens as that takes."""
    model = make_model(cloud).bind_tools([PARAGRAPHS])
    for limit in (200, 400, 600):
        answer = model.invoke(TASK, max_tokens=limit)
        if answer.invalid_tool_calls:
            return answer
    raise AssertionError("no call was cut")


def test_a_cut_call_goes_back_and_is_repeated(cloud: str) -> None:
    """The API takes the history with the invalid call, and the model sends it again."""
    answer = cut_call(cloud)
    assert answer.tool_calls == []
    (broken,) = answer.invalid_tool_calls
    assert "max_tokens" in str(broken["error"])
    refusal = ToolMessage(
        "Not run: it was cut off. Send the whole call again.",
        tool_call_id=str(broken["id"]),
        status="error",
    )
    model = make_model(cloud).bind_tools([PARAGRAPHS])
    second = model.invoke([HumanMessage(TASK), answer, refusal])
    (call,) = second.tool_calls
    assert call["args"]["content"]


def test_structured_output(cloud: str) -> None:
    """An answer has the form of a schema."""
    schema = {
        "title": "city",
        "type": "object",
        "properties": {"name": {"type": "string"}, "country": {"type": "string"}},
        "required": ["name", "country"],
        "additionalProperties": False,
    }
    found = make_model(cloud).with_structured_output(schema).invoke("The capital of Portugal.")
    assert found == {"name": "Lisbon", "country": "Portugal"}


def test_counts_tokens(cloud: str) -> None:
    """A prompt has more tokens with tools than without."""
    model = make_model(cloud)
    bare = model.count_tokens("Hello")
    assert 0 < bare < model.count_tokens("Hello", tools=[PARAGRAPHS])

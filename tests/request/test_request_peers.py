"""Messages that other integrations for Claude made go back to it as the model wrote them.

Their forms are those that langchain-anthropic 1.7.7, langchain-google-vertexai 3.2.5 and
langchain-aws 1.9.1 made of recorded streams.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from data import load_recordings, needs_data
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from tool_histories import MODEL

from langchain_claude_cloud.request.messages.assistant import convert_assistant
from langchain_claude_cloud.request.messages.conversion import convert_messages

Json = dict[str, Any]

TOOL_CALL = {"type": "tool_call", "id": "toolu_1", "name": "f", "args": {"a": 1}}
TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "sig=="}
STANDARD = {"type": "reasoning", "reasoning": "Hm.", "extras": {"signature": "sig=="}}
REDACTED = {"type": "redacted_thinking", "data": "Eu8ECkgIBxAB"}
TEXT = {"type": "text", "text": "Let me look."}
SEARCH = {
    "type": "server_tool_use",
    "id": "srvtoolu_1",
    "name": "web_search",
    "input": {"query": "q"},
}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
ANTHROPIC = {"model_provider": "anthropic", "stop_reason": "tool_use", "model_name": "claude-x"}
CONVERSE = {
    "model_provider": "bedrock_converse",
    "stopReason": "tool_use",
    "model_name": "anthropic.claude-x",
}
BEDROCK = {"model_provider": "bedrock", "stop_reason": "tool_use"}
V1 = {"output_version": "v1"}
RAW = '{"a": 1}'

CASES: dict[str, tuple[list[Any], Json, list[Json]]] = {
    "ChatAnthropic, streamed": (
        [
            {**SIGNED, "index": 0},
            {**TEXT, "index": 1},
            {**SEARCH, "input": {}, "index": 2, "partial_json": '{"query": "q"}'},
            {**FOUND, "caller": {"type": "direct"}, "index": 3},
            {**TOOL_USE, "input": {}, "caller": {"type": "direct"}, "toolset_name": None,
             "index": 4, "partial_json": RAW},
        ],
        ANTHROPIC,
        [SIGNED, TEXT, SEARCH, {**FOUND, "caller": {"type": "direct"}},
         {**TOOL_USE, "caller": {"type": "direct"}}],
    ),
    "ChatAnthropic, streamed, v1": (
        [
            {**STANDARD, "index": 0},
            {"type": "non_standard", "value": REDACTED, "index": 1},
            {"type": "server_tool_call", "id": "srvtoolu_1", "name": "web_search",
             "args": {"query": "q"}, "index": 2},
            {"type": "server_tool_result", "tool_call_id": "srvtoolu_1", "status": "success",
             "extras": {"block_type": "web_search_tool_result"}, "output": [], "index": 3},
            {**TOOL_CALL, "extras": {"toolset_name": None}, "index": 4},
        ],
        {**ANTHROPIC, **V1},
        [SIGNED, REDACTED, SEARCH, FOUND, TOOL_USE],
    ),
    "ChatAnthropic, nulls of other blocks": (
        [
            {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "ask", "server_name": "wiki",
             "input": {"q": 1}, "text": None},
            {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False,
             "content": [TEXT], "name": None},
            TOOL_USE,
        ],
        ANTHROPIC,
        [
            {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "ask", "server_name": "wiki",
             "input": {"q": 1}},
            {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False,
             "content": [TEXT]},
            TOOL_USE,
        ],
    ),
    "ChatAnthropic, a model that thinks by default": (
        ["", {**SIGNED, "index": 0}, "Let me look.", TOOL_USE],
        ANTHROPIC,
        [SIGNED, TEXT, TOOL_USE],
    ),
    "ChatAnthropicVertex, streamed": (
        [{**SIGNED, "index": 0}, {**TEXT, "index": 1},
         {**TOOL_USE, "input": {}, "index": 2, "partial_json": RAW}],
        ANTHROPIC,
        [SIGNED, TEXT, TOOL_USE],
    ),
    "ChatBedrock, streamed, v1": (
        [{"type": "tool_call_chunk", "name": "", "id": None, "args": '{"query": "q"}', "index": 0},
         {**TEXT, "index": 2}, TOOL_CALL],
        {**BEDROCK, **V1},
        [TEXT, TOOL_USE],
    ),
    "ChatBedrockConverse": (
        [{"type": "reasoning_content", "reasoning_content": {"text": "Hm.", "signature": "sig=="}},
         {"type": "reasoning_content", "reasoning_content": {"redacted_content": b"Eu8ECkgIBxAB"}},
         TEXT, TOOL_USE],
        CONVERSE,
        [SIGNED, REDACTED, TEXT, TOOL_USE],
    ),
    "ChatBedrockConverse, streamed": (
        [{"type": "text", "text": "", "index": 0},
         {"type": "reasoning_content", "reasoning_content": {"text": "unsigned"}, "index": 1},
         {**TEXT, "index": 2}, {**TOOL_USE, "input": RAW, "index": 3}],
        CONVERSE,
        [TEXT, TOOL_USE],
    ),
    "ChatBedrockConverse, v1": (
        [STANDARD, {"type": "reasoning", "extras": {"redacted_content": b"Eu8ECkgIBxAB"}},
         TEXT, TOOL_CALL],
        {**CONVERSE, **V1},
        [SIGNED, REDACTED, TEXT, TOOL_USE],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_answers_of_other_integrations_go_back_as_the_model_wrote_them(name: str) -> None:
    """Thinking with its signature, calls with their arguments, nothing of the stream."""
    content, metadata, wire = CASES[name]
    message = AIMessage(content, tool_calls=[TOOL_CALL], response_metadata=metadata)
    history = [HumanMessage("q"), message, ToolMessage("done", tool_call_id="toolu_1")]
    sent = convert_messages(history, MODEL).messages
    assert sent[1] == {"role": "assistant", "content": wire}
    assert sent[2]["content"][0]["tool_use_id"] == "toolu_1"


def test_a_phantom_call_of_a_server_tool_is_none() -> None:
    """ChatAnthropicVertex, ChatBedrock and ChatBedrockConverse make one of such a stream."""
    phantom = {"type": "tool_call", "name": "", "args": {"query": "q"}, "id": None}
    message = AIMessage([TEXT], tool_calls=[phantom], response_metadata=BEDROCK)
    assert convert_assistant(message).content == [TEXT]


@needs_data
def test_recorded_redacted_thinking_of_converse_is_that_of_the_messages_api() -> None:
    """What boto3 decodes is the data's text, which must not be encoded again."""
    found = 0
    for row in load_recordings("bedrock"):
        if row["op"] != "converse" or b"redactedContent" not in row["body"]:
            continue
        for block in json.loads(row["body"])["output"]["message"]["content"]:
            if "reasoningContent" in block:
                data = base64.b64decode(block["reasoningContent"]["redactedContent"])
                held = {"redacted_content": data}
                given = [{"type": "reasoning_content", "reasoning_content": held}]
                (wire,) = convert_assistant(AIMessage(given, response_metadata=CONVERSE)).content
                # A protobuf message, as in the data that the Messages API gives.
                assert base64.b64decode(wire["data"])[0] == 0x12
                found += 1
    assert found

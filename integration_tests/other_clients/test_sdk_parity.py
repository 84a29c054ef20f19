"""A request of ours is what the vendor's SDK sends for the same call, but for what is listed.

Both talk to the emulator over HTTP, and what arrived is compared: method, path and body.
"""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pytest
from anthropic import AnthropicBedrock, AnthropicVertex
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.testing import CloudEmulator, ReceivedRequest

INTENDED = {
    "anthropic_version": "the SDK sends 2026-10-21, which older models on Bedrock refuse; ours "
    "is the version that every model takes, and a field of the platform",
    "tools.eager_input_streaming": "fine-grained streaming of tool arguments is on by default, "
    "by the field where the cloud takes it",
    "anthropic_beta": "older models on Bedrock get fine-grained streaming by the beta",
    "path": "a colon in a Bedrock model id is percent-encoded, as botocore does",
    "header": "the SDK sends betas to Bedrock in the header too; the body is where they count",
}

MODELS = {
    "vertex": "claude-sonnet-4-6",
    "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"name": "get_weather", "description": "Weather", "input_schema": SCHEMA}


def png() -> str:
    """Return a picture of one dot, in base64."""

    def part(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = part(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    body = part(b"IDAT", zlib.compress(b"\x00\x00")) + part(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + head + body).decode()


PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()


@dataclass
class Case:
    """One call, in LangChain's words and in the SDK's."""

    messages: list[BaseMessage]
    sdk: dict[str, Any]
    arguments: dict[str, Any] = field(default_factory=dict)
    stream: bool = False


def _image(data: str) -> dict[str, Any]:
    source = {"type": "base64", "media_type": "image/png", "data": data}
    return {"type": "image", "source": source}


CASES = {
    "text": Case([HumanMessage("Hi")], {"messages": [{"role": "user", "content": "Hi"}]}),
    "text, streamed": Case(
        [HumanMessage("Hi")], {"messages": [{"role": "user", "content": "Hi"}]}, stream=True
    ),
    "system, stop": Case(
        [SystemMessage("Be brief."), HumanMessage("Hi")],
        {
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "Hi"}],
            "stop_sequences": ["END"],
        },
        {"stop": ["END"]},
    ),
    "tools, streamed": Case(
        [HumanMessage("Weather?")],
        {
            "messages": [{"role": "user", "content": "Weather?"}],
            "tools": [TOOL],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        },
        {"tools": [TOOL], "tool_choice": "any", "parallel_tool_calls": False},
        stream=True,
    ),
    "a tool's result": Case(
        [
            HumanMessage("Weather?"),
            AIMessage(
                "", tool_calls=[{"name": "get_weather", "args": {"city": "Rome"}, "id": "t1"}]
            ),
            ToolMessage("sunny", tool_call_id="t1"),
        ],
        {
            "messages": [
                {"role": "user", "content": "Weather?"},
                {
                    "role": "assistant",
                    "content": [
                        {
                            "type": "tool_use",
                            "id": "t1",
                            "name": "get_weather",
                            "input": {"city": "Rome"},
                        }
                    ],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "sunny"}],
                },
            ],
            "tools": [TOOL],
        },
        {"tools": [TOOL]},
    ),
    "image and document": Case(
        [
            HumanMessage(
                [
                    {"type": "text", "text": "Compare."},
                    {"type": "image", "base64": png(), "mime_type": "image/png"},
                    {"type": "file", "base64": PDF, "mime_type": "application/pdf"},
                ]
            )
        ],
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Compare."},
                        _image(png()),
                        {
                            "type": "document",
                            "source": {
                                "type": "base64",
                                "media_type": "application/pdf",
                                "data": PDF,
                            },
                        },
                    ],
                }
            ]
        },
    ),
    "thinking, caching": Case(
        [
            SystemMessage(
                [{"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}]
            ),
            HumanMessage("Hi"),
        ],
        {
            "max_tokens": 4000,
            "system": [{"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": "Hi"}],
            "thinking": {"type": "enabled", "budget_tokens": 2000},
        },
        {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000},
    ),
    "user id": Case(
        [HumanMessage("Hi")],
        {"messages": [{"role": "user", "content": "Hi"}], "metadata": {"user_id": "u-1"}},
        {"user_id": "u-1"},
    ),
}


def _by_sdk(emulator: CloudEmulator, cloud: str, case: Case) -> ReceivedRequest:
    client: Any
    if cloud == "vertex":
        client = AnthropicVertex(
            region="global",
            project_id=emulator.project,
            access_token=emulator.access_token,
            base_url=emulator.vertex_url,
            max_retries=0,
        )
    else:
        client = AnthropicBedrock(
            aws_region=emulator.region,
            aws_access_key=emulator.aws_key.access_key_id,
            aws_secret_key=emulator.aws_key.secret_access_key,
            base_url=emulator.url,
            max_retries=0,
        )
    # The version that the SDK sends by itself is one that older models refuse: see INTENDED.
    version = {"vertex": "vertex-2023-10-16", "bedrock": "bedrock-2023-05-31"}[cloud]
    arguments = {"max_tokens": 100, **case.sdk, "extra_body": {"anthropic_version": version}}
    with client:
        answer = client.messages.create(model=MODELS[cloud], stream=case.stream, **arguments)
        if case.stream:
            list(answer)
    return emulator.requests[-1]


def _by_us(emulator: CloudEmulator, cloud: str, case: Case) -> ReceivedRequest:
    platform = getattr(emulator, cloud)()
    model = ChatClaudeCloud(model=MODELS[cloud], platform=platform, max_tokens=100)
    if case.stream:
        list(model.stream(case.messages, **case.arguments))
    else:
        model.invoke(case.messages, **case.arguments)
    return emulator.requests[-1]


def _without_intended(body: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in body.items() if k not in ("anthropic_version", "anthropic_beta")}
    if "tools" in kept:
        kept["tools"] = [
            {k: v for k, v in tool.items() if k != "eager_input_streaming"}
            for tool in kept["tools"]
        ]
    if kept.get("stream") is False:
        del kept["stream"]
    return kept


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_our_request_is_the_sdks(emulator: CloudEmulator, cloud: str, name: str) -> None:
    """Same operation, same model, same body: what differs is in the list of what we intend."""
    theirs = _by_sdk(emulator, cloud, CASES[name])
    ours = _by_us(emulator, cloud, CASES[name])
    assert unquote(ours.path) == unquote(theirs.path)
    assert (ours.platform, ours.operation, ours.model) == (
        theirs.platform,
        theirs.operation,
        theirs.model,
    )
    assert _without_intended(ours.body) == _without_intended(theirs.body)
    assert ours.body["anthropic_version"] == theirs.body["anthropic_version"]


def test_the_intended_differences_are_the_ones_that_exist(emulator: CloudEmulator) -> None:
    """Each entry of the list can be seen on the wire, or it does not belong there."""
    case = CASES["tools, streamed"]
    vertex, bedrock = (_by_us(emulator, cloud, case) for cloud in ("vertex", "bedrock"))
    assert vertex.body["tools"][0]["eager_input_streaming"] is True
    assert "eager_input_streaming" not in bedrock.body["tools"][0]
    assert bedrock.body["anthropic_beta"] == ["fine-grained-tool-streaming-2025-05-14"]
    assert "anthropic-beta" not in {name.lower() for name in bedrock.headers}
    assert "%3A" in bedrock.path
    assert INTENDED.keys() >= {"anthropic_version", "path", "header"}


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
def test_betas_travel_where_the_cloud_reads_them(emulator: CloudEmulator, cloud: str) -> None:
    """In the header on Vertex AI, in the body on Bedrock; what the user lists is always sent."""
    beta = "context-management-2025-06-27"
    platform = getattr(emulator, cloud)()
    model = ChatClaudeCloud(
        model=MODELS[cloud], platform=platform, max_tokens=100, betas=[beta], context_1m=True
    )
    model.invoke("Hi")
    request = emulator.requests[-1]
    expected = [beta, "context-1m-2025-08-07"]
    if cloud == "vertex":
        assert request.headers["anthropic-beta"].split(",") == expected
        assert "anthropic_beta" not in request.body
    else:
        assert request.body["anthropic_beta"] == expected

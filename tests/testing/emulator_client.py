"""A plain HTTP client for the emulator's tests."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

import httpx
from botocore.eventstream import EventStreamBuffer

from langchain_claude_cloud.testing import CloudEmulator

VERTEX_MODEL = "claude-sonnet-4-5@20250929"
BEDROCK_MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
WEATHER = {
    "name": "get_weather",
    "description": "Look up the current weather at a place",
    "input_schema": {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
}


def ask(text: str, **fields: Any) -> dict[str, Any]:
    """Return a body that asks one question, without the cloud's own fields."""
    return {"max_tokens": 1000, "messages": [{"role": "user", "content": text}], **fields}


@cache
def _shared_http() -> httpx.Client:
    """One client for all tests: making one reads the certificates anew, 30 ms each time."""
    return httpx.Client(timeout=10, trust_env=False)


class Client:
    """Sends bodies to an emulator as each cloud wants them."""

    def __init__(self, emulator: CloudEmulator) -> None:
        self.emulator = emulator
        self.http = _shared_http()

    def vertex(
        self,
        body: dict[str, Any],
        *,
        model: str = VERTEX_MODEL,
        method: str = "rawPredict",
        region: str = "global",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Call Vertex with a good token."""
        path = f"/projects/p/locations/{region}/publishers/anthropic/models/{model}:{method}"
        return self.http.post(
            self.emulator.vertex_url + path,
            json={"anthropic_version": "vertex-2023-10-16", **body},
            headers={"authorization": f"Bearer {self.emulator.access_token}", **(headers or {})},
        )

    def bedrock(
        self,
        body: dict[str, Any],
        *,
        model: str = BEDROCK_MODEL,
        operation: str = "invoke",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Call Bedrock with a good API key."""
        return self.http.post(
            f"{self.emulator.url}/model/{model}/{operation}",
            json={"anthropic_version": "bedrock-2023-05-31", **body},
            headers={
                "authorization": f"Bearer {self.emulator.bedrock_api_key}",
                **(headers or {}),
            },
        )

    def messages(
        self,
        body: dict[str, Any],
        *,
        api: str = "messages",
        path: str = "",
        region: str = "us-east-1",
        headers: dict[str, str | None] | None = None,
    ) -> httpx.Response:
        """Call Bedrock's Messages API by its host's name, with a good API key."""
        name = {"messages": "bedrock-runtime", "mantle": "bedrock-mantle"}[api]
        domain = {"messages": "amazonaws.com", "mantle": "api.aws"}[api]
        given = {
            "host": f"{name}.{region}.{domain}",
            "authorization": f"Bearer {self.emulator.bedrock_api_key}",
            "anthropic-version": "2023-06-01",
            **(headers or {}),
        }
        return self.http.post(
            f"{self.emulator.url}/anthropic/v1/messages{path}",
            json=body,
            headers={name: value for name, value in given.items() if value is not None},
        )

    def vertex_events(self, body: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
        """Stream on Vertex and return the events."""
        response = self.vertex({"stream": True, **body}, method="streamRawPredict", **options)
        assert response.status_code == 200, response.text
        return sse(response.content)

    def bedrock_events(self, body: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
        """Stream on Bedrock and return the events."""
        response = self.bedrock(body, operation="invoke-with-response-stream", **options)
        assert response.status_code == 200, response.text
        return frames(response.content)


def sse(data: bytes) -> list[dict[str, Any]]:
    """Return the events of SSE text."""
    lines = [line for line in data.decode().split("\n") if line.startswith("data:")]
    return [json.loads(line[5:]) for line in lines]


def frames(data: bytes) -> list[dict[str, Any]]:
    """Return the events of an event stream; botocore checks both checksums."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [json.loads(base64.b64decode(json.loads(m.payload)["bytes"])) for m in buffer]


def folded_input(events: list[dict[str, Any]]) -> str:
    """Return the joined ``partial_json`` of a stream."""
    deltas = (event["delta"] for event in events if event["type"] == "content_block_delta")
    return "".join(delta.get("partial_json", "") for delta in deltas)


def tool_calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tool calls of a message."""
    return [block for block in message["content"] if block["type"] == "tool_use"]

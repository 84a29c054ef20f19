"""The vendor's clients for ``bedrock-mantle`` and Claude Platform beside ours, on the emulator."""

from __future__ import annotations

from typing import Any, Final

import pytest
from anthropic import AnthropicAWS, AnthropicBedrockMantle

from langchain_claude_cloud import Bedrock, ChatClaudeCloud
from langchain_claude_cloud.routing.routes import make_routes
from langchain_claude_cloud.testing import CloudEmulator, ReceivedRequest, text, tool_use

MODEL: Final = "anthropic.claude-sonnet-4-6"
TOOL: Final[dict[str, Any]] = {
    "name": "get_weather",
    "description": "Weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
BETA: Final = "context-management-2025-06-27"
OURS_ALONE: Final = {"eager_input_streaming"}
"""Tool arguments as they are written are on by default in this package."""
by_key = pytest.mark.parametrize("by_key", [False, True], ids=["signed", "key"])


api = pytest.mark.parametrize("api", ["mantle", "claude-platform"])


def _model(api: str) -> str:
    return MODEL if api == "mantle" else MODEL.removeprefix("anthropic.")


def _key(emulator: CloudEmulator, api: str) -> str:
    return emulator.bedrock_api_key if api == "mantle" else emulator.claude_platform_api_key


def _client(emulator: CloudEmulator, api: str, *, by_key: bool) -> Any:
    pair = emulator.aws_key
    given: dict[str, Any] = {"aws_region": emulator.region, "max_retries": 0}
    if by_key:
        given["api_key"] = _key(emulator, api)
    else:
        given |= {"aws_access_key": pair.access_key_id, "aws_secret_key": pair.secret_access_key}
    if api == "mantle":
        return AnthropicBedrockMantle(base_url=f"{emulator.url}/anthropic", **given)
    return AnthropicAWS(base_url=emulator.url, workspace_id=emulator.workspace, **given)


@api
@by_key
def test_the_sdks_client_runs_on_the_emulator(
    emulator: CloudEmulator, api: str, *, by_key: bool
) -> None:
    """A message, a count, and a tool call that is streamed, with the SDK's own version header."""
    asked: dict[str, Any] = {
        "model": _model(api),
        "messages": [{"role": "user", "content": "Weather in Rome?"}],
    }
    with _client(emulator, api, by_key=by_key) as client:
        emulator.reply(text("Sunny."))
        answer = client.messages.create(max_tokens=100, **asked)
        assert answer.content[0].text == "Sunny."
        assert client.messages.count_tokens(**asked).input_tokens > 0
        emulator.reply(text("I look."), tool_use("get_weather", {"city": "Rome"}))
        with client.messages.stream(max_tokens=100, tools=[TOOL], **asked) as stream:
            kinds = [event.type for event in stream]
            last = stream.get_final_message()
    assert "input_json" in kinds
    assert last.stop_reason == "tool_use"
    assert last.content[-1].input == {"city": "Rome"}
    assert [request.api for request in emulator.requests] == [api] * 3


@api
@by_key
@pytest.mark.parametrize("streams", [False, True])
def test_our_request_is_the_sdks(
    emulator: CloudEmulator, api: str, *, by_key: bool, streams: bool
) -> None:
    """The same URL, scope of the signature, headers of the API, and body."""
    with _client(emulator, api, by_key=by_key) as client:
        answer = client.beta.messages.create(
            model=_model(api),
            max_tokens=100,
            messages=[{"role": "user", "content": "Hi"}],
            system="Be brief.",
            tools=[TOOL],
            betas=[BETA],
            stream=streams,
            extra_headers={"anthropic-version": "2023-06-01"},
        )
        if streams:
            list(answer)
    theirs = emulator.requests[-1]
    identity = {"api_key": _key(emulator, api)} if by_key else {}
    model = ChatClaudeCloud(
        model="claude-sonnet-4-6",
        platform=emulator.bedrock(api=api, **identity),
        max_tokens=100,
        betas=[BETA],
    )
    asked = [("system", "Be brief."), ("human", "Hi")]
    if streams:
        list(model.stream(asked, tools=[TOOL]))
    else:
        model.invoke(asked, tools=[TOOL])
    ours = emulator.requests[-1]
    assert (ours.path, ours.api, ours.operation) == (theirs.path, theirs.api, theirs.operation)
    for name in ("version", "beta", "workspace-id"):
        header = f"anthropic-{name}"
        assert ours.headers.get(header) == theirs.headers.get(header), header
    for name in ("content-type", "host"):
        assert ours.headers[name] == theirs.headers[name], name
    assert _scheme(ours) == _scheme(theirs)
    assert _without_ours(ours.body) == _without_ours(theirs.body)


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
@api
def test_our_address_is_the_sdks(api: Any, region: str) -> None:
    """As both are by default."""
    keys = {"aws_region": region, "aws_access_key": "A", "aws_secret_key": "s"}
    sdk: Any = (
        AnthropicBedrockMantle(**keys)
        if api == "mantle"
        else AnthropicAWS(workspace_id="wrkspc_1", **keys)
    )
    with sdk:
        expected = f"{str(sdk.base_url).rstrip('/')}/v1/messages"
    workspace = None if api == "mantle" else "wrkspc_1"
    config = Bedrock(
        region=region, api=api, access_key_id="A", secret_access_key="s", workspace=workspace
    )
    platform = make_routes([config], "claude-sonnet-4-6")[0].platform
    assert platform.endpoint("x", "stream") == expected


def _scheme(request: ReceivedRequest) -> str:
    """Return the scheme and the scope of the credentials, without what differs in each request."""
    value = request.headers["authorization"]
    return value if value.startswith("Bearer ") else value.partition(", SignedHeaders")[0]


def _without_ours(body: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in body.items() if (name, value) != ("stream", False)}
    kept["tools"] = [
        {name: value for name, value in each.items() if name not in OURS_ALONE}
        for each in body["tools"]
    ]
    if isinstance(kept["system"], list):
        kept["system"] = "".join(block["text"] for block in kept["system"])
    return kept

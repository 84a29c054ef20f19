"""Clients that are not ours against the emulator: the anthropic SDK and boto3.

What they accept and how they sign was written by others; where they work unchanged, the
emulator speaks as the clouds do.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import boto3
import pytest
from anthropic import (
    AnthropicBedrock,
    AnthropicVertex,
    AsyncAnthropicBedrock,
    AsyncAnthropicVertex,
)
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from langchain_claude_cloud.testing import CloudEmulator, text, thinking, tool_use

QUESTION = [{"role": "user", "content": "What is the weather in 'San Francisco, CA'?"}]
TOOLS = [
    {
        "name": "get_weather",
        "description": "Look up the weather at a place",
        "input_schema": {
            "type": "object",
            "properties": {"location": {"type": "string"}},
            "required": ["location"],
        },
    }
]
VERTEX_MODEL = "claude-sonnet-5-5"
BEDROCK_MODEL = "global.anthropic.claude-sonnet-5-5"
OLD_BEDROCK_MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARGUMENTS = {"location": "San Francisco, CA"}


def vertex_settings(emulator: CloudEmulator) -> dict[str, Any]:
    """Return how the SDK's Vertex clients reach an emulator."""
    return {
        "region": "global",
        "project_id": "some-project",
        "access_token": emulator.access_token,
        "base_url": emulator.vertex_url,
        "max_retries": 0,
    }


def bedrock_settings(emulator: CloudEmulator) -> dict[str, Any]:
    """Return how the SDK's Bedrock clients reach an emulator."""
    return {
        "aws_region": "eu-west-1",
        "aws_access_key": emulator.aws_key.access_key_id,
        "aws_secret_key": emulator.aws_key.secret_access_key,
        "base_url": emulator.url,
        "max_retries": 0,
    }


@pytest.fixture(params=["vertex", "bedrock"])
def sdk(request: pytest.FixtureRequest, emulator: CloudEmulator) -> Iterator[tuple[Any, str]]:
    """The SDK's sync client of a cloud, and a model there."""
    made: tuple[Any, str]
    if request.param == "vertex":
        made = AnthropicVertex(**vertex_settings(emulator)), VERTEX_MODEL
    else:
        made = AnthropicBedrock(**bedrock_settings(emulator)), BEDROCK_MODEL
    with made[0]:
        yield made


@pytest.fixture(params=["vertex", "bedrock"])
async def async_sdk(
    request: pytest.FixtureRequest, emulator: CloudEmulator
) -> AsyncIterator[tuple[Any, str]]:
    """The SDK's async client of a cloud, and a model there."""
    made: tuple[Any, str]
    if request.param == "vertex":
        made = AsyncAnthropicVertex(**vertex_settings(emulator)), VERTEX_MODEL
    else:
        made = AsyncAnthropicBedrock(**bedrock_settings(emulator)), BEDROCK_MODEL
    async with made[0]:
        yield made


@pytest.fixture
def runtime(emulator: CloudEmulator) -> Iterator[Any]:
    """boto3's bedrock-runtime client."""
    made = boto3.client(
        "bedrock-runtime",
        region_name="us-west-2",
        endpoint_url=emulator.url,
        aws_access_key_id=emulator.aws_key.access_key_id,
        aws_secret_access_key=emulator.aws_key.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield made
    made.close()


def check_call(message: Any) -> None:
    """Assert that a message of the SDK is the expected tool call."""
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [(call.name, call.input) for call in calls] == [("get_weather", ARGUMENTS)]
    assert message.stop_reason == "tool_use"
    assert message.usage.output_tokens > 0


def test_sdk_streams_a_tool_call(sdk: tuple[Any, str], emulator: CloudEmulator) -> None:
    """With the SDK's own API version, which the newer models take on both clouds."""
    client, model = sdk
    with client.messages.stream(
        model=model, max_tokens=900, messages=QUESTION, tools=TOOLS
    ) as stream:
        partial = [event.partial_json for event in stream if event.type == "input_json"]
        message = stream.get_final_message()
    check_call(message)
    assert json.loads("".join(partial)) == ARGUMENTS
    assert emulator.requests[0].body["anthropic_version"] == "2026-10-21"


async def test_async_sdk_streams_a_tool_call(async_sdk: tuple[Any, str]) -> None:
    """The same through the event loop."""
    client, model = async_sdk
    async with client.messages.stream(
        model=model, max_tokens=900, messages=QUESTION, tools=TOOLS
    ) as stream:
        check_call(await stream.get_final_message())


def test_sdk_runs_an_agents_loop(sdk: tuple[Any, str]) -> None:
    """The call, with its hidden thinking, goes back unchanged and is answered in words."""
    client, model = sdk
    first = client.messages.create(model=model, max_tokens=900, messages=QUESTION, tools=TOOLS)
    check_call(first)
    call = next(block for block in first.content if block.type == "tool_use")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "It's sunny."}
    history = [
        *QUESTION,
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},
    ]
    last = client.messages.create(model=model, max_tokens=900, messages=history, tools=TOOLS)
    assert "It's sunny." in last.content[-1].text
    assert last.stop_reason == "end_turn"


def test_sdk_reads_a_scripted_reply(sdk: tuple[Any, str], emulator: CloudEmulator) -> None:
    """Thinking, text and two calls, as scripted."""
    client, model = sdk
    emulator.reply(thinking("Hm."), text("Both."), tool_use("a"), tool_use("b", {"x": [1]}))
    with client.messages.stream(model=model, max_tokens=900, messages=QUESTION) as stream:
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert [block.input for block in message.content[2:]] == [{}, {"x": [1]}]


def test_sdk_sees_refusals_as_what_they_are(sdk: tuple[Any, str], emulator: CloudEmulator) -> None:
    """Status and message arrive in the SDK's own exceptions."""
    client, model = sdk
    empty = [{"role": "user", "content": [{"type": "text", "text": ""}]}]
    with pytest.raises(anthropic.BadRequestError, match="text content blocks must be non-empty"):
        client.messages.create(model=model, max_tokens=9, messages=empty)
    emulator.fault(status=429, retry_after=3)
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(model=model, max_tokens=9, messages=QUESTION)
    assert caught.value.response.headers["retry-after"] == "3"
    emulator.fault(error_event={"type": "overloaded_error", "message": "Overloaded"})
    with (
        pytest.raises(anthropic.APIStatusError, match="overloaded_error"),
        client.messages.stream(model=model, max_tokens=9, messages=QUESTION) as stream,
    ):
        stream.get_final_message()


def test_sdk_betas_arrive_where_each_cloud_reads_them(
    sdk: tuple[Any, str], emulator: CloudEmulator
) -> None:
    """In the header on Vertex, in the body on Bedrock."""
    client, model = sdk
    client.beta.messages.create(
        model=model,
        max_tokens=900,
        messages=QUESTION,
        betas=["context-management-2025-06-27"],
        context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
    )
    received = emulator.requests[0]
    assert received.status == 200
    if received.platform == "bedrock":
        assert received.body["anthropic_beta"] == ["context-management-2025-06-27"]
    else:
        assert "anthropic_beta" not in received.body


def test_sdks_api_version_on_an_old_bedrock_model(emulator: CloudEmulator) -> None:
    """Opus 4.6 and earlier do not take it there; the older one works."""
    with AnthropicBedrock(**bedrock_settings(emulator)) as client:
        with pytest.raises(anthropic.BadRequestError, match="anthropic_version"):
            client.messages.create(model=OLD_BEDROCK_MODEL, max_tokens=9, messages=QUESTION)
        message = client.messages.create(
            model=OLD_BEDROCK_MODEL,
            max_tokens=900,
            messages=QUESTION,
            extra_body={"anthropic_version": "bedrock-2023-05-31", "temperature": 0.5},
        )
    assert message.model == "claude-sonnet-4-5-20250929"


def test_sampling_is_refused_under_the_sdks_api_version(sdk: tuple[Any, str]) -> None:
    """Even at its default."""
    client, model = sdk
    with pytest.raises(
        anthropic.BadRequestError, match="temperature: Extra inputs are not permitted"
    ):
        client.messages.create(
            model=model, max_tokens=9, messages=QUESTION, extra_body={"temperature": 1}
        )


def test_sdk_counts_tokens_on_vertex(emulator: CloudEmulator) -> None:
    """In a region that counts; `global` does not."""
    with AnthropicVertex(**{**vertex_settings(emulator), "region": "us-east5"}) as client:
        counted = client.messages.count_tokens(model="claude-sonnet-4-6", messages=QUESTION)
        assert counted.input_tokens > 5
    with (
        AnthropicVertex(**vertex_settings(emulator)) as client,
        pytest.raises(anthropic.NotFoundError),
    ):
        client.messages.count_tokens(model="claude-sonnet-4-6", messages=QUESTION)


def test_sdk_with_wrong_credentials(emulator: CloudEmulator) -> None:
    """401 on Vertex, 403 on Bedrock, and 403 for a wrong key."""
    with (
        AnthropicVertex(**{**vertex_settings(emulator), "access_token": "wrong"}) as client,
        pytest.raises(anthropic.AuthenticationError),
    ):
        client.messages.create(model=VERTEX_MODEL, max_tokens=9, messages=QUESTION)
    with (
        AnthropicBedrock(**{**bedrock_settings(emulator), "aws_secret_key": "wrong"}) as client,
        pytest.raises(anthropic.PermissionDeniedError, match="signature we calculated"),
    ):
        client.messages.create(model=BEDROCK_MODEL, max_tokens=9, messages=QUESTION)
    with (
        AnthropicBedrock(
            aws_region="us-east-1", api_key="wrong", base_url=emulator.url, max_retries=0
        ) as client,
        pytest.raises(anthropic.PermissionDeniedError, match="API Key is valid"),
    ):
        client.messages.create(model=BEDROCK_MODEL, max_tokens=9, messages=QUESTION)


def test_sdk_with_a_bedrock_api_key(emulator: CloudEmulator) -> None:
    """A bearer key instead of a signature."""
    with AnthropicBedrock(
        aws_region="us-east-1", api_key=emulator.bedrock_api_key, base_url=emulator.url
    ) as client:
        check_call(
            client.messages.create(
                model=BEDROCK_MODEL, max_tokens=900, messages=QUESTION, tools=TOOLS
            )
        )


def boto_body(**fields: Any) -> str:
    """Return an InvokeModel body as AWS's examples write it."""
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 900, "messages": QUESTION}
    return json.dumps(body | fields)


@pytest.mark.parametrize("model", [BEDROCK_MODEL, OLD_BEDROCK_MODEL])
def test_boto3_streams_a_tool_call(runtime: Any, model: str) -> None:
    """Signed, escaped and framed by botocore."""
    response = runtime.invoke_model_with_response_stream(modelId=model, body=boto_body(tools=TOOLS))
    events = [json.loads(event["chunk"]["bytes"]) for event in response["body"]]
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    joined = "".join(delta.get("partial_json", "") for delta in deltas)
    assert json.loads(joined) == ARGUMENTS
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] > 0


def test_boto3_invokes_and_counts(runtime: Any) -> None:
    """A whole answer, and the tokens of its request."""
    response = runtime.invoke_model(
        modelId=OLD_BEDROCK_MODEL,
        body=boto_body(tools=TOOLS),
        contentType="application/json",
        accept="application/json",
        trace="ENABLED",
    )
    message = json.loads(response["body"].read())
    assert message["content"][-1]["input"] == ARGUMENTS
    counted = runtime.count_tokens(
        modelId=OLD_BEDROCK_MODEL.removeprefix("us."),
        input={"invokeModel": {"body": boto_body(tools=TOOLS)}},
    )
    assert counted["inputTokens"] == message["usage"]["input_tokens"]


@pytest.mark.parametrize(
    "model",
    [
        "arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc123def456",
    ],
)
def test_boto3_with_arns(runtime: Any, emulator: CloudEmulator, model: str) -> None:
    """An ARN in the path is decoded, and its escaped form was what was signed."""
    runtime.invoke_model(modelId=model, body=boto_body())
    assert emulator.requests[0].model == model
    assert emulator.requests[0].region == "us-west-2"


def test_boto3_sees_refusals_by_name(runtime: Any, emulator: CloudEmulator) -> None:
    """The exception's name comes from the header, the message from the body."""
    with pytest.raises(runtime.exceptions.ValidationException, match="identifier is invalid"):
        runtime.invoke_model(modelId="us.does-not-exist", body=boto_body())
    with pytest.raises(runtime.exceptions.ValidationException, match="on-demand throughput"):
        runtime.invoke_model(modelId="anthropic.claude-sonnet-5-5", body=boto_body())
    emulator.fault(status=429)
    with pytest.raises(runtime.exceptions.ThrottlingException):
        runtime.invoke_model(modelId=BEDROCK_MODEL, body=boto_body())
    emulator.fault(exception="serviceUnavailableException", message="Busy")
    response = runtime.invoke_model_with_response_stream(modelId=BEDROCK_MODEL, body=boto_body())
    with pytest.raises(EventStreamError, match="Busy"):
        list(response["body"])
    response["body"].close()


def test_boto3_with_a_wrong_secret(emulator: CloudEmulator) -> None:
    """The independent verification refuses what another key signed."""
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=emulator.url,
        aws_access_key_id=emulator.aws_key.access_key_id,
        aws_secret_access_key="wrong",
    )
    with pytest.raises(ClientError, match="signature we calculated does not match"):
        client.invoke_model(modelId=BEDROCK_MODEL, body=boto_body())
    client.close()

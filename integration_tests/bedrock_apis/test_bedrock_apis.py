"""Bedrock by InvokeModel, by the Messages API, by mantle, and Claude Platform on AWS."""

from __future__ import annotations

import http.server
import logging
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest
from clouds import BEDROCK_APIS, MESSAGES_APIS, make_model, platform_of
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.tools import tool

from langchain_claude_cloud import Bedrock, ChatClaudeCloud
from langchain_claude_cloud.calls.memory import MEMORY
from langchain_claude_cloud.chat_models.token_counting import EstimatedCount
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    ContextOverflowError,
    NotFoundError,
)
from langchain_claude_cloud.routing.routes import make_routes
from langchain_claude_cloud.testing import CloudEmulator, text, thinking, tool_use

pytestmark = pytest.mark.filterwarnings(
    # What events of v3 are called in langchain-core.
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)
PLACES: Final = ("vertex", "bedrock", *MESSAGES_APIS)
ARGUMENTS: Final = {"path": "poem.txt", "content": 'Rivers, \u00e9 and "quotes". ' * 20}
SCHEMA: Final = {
    "name": "write_file",
    "description": "Write a file.",
    "input_schema": {
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
    },
}
api = pytest.mark.parametrize("api", MESSAGES_APIS)
bedrocks_own = pytest.mark.parametrize("api", BEDROCK_APIS)


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each test be the first of its process; the environment names a workspace."""
    monkeypatch.setenv("ANTHROPIC_AWS_WORKSPACE_ID", "wrkspc_1")
    MEMORY.reset()
    yield
    MEMORY.reset()


@tool
def get_weather(location: str) -> str:
    """Get the weather at a location."""
    return f"It is sunny in {location}."


def _answer_with_a_call(emulator: CloudEmulator) -> None:
    emulator.reply(text("I write."), tool_use("write_file", ARGUMENTS), chunk=7)


def _check(message: AIMessage) -> None:
    assert [call["args"] for call in message.tool_calls] == [ARGUMENTS]
    assert message.invalid_tool_calls == []
    blocks = [block["type"] for block in message.content_blocks]
    assert blocks == ["text", "tool_call"]


def _check_chunks(chunks: list[AIMessageChunk]) -> None:
    fragments = [part for chunk in chunks for part in chunk.tool_call_chunks]
    assert len(fragments) > 20, "the arguments came as they were written"
    _check(chunks[0] + chunks[1:])


@api
async def test_a_tool_call_is_streamed_on_every_path(emulator: CloudEmulator, api: str) -> None:
    """Sync, async and events of v3; the arguments come in many fragments."""
    model = make_model(emulator, api).bind_tools([SCHEMA])
    _answer_with_a_call(emulator)
    _check_chunks([chunk for chunk in model.stream("Write.") if isinstance(chunk, AIMessageChunk)])
    _answer_with_a_call(emulator)
    _check_chunks([chunk async for chunk in model.astream("Write.")])
    _answer_with_a_call(emulator)
    stream = make_model(emulator, api).stream_events("Write.", version="v3", tools=[SCHEMA])
    kinds = [event["event"] for event in stream]
    assert kinds.count("content-block-delta") > 20
    _check(stream.output)
    assert {request.api for request in emulator.requests} == {api}
    assert all(request.body["tools"][0]["eager_input_streaming"] for request in emulator.requests)


def _run_agent(emulator: CloudEmulator, place: str) -> list[BaseMessage]:
    emulator.reply(
        thinking("The weather."),
        text("Let me look."),
        tool_use("get_weather", {"location": "Rome"}),
    )
    emulator.reply(text("Sunny."))
    model = make_model(emulator, place, model="claude-sonnet-5-5")
    agent = create_agent(model, [get_weather], system_prompt="Be brief.")
    return list(agent.invoke({"messages": [HumanMessage("Weather in Rome?")]})["messages"])


_PLACE_KEYS: Final = {
    "model_id",
    "platform",
    "region",
    "request_id",
    "id",
    "inference_profile",
    "usage",
}


def _comparable(message: BaseMessage) -> dict[str, Any]:
    dumped = message.model_dump(exclude={"id", "response_metadata", "tool_call_id"})
    metadata = message.response_metadata
    dumped["metadata"] = {k: v for k, v in metadata.items() if k not in _PLACE_KEYS}
    for call in dumped.get("tool_calls", []):
        call.pop("id")
    if isinstance(dumped["content"], list):
        kept = [
            {k: v for k, v in block.items() if k not in ("id", "signature")}
            for block in dumped["content"]
        ]
        dumped["content"] = kept
    return dumped


def test_one_agent_has_equal_messages_everywhere(emulator: CloudEmulator) -> None:
    """On Vertex AI and through each of Bedrock's APIs; ids and signatures are the place's own."""
    runs = {place: [*map(_comparable, _run_agent(emulator, place))] for place in PLACES}
    assert len(runs["vertex"]) == 4
    for place in PLACES[1:]:
        assert runs[place] == runs["vertex"], place
    bodies = {
        request.api or "vertex": request.body["messages"] for request in emulator.requests[1::2]
    }
    assert set(bodies) == {"vertex", "invoke", *MESSAGES_APIS}
    assert {len(messages) for messages in bodies.values()} == {3}


@api
def test_betas_and_version_are_headers(emulator: CloudEmulator, api: str) -> None:
    """And not in the body, where InvokeModel wants them."""
    beta = "context-management-2025-06-27"
    make_model(emulator, api, betas=[beta]).invoke("Hi")
    request = emulator.requests[-1]
    assert beta in request.headers["anthropic-beta"].split(",")
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert not {"anthropic_beta", "anthropic_version"} & set(request.body)


@bedrocks_own
def test_a_schema_is_asked_for_by_a_tool(emulator: CloudEmulator, api: str) -> None:
    """These APIs refuse ``output_config.format``; InvokeModel takes it for the same model."""
    schema = {"title": "Answer", "type": "object", "properties": {"n": {"type": "integer"}}}
    for place in ("bedrock", api):
        emulator.reply(
            tool_use("answer_as_structured_output", {"n": 5}) if place == api else text('{"n": 5}')
        )
        model = make_model(emulator, place)
        assert "n" in model.with_structured_output(schema, method="json_schema").invoke("2 + 3?")
    by_invoke, by_other = emulator.requests
    assert "format" in by_invoke.body["output_config"]
    assert "format" not in by_other.body.get("output_config", {})


@api
def test_what_an_endpoint_refuses_is_left_out(
    emulator: CloudEmulator, api: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A refused field is learned from, for this API alone."""
    words = "tools.0.custom.eager_input_streaming: Extra inputs are not permitted"
    emulator.fault(status=400, error_type="invalid_request_error", message=words)
    model = make_model(emulator, api)
    with caplog.at_level(logging.WARNING):
        model.invoke("Hi", tools=[SCHEMA])
        model.invoke("Hi", tools=[SCHEMA])
        make_model(emulator, "bedrock").invoke("Hi", tools=[SCHEMA])
    sent = ["eager_input_streaming" in each.body["tools"][0] for each in emulator.requests]
    assert sent == [True, False, False, True]


@api
@pytest.mark.parametrize(
    "setting",
    [
        {"guardrail": "abc:1"},
        {"trace": True},
        {"service_tier": "flex"},
        {"latency": "optimized"},
        {"project": "proj_1"},
        {"request_metadata": {"a": "b"}},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_a_setting_that_the_api_lacks_is_refused(api: Any, setting: dict[str, Any]) -> None:
    """With its name and the API that has it: a guardrail that is not applied is a danger."""
    with pytest.raises(ConfigurationError, match=next(iter(setting))) as caught:
        Bedrock(region="us-east-1", api=api, **setting)
    assert "api='invoke'" in str(caught.value)


def test_failover_goes_from_one_api_of_a_region_to_another(emulator: CloudEmulator) -> None:
    """They are endpoints of their own: one that fails is left alone, the others are not."""
    platforms = [platform_of(emulator, place) for place in ("mantle", "messages", "bedrock")]
    model = ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=platforms, max_tokens=100, max_retries=0
    )
    emulator.fault(status=503)
    emulator.fault(status=503)
    assert model.invoke("Hi").text
    assert [request.api for request in emulator.requests] == ["mantle", "messages", "invoke"]
    routes = model._routes_for(model.model, {})
    assert len({route.place for route in routes}) == 3
    assert [bool(MEMORY.circuit(route.place).remaining()) for route in routes] == [
        True,
        True,
        False,
    ]


async def test_mantle_counts_what_count_tokens_does_not(emulator: CloudEmulator) -> None:
    """Though answers come by InvokeModel; sync and async, and in one request."""
    model = make_model(emulator, "bedrock", model="claude-sonnet-5-5")
    counted = model.count_tokens("How long is this?", tools=[SCHEMA])
    assert await model.acount_tokens("How long is this?", tools=[SCHEMA]) == counted
    assert not isinstance(counted, EstimatedCount)
    assert [(each.api, each.operation) for each in emulator.requests] == [
        ("mantle", "count_tokens")
    ] * 2
    assert emulator.requests[0].body["model"] == "anthropic.claude-sonnet-5-5"
    model.invoke("Hi")
    assert emulator.requests[-1].api == "invoke"


def test_mantle_is_asked_where_count_tokens_turns_out_not_to_count(
    emulator: CloudEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    """The next count goes there at once, and nobody needs to be told."""
    emulator.fault(
        operation="count_tokens",
        status=400,
        message="The provided model doesn't support counting tokens.",
    )
    model = make_model(emulator, "bedrock")
    with caplog.at_level(logging.WARNING):
        assert not isinstance(model.count_tokens("How long?"), EstimatedCount)
        assert not isinstance(model.count_tokens("How long?"), EstimatedCount)
    assert [request.api for request in emulator.requests] == ["invoke", "mantle", "mantle"]
    assert "estimated" not in caplog.text


def test_an_identity_that_may_not_use_mantle_gets_estimates(
    emulator: CloudEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once, with the permission that is missing; no error."""
    emulator.fault(
        operation="count_tokens",
        status=403,
        message="not authorized to perform: bedrock-mantle:CreateInference",
    )
    model = make_model(emulator, "bedrock", model="claude-sonnet-5-5")
    with caplog.at_level(logging.WARNING):
        counts = [model.count_tokens("How long is this?") for _ in range(3)]
    assert all(isinstance(count, EstimatedCount) for count in counts)
    (notice,) = [each.message for each in caplog.records if "estimated" in each.message]
    assert "bedrock-mantle:CreateInference" in notice
    assert [request.api for request in emulator.requests] == ["mantle", "invoke"]


class _UnknownOperation(http.server.BaseHTTPRequestHandler):
    """Answers as the runtime does to a path that it does not have."""

    def do_POST(self) -> None:
        """Answer 200 with the exception's name."""
        self.rfile.read(int(self.headers["content-length"]))
        name = "com.amazon.coral.service#UnknownOperationException"
        body = f'{{"Output":{{"__type":"{name}"}},"Version":"1.0"}}'.encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def without_the_api() -> Iterator[str]:
    """The address of a server that knows none of the operations."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _UnknownOperation) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@api
@pytest.mark.parametrize("streams", [False, True])
def test_a_success_that_is_an_unknown_operation_is_not_found(
    without_the_api: str, api: Any, *, streams: bool
) -> None:
    """With the advice to choose another API; and the next of a list answers."""
    platform = Bedrock(region="us-east-1", api=api, base_url=without_the_api, api_key="k")
    model = ChatClaudeCloud(model="claude-sonnet-4-6", platform=platform, max_retries=0)
    with pytest.raises(NotFoundError, match="choose another `api`"):
        list(model.stream("Hi")) if streams else model.invoke("Hi")


@api
def test_another_platform_answers_for_an_api_that_is_not_there(
    without_the_api: str, emulator: CloudEmulator, api: Any
) -> None:
    """A list goes on after an unknown operation, as after any model that is not found."""
    platform = Bedrock(region="us-east-1", api=api, base_url=without_the_api, api_key="k")
    model = ChatClaudeCloud(model="claude-sonnet-4-6", platform=[platform, emulator.bedrock()])
    assert model.invoke("Hi").text
    assert emulator.requests[-1].api == "invoke"


def test_mantle_has_an_address_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's variable with its /anthropic; the runtime's endpoints in AWS's are not mantle's."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "https://runtime.example")
    mantle = Bedrock(region="us-east-1", api="mantle")
    assert mantle.effective_base_url() is None
    assert Bedrock(region="us-east-1").effective_base_url() == "https://runtime.example"
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_MANTLE", "https://mantle.example")
    assert mantle.effective_base_url() == "https://mantle.example"
    monkeypatch.setenv("ANTHROPIC_BEDROCK_MANTLE_BASE_URL", "https://gateway.example/anthropic/")
    assert mantle.effective_base_url() == "https://gateway.example"
    assert Bedrock(region="us-east-1").effective_base_url() == "https://runtime.example"


@pytest.mark.parametrize("api", ["invoke", *BEDROCK_APIS])
@pytest.mark.parametrize("streams", [False, True])
async def test_a_service_to_sign_for_is_learned_from_the_refusal(
    emulator: CloudEmulator, api: str, *, streams: bool
) -> None:
    """Bedrock's own: the request is signed once more, for what the refusal names."""
    other = "bedrock" if api == "mantle" else "bedrock-mantle"
    words = f"Credential should be scoped to correct service: '{other}'."
    emulator.fault(status=403, error_type="InvalidSignatureException", message=words)
    model = make_model(emulator, api)
    # The emulator takes what follows for a request to the other API, with other model ids.
    with pytest.raises(ClaudeCloudError):
        _ = [chunk async for chunk in model.astream("Hi")] if streams else model.invoke("Hi")
    services = [each.headers["authorization"].split("/")[3] for each in emulator.requests]
    assert services[1:] == [other]


def test_a_signature_for_another_service_of_aws_is_not_to_be_had(emulator: CloudEmulator) -> None:
    """A gateway that names one gets no signature for it."""
    for api, other in (("mantle", "sts"), ("claude-platform", "bedrock")):
        words = f"Credential should be scoped to correct service: '{other}'."
        emulator.fault(status=403, error_type="InvalidSignatureException", message=words)
        with pytest.raises(AuthenticationError):
            make_model(emulator, api).invoke("Hi")
    scopes = [each.headers["authorization"].split("/")[3] for each in emulator.requests]
    assert scopes == ["bedrock-mantle", "aws-external-anthropic"]


@api
def test_a_beta_of_the_package_is_left_out_where_it_is_refused(
    emulator: CloudEmulator, api: str
) -> None:
    """By name, as these APIs have betas in the header; what the user listed stays."""
    ours, users = "context-1m-2025-08-07", "interleaved-thinking-2025-05-14"
    emulator.fault(status=400, message="prompt is too long: 300000 tokens > 200000 maximum")
    words = f"Unexpected value(s) `{ours}` for the `anthropic-beta` header."
    emulator.fault(status=400, error_type="invalid_request_error", message=words)
    model = make_model(emulator, api, model="claude-sonnet-4-5", betas=[users])
    with pytest.raises(ContextOverflowError):
        model.invoke("Hi")
    model.invoke("Hi")
    sent = [request.headers["anthropic-beta"].split(",") for request in emulator.requests]
    assert sent == [[users], [users, ours], [users]]


@pytest.mark.parametrize(
    ("api", "host"),
    [
        ("invoke", "bedrock-runtime-fips.us-gov-west-1.amazonaws.com"),
        ("messages", "bedrock-runtime-fips.us-gov-west-1.amazonaws.com"),
        ("mantle", None),
        ("claude-platform", None),
    ],
)
def test_a_fips_endpoint_is_called_or_the_lack_of_one_said(
    monkeypatch: pytest.MonkeyPatch, api: Any, host: str | None
) -> None:
    """No request falls back to an endpoint without it; an address of one's own is taken."""
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    config = Bedrock(region="us-gov-west-1", api=api, access_key_id="A", secret_access_key="s")
    platform = make_routes([config], "claude-sonnet-4-5")[0].platform
    if host is None:
        with pytest.raises(ConfigurationError, match="FIPS"):
            platform.endpoint("x", "invoke")
        own = config.model_copy(update={"base_url": "https://fips.example"})
        platform = make_routes([own], "claude-sonnet-4-5")[0].platform
        host = "fips.example"
    assert platform.endpoint("x", "invoke").startswith(f"https://{host}/")


@pytest.mark.parametrize(
    ("api", "plain", "dual"),
    [
        (
            "messages",
            "bedrock-runtime.eu-west-1.amazonaws.com",
            "bedrock-runtime.eu-west-1.api.aws",
        ),
        ("mantle", "bedrock-mantle.eu-west-1.api.aws", "bedrock-mantle.eu-west-1.api.aws"),
        ("claude-platform", *["aws-external-anthropic.eu-west-1.api.aws"] * 2),
    ],
)
def test_dual_stack_is_carried_over(
    monkeypatch: pytest.MonkeyPatch, api: Any, plain: str, dual: str
) -> None:
    """Mantle and Claude Platform have it always."""
    config = Bedrock(region="eu-west-1", api=api, access_key_id="A", secret_access_key="s")
    for flag, host in (("false", plain), ("true", dual)):
        monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", flag)
        platform = make_routes([config], "claude-sonnet-4-5")[0].platform
        assert platform.endpoint("x", "invoke").startswith(f"https://{host}/")


@bedrocks_own
def test_an_address_may_end_as_the_vendors_clients_want_it(api: Any) -> None:
    """With ``/anthropic``, as AWS's page has it, or without."""
    for url in ("https://gateway.example/x/anthropic/", "https://gateway.example/x"):
        config = Bedrock(region="us-east-1", api=api, base_url=url)
        assert config.effective_base_url() == "https://gateway.example/x"


def test_a_count_is_an_estimate_where_mantle_has_no_fips_endpoint(
    monkeypatch: pytest.MonkeyPatch, emulator: CloudEmulator
) -> None:
    """It is no error: nobody asked for mantle."""
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", emulator.url)
    key = emulator.aws_key
    keys = {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}
    platform = Bedrock(region="us-east-1", **keys)
    model = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform, max_retries=0)
    assert isinstance(model.count_tokens("How long is this?"), EstimatedCount)

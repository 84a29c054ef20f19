"""What the platforms can be told, as it goes out: addresses and headers; and what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.testing.reply.framing import chunk_frame
from langchain_claude_cloud.testing.reply.ids import Noise

SONNET = "claude-sonnet-4-5"
ANSWER: dict[str, Any] = {
    "id": "msg_bdrk_1",
    "type": "message",
    "role": "assistant",
    "model": SONNET,
    "content": [{"type": "text", "text": "Sorry, that is blocked."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 5, "output_tokens": 6},
}
KEYS = {"access_key_id": "AKIA", "secret_access_key": "s"}

Handler = Callable[[httpx.Request], httpx.Response]


class Wire:
    """A client's transport that keeps what is sent, and answers the same each time."""

    def __init__(self, **more: object) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = {**ANSWER, **more}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request)
        return httpx.Response(200, json=self._answer)

    def ask(self, platform: Vertex | Bedrock, model: str = SONNET, **fields: Any) -> httpx.Request:
        """Ask a model once, and return what was sent."""
        with httpx.Client(transport=httpx.MockTransport(self)) as client:
            chat = ChatClaudeCloud(
                model=model, platform=platform, max_tokens=100, http_client=client, **fields
            )
            chat.invoke("Hi")
        return self.requests[-1]


@pytest.mark.parametrize(
    ("environment", "region", "host"),
    [
        ({}, "us-east-1", "bedrock-runtime.us-east-1.amazonaws.com"),
        (
            {"AWS_USE_FIPS_ENDPOINT": "true"},
            "us-gov-west-1",
            "bedrock-runtime-fips.us-gov-west-1.amazonaws.com",
        ),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "eu-west-1", "bedrock-runtime.eu-west-1.api.aws"),
        ({}, "cn-north-1", "bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ({}, "eusc-de-east-1", "bedrock-runtime.eusc-de-east-1.amazonaws.eu"),
        ({"AWS_ENDPOINT_URL": "https://all.test"}, "us-east-1", "all.test"),
        (
            {
                "AWS_ENDPOINT_URL": "https://all.test",
                "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://claude.test",
                "AWS_USE_FIPS_ENDPOINT": "true",
            },
            "us-east-1",
            "claude.test",
        ),
        (
            {
                "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://claude.test",
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            },
            "us-east-1",
            "bedrock-runtime.us-east-1.amazonaws.com",
        ),
    ],
)
def test_where_bedrock_is_asked(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], region: str, host: str
) -> None:
    """By partition, FIPS and dual stack, or at the address that the environment names."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    platform = Bedrock(region=region, inference_profile=None, **KEYS)
    sent = Wire().ask(platform)
    assert sent.url.host == sent.headers["host"] == host
    assert f"/{region}/bedrock/aws4_request" in sent.headers["authorization"]


SERVICES = (
    "services = mine\n\n[services mine]\nbedrock_runtime =\n  endpoint_url = https://own.test\n"
)


@pytest.mark.parametrize(
    ("profile", "host"),
    [
        ("endpoint_url = https://profile.test\n", "profile.test"),
        (f"endpoint_url = https://profile.test\n{SERVICES}", "own.test"),
        (
            "endpoint_url = https://profile.test\nignore_configured_endpoint_urls = true\n",
            "bedrock-runtime.eu-west-3.amazonaws.com",
        ),
        ("use_fips_endpoint = true\n", "bedrock-runtime-fips.eu-west-3.amazonaws.com"),
        ("use_dualstack_endpoint = true\n", "bedrock-runtime.eu-west-3.api.aws"),
    ],
)
def test_a_profile_says_where_bedrock_is(tmp_path: Path, profile: str, host: str) -> None:
    """Its address, that of its services section, its wish for FIPS or dual stack."""
    (tmp_path / "aws-config").write_text(f"[profile work]\nregion = eu-west-3\n{profile}")
    (tmp_path / "aws-credentials").write_text(
        "[work]\naws_access_key_id = A\naws_secret_access_key = s\n"
    )
    assert Wire().ask(Bedrock(profile="work")).url.host == host


def test_a_profile_does_not_send_credentials_in_the_clear(tmp_path: Path) -> None:
    """An address by http is refused there as it is as an argument."""
    (tmp_path / "aws-config").write_text(
        "[profile work]\nregion = eu-west-3\nendpoint_url = http://gateway.test\n"
    )
    (tmp_path / "aws-credentials").write_text(
        "[work]\naws_access_key_id = A\naws_secret_access_key = s\n"
    )
    wire = Wire()
    with pytest.raises(ValueError, match="must start with https://"):
        wire.ask(Bedrock(profile="work"))
    assert wire.requests == []


@pytest.mark.parametrize("stream", [False, True], ids=["invoke", "stream"])
def test_bedrocks_options_are_headers(stream: bool) -> None:  # noqa: FBT001  a parameter
    """Guardrail, tier, latency, trace, project and metadata: signed, and not in the body."""
    platform = Bedrock(
        region="us-east-1",
        guardrail={"guardrailIdentifier": "gr1", "guardrailVersion": "3"},
        service_tier="priority",
        latency="optimized",
        trace="enabled_full",
        project="proj_1",
        request_metadata={"team": "caf\u00e9"},
        **KEYS,
    )
    wire = Wire()
    sent = wire.ask(platform) if not stream else _ask_streamed(platform)
    names = {
        "x-amzn-bedrock-guardrailidentifier": "gr1",
        "x-amzn-bedrock-guardrailversion": "3",
        "x-amzn-bedrock-service-tier": "priority",
        "x-amzn-bedrock-performanceconfig-latency": "optimized",
        "x-amzn-bedrock-trace": "ENABLED_FULL",
        "x-amzn-bedrock-projectidentifier": "proj_1",
    }
    assert {name: sent.headers[name] for name in names} == names
    assert json.loads(sent.headers["x-amzn-bedrock-request-metadata"]) == {"team": "caf\u00e9"}
    signed = sent.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    assert {*names, "x-amzn-bedrock-request-metadata"} <= {*signed.split(";")}
    assert set(json.loads(sent.content)) == {"anthropic_version", "max_tokens", "messages"}


def test_a_call_has_options_of_bedrock_of_its_own() -> None:
    """They take the place of the platform's for that call; another call has the platform's."""
    wire = Wire()
    platform = Bedrock(region="us-east-1", service_tier="priority", **KEYS)
    with httpx.Client(transport=httpx.MockTransport(wire)) as client:
        chat = ChatClaudeCloud(model=SONNET, platform=platform, max_tokens=9, http_client=client)
        given = {"guardrail": "gr1:3", "request_metadata": {"a": "b"}, "latency": "optimized"}
        chat.bind(service_tier="flex", trace=True, **given).invoke("Hi")
        chat.invoke("Hi")
        tags = {"a": "b"}
        for tags["a"] in ("c", "d"):
            chat.invoke("Hi", request_metadata=tags)
    first, second, *tagged = (dict(request.headers) for request in wire.requests)
    told = [each["x-amzn-bedrock-request-metadata"] for each in tagged]
    assert told == ['{"a":"c"}', '{"a":"d"}']
    assert first["x-amzn-bedrock-guardrailidentifier"] == "gr1"
    assert first["x-amzn-bedrock-guardrailversion"] == "3"
    assert first["x-amzn-bedrock-service-tier"] == "flex"
    assert first["x-amzn-bedrock-performanceconfig-latency"] == "optimized"
    assert first["x-amzn-bedrock-trace"] == "ENABLED"
    assert first["x-amzn-bedrock-request-metadata"] == '{"a":"b"}'
    assert second["x-amzn-bedrock-service-tier"] == "priority"
    assert "x-amzn-bedrock-trace" not in second
    assert "x-amzn-bedrock-guardrailidentifier" not in second


@pytest.mark.parametrize(
    ("platform", "given", "words"),
    [
        ([Bedrock(region="us-east-1"), Vertex(project="p")], {"guardrail": "g:1"}, "Vertex AI"),
        (Vertex(project="p"), {"service_tier": "flex"}, "Vertex AI"),
        (Bedrock(region="us-east-1"), {"service_tier": "fast"}, "service_tier"),
        (Bedrock(region="us-east-1", api="mantle"), {"trace": True}, "api='mantle'"),
    ],
)
def test_an_option_of_bedrock_that_a_call_cannot_have_is_refused(
    platform: Any, given: dict[str, Any], words: str
) -> None:
    """A guardrail that is not applied would be worse than an error."""
    chat = ChatClaudeCloud(model="claude-sonnet-5", platform=platform)
    with pytest.raises(ConfigurationError, match=words):
        chat.invoke("Hi", **given)


def _ask_streamed(platform: Bedrock) -> httpx.Request:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, content=_stream_of(ANSWER, {}))

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        chat = ChatClaudeCloud(model=SONNET, platform=platform, max_tokens=100, http_client=client)
        list(chat.stream("Hi"))
    return sent[0]


GLOBAL = "https://aiplatform.googleapis.com/v1/"


@pytest.mark.parametrize(
    ("settings", "model", "start"),
    [
        ({"region": "global"}, "claude-sonnet-5-5", GLOBAL),
        ({"region": "us"}, "claude-sonnet-5-5", "https://aiplatform.us.rep.googleapis.com/v1/"),
        ({"region": "eu"}, "claude-sonnet-5-5", "https://aiplatform.eu.rep.googleapis.com/v1/"),
        (
            {"region": "europe-west1"},
            SONNET,
            "https://europe-west1-aiplatform.googleapis.com/v1/",
        ),
        (
            {"region": "us-east5", "base_url": "https://aiplatform-mine.p.googleapis.com"},
            SONNET,
            "https://aiplatform-mine.p.googleapis.com/v1/",
        ),
        (
            {"region": "eu", "base_url": "https://gateway.test/claude/v1"},
            "claude-sonnet-5-5",
            "https://gateway.test/claude/v1/",
        ),
    ],
)
def test_where_vertex_is_asked(settings: dict[str, Any], model: str, start: str) -> None:
    """The multi-regions have hosts of their own; Private Service Connect has yet another."""
    sent = Wire().ask(Vertex(project="p", access_token="t", **settings), model)
    path = f"projects/p/locations/{settings['region']}/publishers/anthropic/models/"
    assert str(sent.url).startswith(f"{start}{path}")


@pytest.mark.parametrize("request_type", ["dedicated", "shared", None])
def test_vertexs_options_are_headers(request_type: Any) -> None:
    """Provisioned throughput or not, and the project that is billed for the quota."""
    platform = Vertex(
        project="p",
        access_token="t",
        region="us-east5",
        quota_project="payer",
        request_type=request_type,
    )
    sent = Wire().ask(platform)
    assert sent.headers.get("x-vertex-ai-llm-request-type") == request_type
    assert sent.headers["x-goog-user-project"] == "payer"
    assert sent.headers["authorization"] == "Bearer t"


ACTION = {"amazon-bedrock-guardrailAction": "INTERVENED"}
TRACE = {
    "amazon-bedrock-trace": {
        "guardrail": {"input": {"gr1": {"topicPolicy": {"topics": [{"action": "BLOCKED"}]}}}}
    }
}
GUARDED = {"region": "us-east-1", "guardrail": "gr1:3", "trace": "enabled"}


def _events(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a message with one text."""
    start = {**message, "content": [], "stop_reason": None}
    (block,) = message["content"]
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": block["text"]},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
            "usage": {"output_tokens": 6},
        },
        {"type": "message_stop"},
    ]


def _stream_of(message: dict[str, Any], more: dict[str, dict[str, Any]]) -> bytes:
    """Return a stream's bytes, with more fields on events of some types."""
    noise = Noise(b"seed")
    events = [{**event, **more.get(event["type"], {})} for event in _events(message)]
    return b"".join(chunk_frame(event, noise) for event in events)


def _guarded_model(handler: Handler, **fields: Any) -> ChatClaudeCloud:
    return ChatClaudeCloud(
        model=SONNET,
        platform=Bedrock(**GUARDED, **KEYS),
        max_tokens=100,
        http_client=httpx.Client(transport=httpx.MockTransport(handler)),
        **fields,
    )


def _check_intervention(metadata: dict[str, Any]) -> None:
    assert metadata["stop_reason"] == "guardrail_intervened"
    assert metadata["amazon-bedrock-guardrailAction"] == "INTERVENED"
    assert metadata["amazon-bedrock-trace"] == TRACE["amazon-bedrock-trace"]


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_an_intervention_of_a_guardrail_is_seen_in_the_result(version: str) -> None:
    """What the guardrail did, and its trace, beside the text that it put in place."""
    model = _guarded_model(Wire(**ACTION, **TRACE), output_version=version)
    message = model.invoke("Hi")
    assert message.text == "Sorry, that is blocked."
    _check_intervention(message.response_metadata)


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize(
    "place",
    [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ],
)
def test_an_intervention_is_seen_in_a_stream(place: str, version: str) -> None:
    """Whichever event tells of it."""
    body = _stream_of(ANSWER, {place: {**ACTION, **TRACE}})
    model = _guarded_model(lambda _: httpx.Response(200, content=body), output_version=version)
    chunks = list(model.stream("Hi"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    assert whole.text == "Sorry, that is blocked."
    _check_intervention(whole.response_metadata)


def test_a_guardrails_own_settings_go_into_the_body() -> None:
    """Tags and the way of streaming are fields of the body, which is the caller's to fill."""
    config = {"amazon-bedrock-guardrailConfig": {"tagSuffix": "x", "streamProcessingMode": "ASYNC"}}
    wire = Wire()
    wire.ask(Bedrock(**GUARDED, **KEYS), model_kwargs=config)
    assert config.items() <= json.loads(wire.requests[0].content).items()


EVENTS: tuple[dict[str, Any], ...] = (
    {
        "type": "message_start",
        "message": {**ANSWER, "content": [], "stop_reason": None, "usage": {"input_tokens": 5, "output_tokens": 1}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Look:"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
    },
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"x": '}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "1}"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
)  # fmt: skip
TOOL = {"name": "f", "description": "f", "input_schema": {"type": "object", "properties": {"x": {"type": "integer"}}}}  # fmt: skip


class MessagesApi:
    """Answers as Anthropic's Messages API does: JSON, or server-sent events."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request)
        if request.url.path.endswith("/count_tokens"):
            return httpx.Response(200, json={"input_tokens": 7})
        if not json.loads(request.content).get("stream"):
            content = [
                {"type": "text", "text": "Look:"},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}},
            ]
            return httpx.Response(200, json={**ANSWER, "content": content, "stop_reason": "tool_use", "usage": {"input_tokens": 5, "output_tokens": 9}})  # fmt: skip
        text = "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in EVENTS)
        return httpx.Response(
            200, headers={"content-type": "text/event-stream"}, content=text.encode()
        )


@pytest.mark.parametrize(
    ("api", "host", "service", "model"),
    [
        ("messages", "bedrock-runtime.us-east-1.amazonaws.com", "bedrock", "global.anthropic.claude-sonnet-5-5"),
        ("mantle", "bedrock-mantle.us-east-1.api.aws", "bedrock-mantle", "anthropic.claude-sonnet-5-5"),
    ],
)  # fmt: skip
def test_the_messages_api_of_bedrock(api: Any, host: str, service: str, model: str) -> None:
    """Whole and streamed, the same message; versions and betas in headers."""
    wire = MessagesApi()
    platform = Bedrock(region="us-east-1", api=api, **KEYS)
    with httpx.Client(transport=httpx.MockTransport(wire)) as client:
        chat = ChatClaudeCloud(
            model="claude-sonnet-5-5",
            platform=platform,
            max_tokens=100,
            http_client=client,
            betas=["some-beta-2026-01-01"],
        ).bind_tools([TOOL])
        whole = chat.invoke("Hi")
        chunks = list(chat.stream("Hi"))
    streamed = chunks[0]
    for chunk in chunks[1:]:
        streamed += chunk
    assert whole.tool_calls == streamed.tool_calls
    assert [(call["name"], call["args"]) for call in whole.tool_calls] == [("f", {"x": 1})]
    assert whole.text == streamed.text == "Look:"
    assert isinstance(whole, AIMessage)
    assert isinstance(streamed, AIMessage)
    assert whole.usage_metadata == streamed.usage_metadata
    for sent, is_stream in zip(wire.requests, (None, True), strict=True):
        assert str(sent.url) == f"https://{host}/anthropic/v1/messages"
        assert f"/us-east-1/{service}/aws4_request" in sent.headers["authorization"]
        body = json.loads(sent.content)
        assert body["model"] == model
        assert body.get("stream") is is_stream
        assert not {"anthropic_version", "anthropic_beta"} & set(body)
        assert sent.headers["anthropic-version"] == "2023-06-01"
        assert "some-beta-2026-01-01" in sent.headers["anthropic-beta"].split(",")


def test_mantle_counts_tokens() -> None:
    """Also of models that InvokeModel's CountTokens does not know."""
    wire = MessagesApi()
    with httpx.Client(transport=httpx.MockTransport(wire)) as client:
        chat = ChatClaudeCloud(
            model="claude-sonnet-5-5",
            platform=Bedrock(region="us-east-1", api="mantle", **KEYS),
            http_client=client,
        )
        assert chat.count_tokens([("user", "Hi")]) == 7
    assert wire.requests[-1].url.path == "/anthropic/v1/messages/count_tokens"
    assert set(json.loads(wire.requests[-1].content)) == {"model", "messages"}


def test_a_gateway_that_signs_gets_the_request_bare() -> None:
    """No authorization of ours, whatever credentials this machine has."""
    platform = Bedrock(region="us-east-1", base_url="https://gateway.test", unsigned=True)
    sent = Wire().ask(platform, default_headers={"x-team": "a"})
    assert "authorization" not in sent.headers
    assert "x-amz-date" not in sent.headers
    assert sent.headers["x-team"] == "a"


def test_a_key_from_a_function_is_renewed_within_the_call() -> None:
    """The cloud refuses the first one; the caller sees nothing of it."""
    keys = iter(["old-key-0001", "new-key-0002"])
    used: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        used.append(request.headers["authorization"])
        if "old" in used[-1]:
            headers = {"x-amzn-errortype": "AccessDeniedException"}
            text = "Authentication failed: Please make sure your API Key is valid."
            return httpx.Response(403, headers=headers, json={"Message": text})
        return httpx.Response(200, json=ANSWER)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        chat = ChatClaudeCloud(
            model=SONNET,
            platform=Bedrock(region="us-east-1", api_key=lambda: next(keys)),
            max_tokens=100,
            http_client=client,
            max_retries=0,
        )
        assert chat.invoke("Hi").text
        assert chat.invoke("Hi", default_headers={"x-request": "1"}).text
        assert chat.invoke("Hi", request_metadata={"request": "2"}).text
    assert used == ["Bearer old-key-0001", *["Bearer new-key-0002"] * 3]


@pytest.mark.parametrize("stream", [False, True], ids=["invoke", "stream"])
def test_bedrock_tells_the_tier_and_the_latency_that_served(stream: bool) -> None:  # noqa: FBT001  a parameter
    """It may serve a request in another tier than was asked for."""
    served = {
        "x-amzn-bedrock-service-tier": "default",
        "x-amzn-bedrock-performanceconfig-latency": "standard",
    }

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("-with-response-stream"):
            return httpx.Response(200, headers=served, content=_stream_of(ANSWER, {}))
        return httpx.Response(200, headers=served, json=ANSWER)

    platform = Bedrock(region="us-east-1", service_tier="priority", latency="optimized", **KEYS)
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        chat = ChatClaudeCloud(model=SONNET, platform=platform, max_tokens=100, http_client=client)
        found = [*chat.stream("Hi")] if stream else [chat.invoke("Hi")]
    metadata = [message.response_metadata for message in found]
    assert [each["service_tier"] for each in metadata if "service_tier" in each] == ["default"]
    assert [each["latency"] for each in metadata if "latency" in each] == ["standard"]

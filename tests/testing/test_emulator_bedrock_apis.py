"""The emulator's Messages API of Bedrock: on ``bedrock-runtime``, and on ``bedrock-mantle``."""

from __future__ import annotations

from typing import Any, Final

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from emulator_client import WEATHER, Client, ask, folded_input, sse

from langchain_claude_cloud.testing import CloudEmulator, text, tool_use

IDS: Final = {
    "messages": "global.anthropic.claude-sonnet-4-6",
    "mantle": "anthropic.claude-sonnet-4-6",
}
HOSTS: Final = {
    "messages": "bedrock-runtime.us-east-1.amazonaws.com",
    "mantle": "bedrock-mantle.us-east-1.api.aws",
}
SERVICES: Final = {"messages": "bedrock", "mantle": "bedrock-mantle"}
both = pytest.mark.parametrize("api", ["messages", "mantle"])


def _ask(api: str, **fields: Any) -> dict[str, Any]:
    return ask("Hi", **{"model": IDS[api], **fields})


def _signed(
    emulator: CloudEmulator, service: str, body: bytes, *, host: str | None = None
) -> httpx.Response:
    """Send a body that is signed for a service, by its host's name or by the emulator's own."""
    root = f"https://{host}" if host else emulator.url
    request = AWSRequest(
        "POST",
        f"{root}/anthropic/v1/messages",
        data=body,
        headers={"content-type": "application/json", "anthropic-version": "2023-06-01"},
    )
    key = emulator.aws_key
    credentials = Credentials(key.access_key_id, key.secret_access_key)
    SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    headers = dict(request.headers.items()) | ({"host": host} if host else {})
    url = f"{emulator.url}/anthropic/v1/messages"
    return httpx.post(url, content=body, headers=headers, trust_env=False)


@both
def test_an_answer_is_a_message_without_invokemodels_headers(client: Client, api: str) -> None:
    """The body is the Messages API's, and so is the model in it."""
    client.emulator.reply(text("Hello"))
    response = client.messages(_ask(api), api=api)
    assert response.status_code == 200
    assert response.json()["content"] == [{"type": "text", "text": "Hello"}]
    assert "x-amzn-requestid" in response.headers
    assert not [name for name in response.headers if name.startswith("x-amzn-bedrock-")]
    request = client.emulator.requests[-1]
    assert (request.api, request.model, request.region) == (api, IDS[api], "us-east-1")


@both
def test_a_stream_is_of_server_sent_events(client: Client, api: str) -> None:
    """With pings, and without the invocation metrics of InvokeModel."""
    client.emulator.reply(tool_use("get_weather", {"location": "Rome"}))
    response = client.messages(_ask(api, stream=True, tools=[WEATHER]), api=api)
    assert response.headers["content-type"].startswith("text/event-stream")
    events = sse(response.content)
    assert [event["type"] for event in events[:2]] == ["message_start", "ping"]
    assert events[-1] == {"type": "message_stop"}
    assert folded_input(events) == '{"location": "Rome"}'


@both
@pytest.mark.parametrize("by_host", [True, False])
def test_a_signature_for_the_apis_own_service_is_good(
    emulator: CloudEmulator, api: str, *, by_host: bool
) -> None:
    """By its host's name, or told apart by the service alone."""
    body = f'{{"model":"{IDS[api]}","max_tokens":9,"messages":[{{"role":"user","content":"Hi"}}]}}'
    host = HOSTS[api] if by_host else None
    assert _signed(emulator, SERVICES[api], body.encode(), host=host).status_code == 200
    assert emulator.requests[-1].api == api


@both
def test_a_signature_for_the_other_service_is_refused(emulator: CloudEmulator, api: str) -> None:
    """The scope must name the service that the host belongs to."""
    other = SERVICES["mantle" if api == "messages" else "messages"]
    response = _signed(emulator, other, b"{}", host=HOSTS[api])
    assert response.status_code == (401 if api == "mantle" else 403)
    assert "correct service" in response.json()["message"]


@both
def test_a_key_in_either_header_is_good_and_in_both_is_not(client: Client, api: str) -> None:
    """``x-api-key`` or a bearer, as measured on the runtime."""
    key = client.emulator.bedrock_api_key
    alone = client.messages(_ask(api), api=api, headers={"authorization": None, "x-api-key": key})
    both_headers = client.messages(_ask(api), api=api, headers={"x-api-key": key})
    wrong = client.messages(_ask(api), api=api, headers={"authorization": "Bearer nope"})
    assert (alone.status_code, both_headers.status_code, wrong.status_code) == (200, 400, 403)
    assert "Cannot provide both" in both_headers.text


@both
@pytest.mark.parametrize("version", [None, "2020-01-01", "bedrock-2023-05-31"])
def test_the_version_is_a_header(client: Client, api: str, version: str | None) -> None:
    """It is needed, and that of InvokeModel's body is none."""
    response = client.messages(_ask(api), api=api, headers={"anthropic-version": version})
    assert response.status_code == 400
    assert "anthropic-version" in response.json()["error"]["message"]


def test_the_new_version_is_refused_with_an_older_model_on_the_runtime(client: Client) -> None:
    """Models of 4.6 and before do not know it on Bedrock; the SDK sends it to mantle for all."""
    new = {"anthropic-version": "2026-10-21"}
    assert client.messages(_ask("messages"), headers=new).status_code == 400
    assert client.messages(_ask("mantle"), api="mantle", headers=new).status_code == 200


@both
@pytest.mark.parametrize(
    "field", [{"anthropic_version": "bedrock-2023-05-31"}, {"anthropic_beta": []}]
)
def test_what_is_a_header_here_is_no_field(client: Client, api: str, field: dict[str, Any]) -> None:
    """InvokeModel's envelope is refused."""
    response = client.messages(_ask(api, **field), api=api)
    assert response.status_code == 400
    assert "Extra inputs are not permitted" in response.json()["error"]["message"]


@both
def test_betas_are_a_header(client: Client, api: str) -> None:
    """A beta that the API does not take is refused, in Claude's own form."""
    good = {"anthropic-beta": "context-management-2025-06-27,interleaved-thinking-2025-05-14"}
    assert client.messages(_ask(api), api=api, headers=good).status_code == 200
    refused = client.messages(_ask(api), api=api, headers={"anthropic-beta": "nope-2026-01-01"})
    assert refused.status_code == 400
    assert refused.json()["error"]["type"] == "invalid_request_error"


def test_the_fallback_credit_is_the_runtimes_alone(client: Client) -> None:
    """Measured: mantle refuses that beta."""
    credit = {"anthropic-beta": "fallback-credit-2026-06-01"}
    assert client.messages(_ask("messages"), headers=credit).status_code == 200
    refused = client.messages(_ask("mantle"), api="mantle", headers=credit)
    assert (refused.status_code, "fallback-credit" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("api", "model", "status"),
    [
        ("messages", "anthropic.claude-sonnet-4-6", 400),
        ("messages", "claude-sonnet-4-6", 400),
        ("mantle", "global.anthropic.claude-sonnet-4-6", 404),
        ("mantle", "anthropic.claude-haiku-4-5-20251001-v1:0", 404),
        ("mantle", "anthropic.claude-haiku-4-5", 200),
        ("mantle", "anthropic.claude-3-haiku", 404),
    ],
)
def test_the_runtime_wants_profiles_and_mantle_short_ids(
    client: Client, api: str, model: str, status: int
) -> None:
    """Each refuses the other's ids."""
    assert client.messages(_ask(api, model=model), api=api).status_code == status


def test_mantle_counts_tokens(client: Client) -> None:
    """It takes what generates nothing, and only that."""
    body = {"model": IDS["mantle"], "messages": [{"role": "user", "content": "Hi"}]}
    counted = client.messages(body, api="mantle", path="/count_tokens")
    assert counted.json()["input_tokens"] > 0
    assert client.emulator.requests[-1].operation == "count_tokens"
    refused = client.messages({**body, "max_tokens": 1}, api="mantle", path="/count_tokens")
    assert refused.status_code == 400


def test_the_runtime_answers_an_unknown_path_with_a_success(client: Client) -> None:
    """As it was measured: HTTP 200, and an exception's name in the body."""
    response = client.messages(_ask("messages"), path="/count_tokens")
    assert response.status_code == 200
    assert response.json()["Output"]["__type"].endswith("#UnknownOperationException")


def test_a_user_id_with_braces_is_refused_on_the_runtime(client: Client) -> None:
    """It becomes metadata of the request there, whose characters are few."""
    metadata = {"user_id": '{"a": 1}'}
    assert client.messages(_ask("messages", metadata=metadata)).status_code == 400
    assert client.messages(_ask("mantle", metadata=metadata), api="mantle").status_code == 200


@pytest.mark.parametrize(
    ("headers", "model", "status", "says"),
    [
        ({}, "claude-sonnet-4-6", 200, "Hello"),
        ({"anthropic-workspace-id": "wrkspc_2"}, "claude-sonnet-4-6", 404, "workspace: wrkspc_2"),
        ({"anthropic-workspace-id": None}, "claude-sonnet-4-6", 400, "anthropic-workspace-id"),
        ({"anthropic-version": None}, "claude-sonnet-4-6", 400, "anthropic-version"),
        ({"anthropic-version": "2026-10-21"}, "claude-sonnet-4-6", 200, "Hello"),
        ({"authorization": None}, "claude-sonnet-4-6", 403, "Missing Authentication Token"),
        ({"authorization": "Bearer of-bedrock"}, "claude-sonnet-4-6", 403, "API Key"),
        ({"anthropic-beta": "nope-2026-01-01"}, "claude-sonnet-4-6", 400, "nope-2026-01-01"),
        ({}, "anthropic.claude-sonnet-4-6", 404, "model: anthropic.claude-sonnet-4-6"),
        ({}, "global.anthropic.claude-sonnet-4-6", 404, "model: global."),
    ],
)
def test_claude_platform_is_as_strict_as_bedrock(
    client: Client, headers: dict[str, str | None], model: str, status: int, says: str
) -> None:
    """It wants a workspace, a version, its own key, and Anthropic's names of models."""
    emulator = client.emulator
    if status == 200:
        emulator.reply(text("Hello"))
    given = {
        "host": "aws-external-anthropic.us-east-1.api.aws",
        "authorization": f"Bearer {emulator.claude_platform_api_key}",
        "anthropic-version": "2023-06-01",
        "anthropic-workspace-id": emulator.workspace,
        **headers,
    }
    sent = {name: value for name, value in given.items() if value is not None}
    url = f"{emulator.url}/v1/messages"
    response = client.http.post(url, json=ask("Hi", model=model), headers=sent)
    assert response.status_code == status
    assert says in response.text

"""Vertex AI: addresses, bodies, headers, and the life of a token."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from credential_servers import Server, Tokens, service_account, serving
from data import load_recordings, needs_data
from google.auth.credentials import AnonymousCredentials
from google.oauth2 import service_account as robots
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from langchain_claude_cloud.config import Vertex
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidInputError,
    NotFoundError,
)
from langchain_claude_cloud.platform.base import OutgoingRequest, Platform
from langchain_claude_cloud.platform.google_auth import GoogleSource
from langchain_claude_cloud.platform.vertex import VertexPlatform, count_tokens_region

BODY = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}
REQUEST = OutgoingRequest("POST", "https://h.example/")


def make(extra_headers: dict[str, str] | None = None, **fields: Any) -> VertexPlatform:
    """Return a platform as a route makes it from what the user sets."""
    return VertexPlatform(Vertex(**fields), "claude-x", extra_headers)


def platform(**fields: Any) -> VertexPlatform:
    """Return a prepared platform with a token of its own."""
    made = make(**{"project": "p-1", "access_token": SecretStr("ya29.secret"), **fields})
    made.prepare()
    return made


def test_it_is_a_platform() -> None:
    """The protocol's plain facts; no secret in a repr."""
    vertex: Platform = platform(region="us-east5")
    assert (vertex.name, vertex.region, vertex.framing) == ("vertex", "us-east5", "sse")
    assert vertex.max_body_bytes == 30_000_000
    assert "secret" not in repr(vertex)
    assert copy.deepcopy(vertex) is vertex
    assert "secret" not in repr(vars(platform(access_token="ya29.secret")))


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us-east5", "us-east5-aiplatform.googleapis.com"),
        ("europe-west1", "europe-west1-aiplatform.googleapis.com"),
    ],
)
@pytest.mark.parametrize(
    ("operation", "verb"), [("invoke", "rawPredict"), ("stream", "streamRawPredict")]
)
def test_addresses(region: str, host: str, operation: Any, verb: str) -> None:
    """Global, multi-region and regional hosts; the at sign stays as it is."""
    url = platform(region=region).endpoint("claude-sonnet-4-5@20250929", operation)
    assert url == (
        f"https://{host}/v1/projects/p-1/locations/{region}/publishers/anthropic/models/"
        f"claude-sonnet-4-5@20250929:{verb}"
    )


@needs_data
def test_addresses_are_those_of_recorded_requests() -> None:
    """What another client sent to Vertex AI is what we would send."""
    rows = [
        row
        for row in load_recordings("vertex")
        if "/publishers/anthropic/" in row["url"] and row["url"].lower().endswith("rawpredict")
    ]
    assert rows
    for row in rows:
        parts = urlsplit(row["url"]).path.split("/")
        project, region = parts[3], parts[5]
        model, verb = parts[-1].split(":")
        made = platform(project=project, region=region)
        operation: Any = "stream" if verb == "streamRawPredict" else "invoke"
        assert made.endpoint(model.replace("%40", "@"), operation) == row["url"].replace("%40", "@")


@pytest.mark.parametrize(
    ("base_url", "start"),
    [
        ("https://gateway.example", "https://gateway.example/v1/projects/"),
        ("https://gateway.example/", "https://gateway.example/v1/projects/"),
        ("https://gateway.example/v1", "https://gateway.example/v1/projects/"),
        ("https://gateway.example/v1/", "https://gateway.example/v1/projects/"),
        ("https://gateway.example:8443/vertex_ai/v1", "https://gateway.example:8443/vertex_ai/v1/projects/"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/projects/"),
        ("http://localhost:8080/v1", "http://localhost:8080/v1/projects/"),
        ("http://[::1]:8080", "http://[::1]:8080/v1/projects/"),
    ],
)  # fmt: skip
def test_another_address(base_url: str, start: str) -> None:
    """A bare host gets the version; a path is taken as it is."""
    made = platform(base_url=base_url, region="us-east5")
    for operation in ("invoke", "stream", "count_tokens"):
        assert made.endpoint("claude-x", operation).startswith(start)


@pytest.mark.parametrize(
    "base_url",
    ["http://gateway.example", "ftp://gateway.example", "gateway.example", "https://", "https://user:pw@gateway.example", "https://gateway.example/?a=b", "https://gateway.example/#x", "https://gateway.example\\@evil.example", "https://gateway.example/a b", "http://127.0.0.1.evil.example"],
)  # fmt: skip
def test_an_address_that_would_leak_a_token_is_refused(base_url: str) -> None:
    """Tokens go over https, to the host that was meant; the message shows no password."""
    with pytest.raises(ConfigurationError) as caught:
        platform(base_url=base_url)
    assert "pw" not in str(caught.value)


@given(st.text(min_size=1))
def test_no_model_id_changes_the_path(model_id: str) -> None:
    """An id is one segment of the path, or it is refused."""
    try:
        url = platform().endpoint(model_id, "invoke")
    except InvalidInputError:
        return
    start = "https://aiplatform.googleapis.com/v1/projects/p-1/locations/global/publishers/anthropic/models/"
    assert url == f"{start}{model_id}:rawPredict"
    assert not set(model_id) & set("/\\?#%:; \n")


@pytest.mark.parametrize(
    "model_id", ["", ".", "..", "../x", "a/b", "x:predict", "x?y", "x#y", "x%2Fy", "x\n", "publishers/anthropic/models/x"]
)  # fmt: skip
def test_path_tricks_are_refused(model_id: str) -> None:
    """Each is refused by name, before anything is sent."""
    with pytest.raises(InvalidInputError):
        platform().endpoint(model_id, "invoke")


@pytest.mark.parametrize(
    "region", ["evil.example/", "us-east5.evil", "", "US", "-x", "us east", "x\n"]
)
def test_a_region_cannot_become_another_host(region: str) -> None:
    """The region is part of the host name that gets the token."""
    with pytest.raises(ConfigurationError):
        make(region=region)
    if region:
        with pytest.raises(ConfigurationError):
            make(count_tokens_region=region)


@pytest.mark.parametrize("project", ["a/b", "..", "a?b", "a b", "x\n", "a%2Fb"])
def test_a_project_cannot_change_the_path(project: str) -> None:
    """The project is one segment too; ids with a domain are projects."""
    with pytest.raises(ConfigurationError):
        make(project=project)
    assert "/projects/example.com:p/" in platform(project="example.com:p").endpoint("m", "invoke")


@pytest.mark.parametrize(
    ("region", "counting"),
    [
        ("global", "us-east5"),
        ("us", "us-east5"),
        ("us-central1", "us-east5"),
        ("us-east5", "us-east5"),
        ("eu", "europe-west1"),
        ("europe-west4", "europe-west1"),
        ("asia-southeast1", "asia-southeast1"),
        ("asia-east1", "asia-southeast1"),
        ("asia-northeast1", "asia-northeast1"),
        ("europe-west2", "europe-west2"),
        ("australia-southeast1", "australia-southeast1"),
        ("northamerica-northeast1", "northamerica-northeast1"),
    ],
)
def test_tokens_are_counted_within_the_geography(region: str, counting: str) -> None:
    """Never at global, and never in another part of the world."""
    assert count_tokens_region(region) == counting
    made = platform(region=region)
    assert made.count_tokens_region == counting
    url = made.endpoint("claude-sonnet-4-5@20250929", "count_tokens")
    assert url == (
        f"https://{counting}-aiplatform.googleapis.com/v1/projects/p-1/locations/{counting}"
        "/publishers/anthropic/models/count-tokens:rawPredict"
    )


def test_the_counting_region_can_be_chosen() -> None:
    """An explicit region wins."""
    url = platform(region="us", count_tokens_region="us").endpoint("m", "count_tokens")
    assert url.startswith("https://aiplatform.us.rep.googleapis.com/v1/projects/p-1/locations/us/")


def test_bodies() -> None:
    """The version goes in, the stream flag follows the operation."""
    made = platform()
    before = copy.deepcopy(BODY)
    invoke, _ = made.rewrite(BODY, [], model_id="m", operation="invoke")
    assert invoke == {
        "anthropic_version": "vertex-2023-10-16",
        "messages": BODY["messages"],
        "max_tokens": 8,
    }
    stream, _ = made.rewrite(BODY, [], model_id="m", operation="stream")
    assert stream == {**invoke, "stream": True}
    assert before == BODY


def test_the_users_own_version_in_the_body_wins() -> None:
    """Raw body fields are sent as they are; there is one version."""
    body, _ = platform().rewrite(
        {**BODY, "anthropic_version": "2026-10-21"}, [], model_id="m", operation="invoke"
    )
    assert body["anthropic_version"] == "2026-10-21"
    assert json.dumps(body).count("anthropic_version") == 1
    other, _ = platform(anthropic_version="v").rewrite(BODY, [], model_id="m", operation="invoke")
    assert other["anthropic_version"] == "v"


def test_the_body_for_counting() -> None:
    """The model is in the body, without its suffix; betas that counting refuses are left out."""
    body, headers = platform().rewrite(
        {"messages": BODY["messages"], "tools": []},
        ["a", "web-search-2025-03-05"],
        model_id="claude-sonnet-4-5@20250929",
        operation="count_tokens",
    )
    assert body == {
        "anthropic_version": "vertex-2023-10-16",
        "messages": BODY["messages"],
        "model": "claude-sonnet-4-5",
        "tools": [],
    }
    assert headers["anthropic-beta"] == "a"


def test_headers() -> None:
    """Betas are one header; names are in lower case; what the user set is sent."""
    made = platform(
        region="us-east5",
        request_type="dedicated",
        extra_headers={"X-Team": "a", "Anthropic-Beta": "c,a"},
    )
    _, headers = made.rewrite(BODY, ["a", "b"], model_id="m", operation="invoke")
    assert headers == {
        "content-type": "application/json",
        "anthropic-beta": "a,b,c",
        "x-vertex-ai-llm-request-type": "dedicated",
        "x-team": "a",
    }
    _, plain = platform().rewrite(BODY, [], model_id="m", operation="stream")
    assert plain == {"content-type": "application/json"}


def test_anonymous_credentials_send_none() -> None:
    """A gateway signs; what it refuses is not asked twice."""
    made = make(project="p-1", credentials=AnonymousCredentials(), base_url="https://gateway.test")
    made.prepare()
    assert made.sign(OutgoingRequest("POST", "https://gateway.test")) == {}
    assert made.refresh({}) is False


def test_signing_with_a_given_token() -> None:
    """A token that the user brought is sent, and not renewed."""
    made = platform(quota_project="payer")
    assert not made.needs_prepare()
    signed = made.sign(REQUEST)
    assert signed == {"authorization": "Bearer ya29.secret", "x-goog-user-project": "payer"}
    assert made.refresh(signed) is False


@pytest.fixture
def tokens() -> Tokens:
    """What the token endpoint of `endpoint` answers."""
    return Tokens()


@pytest.fixture
def endpoint(tokens: Tokens) -> Iterator[Server]:
    """A token endpoint."""
    with serving(tokens) as server:
        yield server


def test_the_credentials_project_fills_in(endpoint: Server, tokens: Tokens) -> None:
    """From cold to signed: one token; the project is the key's; a refusal renews once."""
    key = robots.Credentials.from_service_account_info(service_account(endpoint.url))
    made = make(credentials=key, quota_project="payer")
    assert made.needs_prepare()
    with pytest.raises(AuthenticationError, match="prepare"):
        made.sign(REQUEST)
    made.prepare()
    assert not made.needs_prepare()
    assert "/projects/key-project/" in made.endpoint("m", "invoke")
    signed = made.sign(REQUEST)
    assert signed == {"authorization": "Bearer token-1", "x-goog-user-project": "payer"}
    assert made.refresh(signed) is True
    assert made.sign(REQUEST)["authorization"] == "Bearer token-2"
    assert made.refresh(signed) is True
    assert tokens.count == 2


def test_an_explicit_project_wins_over_the_credentials(endpoint: Server) -> None:
    """The key's project is not used where one was named."""
    key = robots.Credentials.from_service_account_info(service_account(endpoint.url))
    made = make(project="named", credentials=key)
    made.prepare()
    assert "/projects/named/" in made.endpoint("m", "invoke")


def test_no_project_names_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after preparing: what to set, for which no new model is needed."""
    made = make(access_token=SecretStr("t"))
    with pytest.raises(ConfigurationError, match="GOOGLE_CLOUD_PROJECT"):
        made.prepare()
    with pytest.raises(ConfigurationError, match="ANTHROPIC_VERTEX_PROJECT_ID"):
        made.endpoint("m", "invoke")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "set-later")
    made.prepare()
    assert "/projects/set-later/" in made.endpoint("m", "invoke")


def test_a_malformed_project_of_the_credentials_is_refused_every_time(endpoint: Server) -> None:
    """A second call finds the credentials loaded, and is refused all the same."""
    info = {**service_account(endpoint.url), "project_id": "../../evil"}
    made = make(credentials=robots.Credentials.from_service_account_info(info))
    with pytest.raises(ConfigurationError, match="is malformed"):
        made.prepare()
    with pytest.raises(ConfigurationError, match="is malformed"):
        made.endpoint("m", "invoke")


def test_refusals_are_read() -> None:
    """A 401 may be an expired token; a 403 or 404 is not."""
    made = platform(region="us-east5")
    body = json.dumps(
        [{"error": {"code": 401, "message": "m", "status": "UNAUTHENTICATED"}}]
    ).encode()
    expired = made.read_error(401, {}, body, model="claude-x")
    assert isinstance(expired, AuthenticationError)
    assert made.is_expired(expired)
    missing = made.read_error(404, {}, b"{}", model="claude-x")
    assert type(missing) is NotFoundError
    assert (missing.platform, missing.model, missing.region) == ("vertex", "claude-x", "us-east5")
    assert not made.is_expired(missing)


def test_making_a_platform_loads_no_cloud_library() -> None:
    """The clouds' libraries and the HTTP client are for the first call."""
    program = (
        "import sys\n"
        "from langchain_claude_cloud import Bedrock, Vertex\n"
        "from langchain_claude_cloud.platform.vertex import VertexPlatform\n"
        "from langchain_claude_cloud.platform.bedrock import BedrockPlatform\n"
        "VertexPlatform(Vertex()); BedrockPlatform(Bedrock(region='us-east-1'))\n"
        "print([name for name in ('google.auth', 'botocore', 'boto3', 'httpx') if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_a_refusal_is_told_though_the_credentials_were_forgotten_meanwhile() -> None:
    """Another thread's renewal failed between this request and its refusal."""
    robot = robots.Credentials.from_service_account_info(service_account("https://h.example/"))
    made = make(project="p-1", credentials=robot)
    made._credentials = GoogleSource(robot)  # prepared by nobody
    refused = made.read_error(404, {}, b"{}", model="claude-x")
    assert isinstance(refused, NotFoundError)

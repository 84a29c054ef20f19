"""Claude Platform on AWS: a row of the catalogue over the seam of Bedrock's APIs."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from langchain_claude_cloud import Bedrock
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.routing.routes import make_routes

PLATFORM = Bedrock(
    region="us-east-1",
    api="claude-platform",
    workspace="wrkspc_1",
    access_key_id="AKIATEST",
    secret_access_key="secret",
)


def test_a_request_is_anthropics_own_with_a_workspace_and_awss_signature() -> None:
    """As the SDK's client `AnthropicAWS` writes it: URL, headers, body, scope of the signature."""
    (route,) = make_routes([PLATFORM], "claude-haiku-4-5")
    platform = route.platform
    platform.prepare()
    model_id = route.resolved().model_id
    url = platform.endpoint(model_id, "stream")
    body, headers = platform.rewrite(
        {"max_tokens": 9, "messages": []}, ["a"], model_id=model_id, operation="stream"
    )
    signed = platform.sign(OutgoingRequest("POST", url, headers, b"{}"))
    assert url == "https://aws-external-anthropic.us-east-1.api.aws/v1/messages"
    assert body == {
        "model": "claude-haiku-4-5-20251001",
        "max_tokens": 9,
        "messages": [],
        "stream": True,
    }
    assert headers["anthropic-workspace-id"] == "wrkspc_1"
    assert headers["anthropic-beta"] == "a"
    assert "/us-east-1/aws-external-anthropic/aws4_request" in signed["authorization"]
    assert platform.framing == "sse"


def test_it_needs_a_workspace_and_nothing_else_has_one() -> None:
    """Each without the other is refused."""
    with pytest.raises(ConfigurationError, match="workspace"):
        Bedrock(region="us-east-1", api="claude-platform")
    with pytest.raises(ConfigurationError, match="workspace"):
        Bedrock(region="us-east-1", workspace="wrkspc_1")


def test_keys_and_addresses_of_bedrock_are_not_its(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is another service, run by another company."""
    for name in ("ANTHROPIC_BEDROCK_BASE_URL", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "https://bedrock.example")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrocks")
    platform = Bedrock(region="us-east-1", api="claude-platform", workspace="wrkspc_1")
    assert platform.effective_api_key() is None
    assert platform.effective_base_url() is None
    monkeypatch.setenv("ANTHROPIC_AWS_API_KEY", "its-own")
    key = platform.effective_api_key()
    assert isinstance(key, SecretStr)
    assert key.get_secret_value() == "its-own"


def test_a_residency_is_refused() -> None:
    """Nothing says where it answers."""
    advice = "claude-platform.*api or model id that stays inside"
    with pytest.raises(ConfigurationError, match=advice):
        make_routes([PLATFORM], "claude-haiku-4-5", residency="us")

"""Models on a `RawClouds`: with fixed credentials, or with such as the server issues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from credential_servers import private_key
from raw_clouds import RawClouds

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex

_FIXED = {
    "vertex": {"access_token": "token-0"},
    "bedrock": {"access_key_id": "AKIA0", "secret_access_key": "secret"},
}
ROLE = "arn:aws:iam::123456789012:role/claude"


def model_on(
    server: RawClouds, cloud: str, *, host: str = "127.0.0.1", **fields: Any
) -> ChatClaudeCloud:
    """Return a model on a server with credentials that need nothing; no retries by default."""
    url = server.url.replace("127.0.0.1", host)
    return _model(_platform(url, cloud, **_FIXED[cloud]), fields)


def issued_model_on(server: RawClouds, cloud: str, **fields: Any) -> ChatClaudeCloud:
    """Return a model whose credentials the server issues; see `identity_in_environment`."""
    own = {} if cloud == "vertex" else {"role_arn": ROLE}
    return _model(_platform(server.url, cloud, **own), fields)


def identity_in_environment(
    server: RawClouds, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set a service account's key, and AWS keys that may assume a role, in the environment."""
    path = folder / "service-account.json"
    path.write_text(json.dumps(_service_account(server.url)))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA0")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)


def _platform(url: str, cloud: str, **own: Any) -> Vertex | Bedrock:
    if cloud == "vertex":
        return Vertex(project="p", region="global", base_url=f"{url}/v1", **own)
    return Bedrock(region="us-east-1", base_url=url, **own)


def _model(platform: Vertex | Bedrock, fields: dict[str, Any]) -> ChatClaudeCloud:
    given = {"model": "claude-sonnet-4-6", "max_tokens": 1024, "max_retries": 0, **fields}
    return ChatClaudeCloud(platform=platform, **given)


def _service_account(url: str) -> dict[str, str]:
    return {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": private_key(),
        "client_email": "robot@p.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{url}/token",
    }

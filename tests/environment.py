"""A clean environment for each test, without the machine's own cloud settings."""

from __future__ import annotations

import os

import pytest

_CREDENTIAL_PREFIXES = (
    "ANTHROPIC",
    "AWS",
    "BOTO",
    "CLAUDE",
    "CLOUD_ML",
    "CLOUDSDK",
    "GCE",
    "GCLOUD",
    "GOOGLE",
    "LANGCHAIN",
    "LANGSMITH",
    "VERTEX",
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Hide the machine's own cloud settings, so that a test sees only what it sets."""
    keep = {"CLAUDE_CLOUD_DATA"}
    for name in list(os.environ):
        if name.startswith(_CREDENTIAL_PREFIXES) and name not in keep:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/aws-config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/aws-credentials")
    monkeypatch.setenv("CLOUDSDK_CONFIG", f"{tmp_path}/gcloud")
    monkeypatch.setenv("NO_GCE_CHECK", "true")

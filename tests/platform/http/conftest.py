"""Fixtures of the tests of HTTP."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from http_certificate import server_context


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS context for cloud.test, which SSL_CERT_FILE makes trusted."""
    context, path = server_context(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return context

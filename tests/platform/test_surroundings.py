"""A company's network: its certificates and its proxy, from the environment, on both clouds."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from http_certificate import server_context
from http_fakes import Exchange, Server, pump

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.errors import ConfigurationError, ConnectionFailedError
from langchain_claude_cloud.platform.http.environment import Certificates, tls_context
from langchain_claude_cloud.platform.http.pool import close_pools

ENDPOINT = "https://cloud.test"
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hello."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


async def _answer(exchange: Exchange) -> None:
    await exchange.reply(200, json.dumps(ANSWER).encode())


class Proxy(Server):
    """Opens tunnels to one server, whatever host is asked for, and keeps what was asked."""

    def __init__(self, target: Server) -> None:
        super().__init__(_answer)
        self.asked: list[str] = []
        self._target = target.port

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.decode().partition("\r\n")[0])
        inner, outer = await asyncio.open_connection("127.0.0.1", self._target)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with suppress(OSError):
            await asyncio.gather(pump(reader, outer), pump(inner, writer))


@pytest.fixture(autouse=True)
def fresh_pools(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No connection outlives a test, and no variable of the machine's own counts."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield
    close_pools(ENDPOINT)


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """A server's context whose certificate nobody trusts yet."""
    return server_context(tmp_path)[0]


def _model(cloud: str) -> ChatClaudeCloud:
    platform = (
        Vertex(project="p", access_token="t", base_url=ENDPOINT)
        if cloud == "vertex"
        else Bedrock(region="us-east-1", api_key="k", base_url=ENDPOINT)
    )
    return ChatClaudeCloud(
        model="claude-sonnet-4-5", platform=platform, max_tokens=100, max_retries=0
    )


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
async def test_a_companys_proxy_and_certificates(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    tls: ssl.SSLContext,
    variable: str,
    cloud: str,
) -> None:
    """A tunnel to the endpoint, and TLS inside that the company's own authority has signed."""
    with Server(_answer, tls) as server, Proxy(server) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(ConnectionFailedError, match=r"(?i)certificate"):
            _model(cloud).invoke("Hi")
        monkeypatch.setenv(variable, str(tmp_path / "pair.pem"))
        close_pools(ENDPOINT)
        assert _model(cloud).invoke("Hi").text == "Hello."
        model = _model(cloud)
        assert (await model.ainvoke("Hi")).text == "Hello."
        await model.aclose()
        close_pools(ENDPOINT)
        assert set(proxy.asked) == {"CONNECT cloud.test:443 HTTP/1.1"}
        assert len(proxy.asked) >= 3


def test_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext) -> None:
    """A host that it names is asked directly: here there is no such host."""
    with Server(_answer, tls) as server, Proxy(server) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "cloud.test")
        with pytest.raises(ConnectionFailedError):
            _model("bedrock").invoke("Hi")
        assert proxy.asked == []


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_certificates_that_are_none_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    """The variable is in the message."""
    (tmp_path / "empty.pem").write_text("")
    monkeypatch.setenv(variable, str(tmp_path / "empty.pem"))
    with pytest.raises(ConfigurationError, match=variable):
        tls_context(Certificates.of_process())


def test_a_folder_of_certificates_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As requests reads one; what was trusted before still is."""
    bundled = len(tls_context(Certificates.of_process()).get_ca_certs())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    assert len(tls_context(Certificates.of_process()).get_ca_certs()) == bundled

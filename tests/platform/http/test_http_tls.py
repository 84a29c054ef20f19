"""TLS and proxies, on loopback, with a certificate of our own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
import requests.certs
from http_certificate import server_context
from http_fakes import (
    Exchange,
    FakePlatform,
    Server,
    aopen_stream,
    asend,
    open_stream,
    pump,
    read_stream,
    receive,
)

from langchain_claude_cloud.errors import (
    ConfigurationError,
    ConnectionFailedError,
    RequestTimeoutError,
    StreamInterruptedError,
)
from langchain_claude_cloud.platform.base import OutgoingRequest, PlatformRequest
from langchain_claude_cloud.platform.http.failures import failure
from langchain_claude_cloud.platform.http.pool import aclose_pools, close_pools
from langchain_claude_cloud.platform.timeouts import Timeouts

both = pytest.mark.parametrize("mode", ["thread", "loop"])
PIECES = [b"event: a\n\n", b"x" * 200_000, b"event: message_stop\n\n"]


@pytest.fixture(autouse=True)
def _fresh_pools() -> Iterator[None]:
    """Certificates and proxies belong to a pool: start and end without any."""
    close_pools()
    yield
    close_pools()


async def _stream(exchange: Exchange) -> None:
    await exchange.stream(*PIECES)


async def _echo(exchange: Exchange) -> None:
    await exchange.reply(body=exchange.body)


@both
def test_requests_and_streams_over_tls(mode: str, tls: ssl.SSLContext) -> None:
    """Large bodies pass both ways, and SSL_CERT_FILE is honoured."""
    body = bytes(range(256)) * 20_000
    with Server(_echo, tls) as server:
        assert receive(mode, FakePlatform(), server.request(body)).body == body
    with Server(_stream, tls) as server:
        assert read_stream(mode, FakePlatform(), server.request()) == b"".join(PIECES)


def test_threads_reuse_tls_connections(tls: ssl.SSLContext) -> None:
    """One handshake serves many streams, although session tickets lie about."""
    with Server(_stream, tls) as server:
        for _ in range(4):
            with open_stream(FakePlatform(), server.request()) as stream:
                assert b"".join(stream) == b"".join(PIECES)
        assert (server.opened, server.closed) == (1, 0)


async def _read_and_raise(server: Server) -> None:
    async with await aopen_stream(FakePlatform(), server.request()) as stream:
        await anext(aiter(stream))
        raise LookupError


async def _reuse_and_abandon(server: Server) -> None:
    """Read several streams on one connection, and leave another in the midst."""
    for _ in range(4):
        async with await aopen_stream(FakePlatform(), server.request()) as stream:
            assert b"".join([piece async for piece in stream]) == b"".join(PIECES)
    assert (server.opened, server.closed) == (1, 0)
    with pytest.raises(LookupError):
        await _read_and_raise(server)


async def test_tasks_reuse_tls_connections(tls: ssl.SSLContext) -> None:
    """The same on a loop, and abandoned ones are closed."""
    with Server(_stream, tls) as server:
        await _reuse_and_abandon(server)
        await asyncio.to_thread(server.wait_closed, 1)


@pytest.mark.skipif(find_spec("uvloop") is None, reason="there is no uvloop on Windows")
@pytest.mark.parametrize("is_secure", [True, False])
def test_another_kind_of_loop_closes_connections_at_once_too(
    is_secure: bool,  # noqa: FBT001  a table
    tls: ssl.SSLContext,
) -> None:
    """Uvicorn runs on uvloop where it is installed, whose sockets cannot all that asyncio's can."""
    import uvloop  # noqa: PLC0415  not everywhere

    with Server(_stream, tls if is_secure else None) as server:

        async def work() -> None:
            await _reuse_and_abandon(server)
            server.wait_closed(1)  # while nothing else happens on this loop
            await asend(FakePlatform(), server.request())
            await aclose_pools()
            server.wait_closed(2)

        uvloop.run(work())


@both
def test_a_certificate_that_is_not_trusted(mode: str, tmp_path: Path) -> None:
    """The handshake fails, the way out is named, and retrying is not recommended."""
    context, _ = server_context(tmp_path)
    with Server(_echo, context) as server:
        with pytest.raises(ConnectionFailedError, match="REQUESTS_CA_BUNDLE") as caught:
            receive(mode, FakePlatform(), server.request())
        assert not caught.value.is_retryable
        assert server.requests == []


def test_a_certificate_of_another_time_may_be_the_clocks_fault() -> None:
    """A wrong clock comes as a certificate that is not valid yet, or any more."""
    request = PlatformRequest(FakePlatform(), OutgoingRequest("POST", ""), "m", Timeouts())  # type: ignore[arg-type]  # a fake
    for reason in ("certificate has expired", "certificate is not yet valid"):
        cause = httpx.ConnectError(f"[SSL: CERTIFICATE_VERIFY_FAILED] verify failed: {reason}")
        error = failure(cause, request, has_begun=False)
        assert "set this machine's clock" in str(error)
        assert not error.is_retryable


async def test_a_tls_connection_that_ends_with_the_body_is_let_go_of_quietly(
    tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    """Its socket is gone by then, which aiohttp logged as an error of ours."""

    async def until_closed(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.0 200 OK\r\n\r\nhello")
        exchange.writer.close()

    with Server(until_closed, tls) as server:
        assert (await asend(FakePlatform(), server.request())).body == b"hello"
    assert caplog.messages == []


@both
def test_a_certificate_for_another_host(mode: str, tls: ssl.SSLContext) -> None:
    """The name is checked, not only the signature."""
    with Server(_echo, tls) as server:
        url = server.url.replace("127.0.0.1", "127.0.0.2")
        with pytest.raises(ConnectionFailedError):
            receive(mode, FakePlatform(), OutgoingRequest("POST", url))
        assert server.requests == []


@both
def test_a_server_that_does_not_speak_tls(mode: str) -> None:
    """An answer in plain text is a failed connection."""

    async def never(exchange: Exchange) -> None:
        raise AssertionError(exchange)

    class Plain(Server):
        async def _read(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int
        ) -> None:
            await reader.read(10)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)

    with Plain(never) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(ConnectionFailedError):
            receive(mode, FakePlatform(), OutgoingRequest("POST", url))


@both
def test_a_handshake_that_is_not_answered(mode: str) -> None:
    """The limit on connecting includes TLS."""

    class Mute(Server):
        async def _read(self, *_: object) -> None:
            await asyncio.sleep(10)

    with Mute(_echo) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(RequestTimeoutError, match="connect"):
            receive(
                mode,
                FakePlatform(),
                OutgoingRequest("POST", url),
                timeouts=Timeouts(connect=0.2, start=5.0, idle=5.0),
            )


@both
def test_a_tls_stream_that_is_cut(mode: str, tls: ssl.SSLContext) -> None:
    """A connection that ends without a farewell in mid-body is noticed."""

    async def cut(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(b"data: 1\n\n")
        await asyncio.sleep(0.05)
        await exchange.hang_up()

    with Server(cut, tls) as server, pytest.raises(StreamInterruptedError):
        read_stream(mode, FakePlatform(), server.request())


@both
def test_a_tls_stream_that_stalls(mode: str, tls: ssl.SSLContext) -> None:
    """Silence is limited under TLS as well."""

    async def stall(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(b"data: 1\n\n")
        await exchange.wait_for_hang_up()

    with Server(stall, tls) as server:
        with pytest.raises(RequestTimeoutError, match="idle"):
            read_stream(mode, FakePlatform(), server.request(), timeouts=Timeouts(2.0, 9.0, 0.2))
        server.wait_closed(1)


class Proxy(Server):
    """An HTTP proxy that tunnels every host to one server."""

    target = 0

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        exchange = await self._read(reader, writer, 1)
        if exchange is None:
            return
        if exchange.headers.get("proxy-authorization") != "Basic dXNlcjpwYXNz":
            await exchange.reply(407, b"")
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        await exchange.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with suppress(OSError):
            await asyncio.gather(pump(reader, back), pump(there, writer))


@both
def test_a_tunnel_through_a_proxy(
    mode: str, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY is honoured; the proxy sees the host, and neither path nor credentials."""
    with Server(_stream, tls) as server, Proxy(_echo) as proxy:
        proxy.target = server.port
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass@127.0.0.1:{proxy.port}")
        request = OutgoingRequest("POST", "https://cloud.test/v1/messages", {}, b"{}")
        for _ in range(2):
            assert read_stream(mode, FakePlatform(), request) == b"".join(PIECES)
        assert {exchange.target for exchange in proxy.requests} == {"cloud.test:443"}
        assert all("authorization" not in exchange.headers for exchange in proxy.requests)
        assert server.opened == len(proxy.requests) == (1 if mode == "thread" else 2)
        assert server.requests[0].headers["authorization"] == "Bearer token-1"


@both
def test_a_proxy_that_refuses(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy's refusal is named as such, without its password."""
    with Proxy(_echo) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:wrong@127.0.0.1:{proxy.port}")
        request = OutgoingRequest("POST", "https://cloud.test/", {}, b"{}")
        with pytest.raises(ConnectionFailedError, match=r"407.*proxy") as caught:
            receive(mode, FakePlatform(), request)
        assert "wrong" not in str(caught.value)


@both
@pytest.mark.parametrize("scheme", ["socks5", "SOCKS5h", "socks4"])
def test_a_socks_proxy_is_refused(mode: str, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is sent, with what to do, and without its password."""
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:correct-horse@127.0.0.1:9")
    request = OutgoingRequest("POST", "https://cloud.test/v1", {}, b"{}")
    expected = r"SOCKS proxy for cloud.test.*HTTPS_PROXY.*NO_PROXY.*http_client.*httpx\[socks\]"
    with pytest.raises(ConfigurationError, match=expected) as caught:
        receive(mode, FakePlatform(), request)
    assert "correct-horse" not in str(caught.value)


@both
def test_a_callers_client_goes_its_own_way_beside_a_socks_proxy(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One made with httpx[socks] knows the way; the environment is not asked."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    request = OutgoingRequest("POST", "https://cloud.test/v1", {}, b"{}")
    through = httpx.MockTransport(lambda _: httpx.Response(200, text="through"))
    kind = httpx.Client if mode == "thread" else httpx.AsyncClient
    client = kind(transport=through)
    assert receive(mode, FakePlatform(), request, client=client).body == b"through"


@both
def test_a_proxy_of_https_goes_before_a_socks_proxy_of_all(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY is the more specific one, as for httpx."""

    async def refuse(exchange: Exchange) -> None:
        await exchange.reply(407)

    with Server(refuse) as proxy:
        monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        request = OutgoingRequest("POST", "https://cloud.test/v1", {}, b"{}")
        with pytest.raises(ConnectionFailedError):
            receive(mode, FakePlatform(), request)
        assert [each.method for each in proxy.requests] == ["CONNECT"]


@both
def test_a_proxy_that_never_answers_is_limited_by_connect(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was sent to the cloud, so that the request may be sent again."""

    async def never(exchange: Exchange) -> None:
        await exchange.wait_for_hang_up()

    with Server(never) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        request = OutgoingRequest("POST", "https://cloud.test/v1", {}, b"{}")
        with pytest.raises(RequestTimeoutError, match="'connect'") as caught:
            receive(mode, FakePlatform(), request, timeouts=Timeouts(0.3, 60.0, 60.0))
        assert caught.value.is_retryable
        proxy.wait_closed(1)


@both
def test_certificates_may_be_named_after_a_failure(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure is not remembered past a change of what is trusted, in name or in content."""
    context, path = server_context(tmp_path)
    with Server(_echo, context) as server:
        with pytest.raises(ConnectionFailedError, match="CERTIFICATE"):
            receive(mode, FakePlatform(), server.request())
        bundle = tmp_path / "bundle.pem"
        bundle.write_bytes(Path(requests.certs.where()).read_bytes())
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        with pytest.raises(ConnectionFailedError, match="CERTIFICATE"):
            receive(mode, FakePlatform(), server.request())
        bundle.write_bytes(path.read_bytes())
        assert receive(mode, FakePlatform(), server.request()).status == 200


@both
def test_a_platform_may_name_certificates(mode: str, tmp_path: Path) -> None:
    """The `ca_bundle` of an AWS profile is trusted besides."""

    @dataclass
    class Profiled(FakePlatform):
        ca_bundle: str | None = None

    context, path = server_context(tmp_path)
    with Server(_echo, context) as server:
        platform = Profiled(ca_bundle=str(path))
        assert receive(mode, platform, server.request()).status == 200

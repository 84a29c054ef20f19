"""Fetching media by URL: what may be fetched, from where, and how much."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any

import pytest
from fetching import afetch_all, afetch_media, fetch_all, fetch_media
from http_fakes import Exchange, Server
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_claude_cloud.catalogue.media_types import FetchedMedia, media_type_of
from langchain_claude_cloud.errors import (
    ConfigurationError,
    InvalidInputError,
    LocalLimitError,
    RequestTooLargeError,
)
from langchain_claude_cloud.platform.fetch_policy import is_public
from langchain_claude_cloud.platform.http.async_transport import look_up
from langchain_claude_cloud.platform.http.fetch import (
    MediaFetcher,
)
from langchain_claude_cloud.platform.http.loops import loop_state

PUBLIC = "93.184.215.14"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20

PRIVATE_V4 = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
]  # fmt: skip
PRIVATE_V6 = [
    "::/128", "::1/128", "::/96", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "2001::/32",
    "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fd00:ec2::254/128",
    "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip


class Network:
    """The internet, of which one server is all: it notes which addresses were asked for."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.asked: list[str] = []
        self.dead: set[str] = set()

    def __call__(self, address: str, port: int) -> tuple[str, int]:
        """Lead to the server, whatever the address, or where nobody listens."""
        assert 0 < port < 65_536
        self.asked.append(address)
        return ("127.0.0.1", 1 if address in self.dead else self.server.port)


class Names:
    """A resolver with a table, that counts how often it is asked."""

    def __init__(self, *addresses: str, **table: Sequence[str]) -> None:
        self.addresses = addresses or (PUBLIC,)
        self.table = table
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[tuple[str, int]]:
        """Return the addresses of a host."""
        self.asked.append(host)
        assert 0 < port < 65_536
        return [(address, port) for address in self.table.get(host, self.addresses)]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without a proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def _picture(exchange: Exchange) -> None:
    await exchange.reply(body=PNG, headers={"content-type": "application/octet-stream"})


@st.composite
def _within(draw: st.DrawFn, networks: Sequence[str]) -> str:
    text = draw(st.sampled_from(networks))
    network = IPv6Network(text) if ":" in text else IPv4Network(text)
    return str(network[draw(st.integers(0, network.num_addresses - 1))])


@settings(deadline=None)
@given(_within(PRIVATE_V4))
def test_no_private_ipv4_address_is_public_in_any_dress(address: str) -> None:
    """Neither as it is nor within IPv6: mapped, NAT64, 6to4, compatible."""
    packed = int(IPv4Address(address))
    dresses = [
        address,
        f"::ffff:{address}",
        f"::{address}",
        f"64:ff9b::{address}",
        f"2002:{packed >> 16:x}:{packed & 0xFFFF:x}::1",
        f"{address}%eth0",
    ]
    assert not any(is_public(dress) for dress in dresses)


@settings(deadline=None)
@given(_within(PRIVATE_V6))
def test_no_special_ipv6_address_is_public(address: str) -> None:
    """Loopback, link-local, unique local, multicast, documentation, transition."""
    assert not is_public(address)
    assert not is_public(f"{address}%1")


@settings(deadline=None)
@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_what_is_public_is_global_and_of_one_host(address: Any) -> None:
    """No address is let through that the standard library calls special."""
    if is_public(str(address)):
        inner = (
            IPv4Address(address.packed[-4:]) if address in IPv6Network("64:ff9b::/96") else address
        )
        assert inner.is_global
        for trait in ("multicast", "private", "link_local", "loopback", "unspecified", "reserved"):
            assert not getattr(inner, f"is_{trait}"), trait


@pytest.mark.parametrize(
    "address",
    [
        PUBLIC,
        "8.8.8.8",
        "1.1.1.1",
        "2606:4700:4700::1111",
        "2a00:1450:4001::8a",
        "64:ff9b::8.8.8.8",
    ],
)
def test_public_addresses_are_public(address: str) -> None:
    """The guard lets the internet through, also behind DNS64."""
    assert is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "256.1.1.1", "1.2.3", "0x7f000001", "::g"])
def test_what_is_no_address_is_not_public(text: str) -> None:
    """Anything else than an address is refused."""
    assert not is_public(text)


@pytest.mark.parametrize(
    ("data", "declared", "expected"),
    [
        (PNG, "image/jpeg", "image/png"),
        (b"\xff\xd8\xff\xe0", None, "image/jpeg"),
        (b"GIF89a...", "text/html", "image/gif"),
        (b"GIF87a...", "", "image/gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "application/octet-stream", "image/webp"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio/wav", "audio/wav"),
        (b"%PDF-1.7", "binary/octet-stream", "application/pdf"),
        (b"\n\n%PDF-1.7", "application/octet-stream", "application/pdf"),
        (b"hello", "text/plain; charset=utf-8", "text/plain"),
        (b"hello", None, "text/plain"),
        ("é".encode() * 5_000, None, "text/plain"),
        (b"x" + "é".encode() * 5_000, None, "text/plain"),
        ("é".encode("latin-1") * 3, None, "application/octet-stream"),
        (b"\x00\x01", None, "application/octet-stream"),
        (b"<svg>", "Image/SVG+xml", "image/svg+xml"),
        (b"", None, "text/plain"),
    ],
)
def test_the_media_type_is_the_contents(data: bytes, declared: str | None, expected: str) -> None:
    """Content decides where it tells; what the server says where it does not."""
    assert media_type_of(data, declared) == expected


async def test_a_picture_is_fetched_from_the_checked_address(tls: ssl.SSLContext) -> None:
    """The name is looked up once, the address connected to, and the certificate the name's."""
    with Server(_picture, tls) as server:
        network, names = Network(server), Names()
        media = await afetch_media(
            "https://cloud.test/a.png?size=1", resolver=names, network=network
        )
        assert media == FetchedMedia("image/png", PNG)
        assert network.asked == [PUBLIC]
        assert names.asked == ["cloud.test"]
        (request,) = server.requests
        assert (request.method, request.target) == ("GET", "/a.png?size=1")
        assert request.headers["host"] == "cloud.test"
        assert not {"authorization", "cookie"} & set(request.headers)
        await asyncio.to_thread(server.wait_closed, 1)


async def test_a_certificate_for_another_name_is_not_accepted(tls: ssl.SSLContext) -> None:
    """Whoever holds the address must hold the name as well."""
    with Server(_picture, tls) as server:
        with pytest.raises(InvalidInputError, match="CERTIFICATE"):
            await afetch_media("https://other.test/", resolver=Names(), network=Network(server))
        assert server.requests == []


async def test_another_address_is_tried_where_one_is_dead(tls: ssl.SSLContext) -> None:
    """All checked addresses count, in their order."""
    with Server(_picture, tls) as server:
        network = Network(server)
        network.dead = {"8.8.8.8"}
        names = Names("8.8.8.8", PUBLIC)
        await afetch_media("https://cloud.test/", resolver=names, network=network)
        assert network.asked == ["8.8.8.8", PUBLIC]
        network.dead = {"8.8.8.8", PUBLIC}
        with pytest.raises(InvalidInputError, match="refused"):
            await afetch_media("https://cloud.test/", resolver=names, network=network)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        [PUBLIC, "10.0.0.1"],
        ["::1"],
        ["fe80::1%eth0"],
        ["nonsense"],
    ],
)
async def test_no_connection_is_made_to_a_private_address(addresses: list[str]) -> None:
    """One private address among several is one too many; nothing is even connected."""
    with Server(_picture) as server:
        network = Network(server)
        with pytest.raises(InvalidInputError, match="not a public address"):
            await afetch_media("https://a.test/x", resolver=Names(*addresses), network=network)
        assert network.asked == []


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "[::1]", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0"],
)
async def test_this_machine_is_not_fetched_from_under_any_name(host: str) -> None:
    """The system's own resolver knows many spellings of loopback; the result is what counts."""
    with pytest.raises(InvalidInputError, match=r"not a public address|no address"):
        await afetch_media(f"https://{host}/")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://a.test/x", "only https"),
        ("ftp://a.test/x", "only https"),
        ("file:///etc/passwd", "only https"),
        ("data:image/png;base64,AAAA", "only https"),
        ("https:///x", "only https"),
        ("a.png", "only https"),
        ("", "only https"),
        ("gs://bucket/a.png", "gs://"),
        ("s3://bucket/a.png", "s3://"),
        ("https://user:hidden@a.test/x", "password"),
        ("https://a.test:99999/x", "not a URL"),
        ("https://[::/x", "not a URL"),
        ("https://a\n.test/", "not a URL"),
    ],
)
async def test_urls_that_are_not_fetched(url: str, reason: str) -> None:
    """Each is refused with its reason before anything is looked up."""
    names = Names()
    with pytest.raises(InvalidInputError, match=reason) as caught:
        await afetch_media(url, resolver=names)
    assert names.asked == []
    assert "hidden" not in str(caught.value)


@settings(deadline=None, max_examples=50)
@given(st.one_of(st.text(), st.text().map("https://{}".format)))
def test_whatever_is_given_for_a_url_is_refused_in_one_way(url: str) -> None:
    """No text makes the guard stumble: there is one exception, and no connection."""

    async def nowhere(host: str, port: int) -> list[tuple[str, int]]:
        assert host
        assert 0 < port < 65_536
        return []

    with pytest.raises(InvalidInputError):
        asyncio.run(afetch_media(url, resolver=nowhere))


async def test_a_name_that_dns_does_not_take_is_refused() -> None:
    """The system's resolver raises something else than usual for it."""
    with pytest.raises(InvalidInputError, match="no address"):
        await afetch_media(f"https://{'a' * 64}.test/")


async def test_the_query_is_not_in_the_message() -> None:
    """Signed URLs carry their secret there."""
    with pytest.raises(InvalidInputError, match=r"https://a\.test/path") as caught:
        await afetch_media("https://a.test/path?X-Signature=hidden#f", resolver=Names("10.0.0.1"))
    assert "hidden" not in str(caught.value)


def _redirect(*targets: str) -> Any:
    async def answer(exchange: Exchange) -> None:
        if exchange.number <= len(targets):
            await exchange.reply(302, b"", {"location": targets[exchange.number - 1]})
        else:
            await _picture(exchange)

    return answer


async def test_redirects_are_followed_and_each_is_checked(tls: ssl.SSLContext) -> None:
    """Relative and absolute ones, looked up anew."""
    with Server(_redirect("/b", "https://cloud.test/c"), tls) as server:
        names = Names()
        media = await afetch_media("https://cloud.test/a", resolver=names, network=Network(server))
        assert media.data == PNG
        assert [request.target for request in server.requests] == ["/a", "/b", "/c"]
        assert len(names.asked) == 3


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("https://inside.test/", "not a public address"),
        ("https://169.254.169.254/latest/meta-data/", "not a public address"),
        ("http://cloud.test/", "only https"),
        ("//localhost/", "not a public address"),
        ("file:///etc/passwd", "only https"),
    ],
)
async def test_a_redirect_does_not_lead_inside(
    tls: ssl.SSLContext, target: str, reason: str
) -> None:
    """A public server cannot send us where it may not go itself."""
    table = {
        "inside.test": ["10.0.0.1"],
        "169.254.169.254": ["169.254.169.254"],
        "localhost": ["::1"],
    }
    with Server(_redirect(target), tls) as server:
        network = Network(server)
        with pytest.raises(InvalidInputError, match=reason):
            await afetch_media("https://cloud.test/a", resolver=Names(**table), network=network)
        assert len(server.requests) == len(network.asked) == 1


class OneKnownName(Names):
    """The system's resolver, but for the one public name of these tests."""

    async def __call__(self, host: str, port: int) -> list[tuple[str, int]]:
        """Return the addresses of a host, as any spelling of it is understood here."""
        self.asked.append(host)
        return [(PUBLIC, port)] if host == "cloud.test" else await look_up(host, port)


@pytest.mark.parametrize(
    "target",
    [
        "https://user:hidden@cloud.test/",
        "https://cloud.test@localhost/",
        "https://localhost#@cloud.test/",
        "https://localhost\\@cloud.test/",
        "HTTPS://LOCALHOST./",
        "https://127.1/",
        "https://0/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://2130706433/",
        "https://[::]/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::127.0.0.1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1%25lo]/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/iam/",
        "https://[fd00:ec2::254]/latest/meta-data/",
        "https://168.63.129.16/",
        "https://\u2460\u2461\u2466.0.0.1/".encode().decode("latin-1"),
        "//localhost:443/",
        "///localhost/",
        "https:localhost",
        "https://",
        "https://[",
        "https://cloud.test:99999/",
        "http://cloud.test/",
        "gopher://localhost/",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "\\\\localhost\\share",
    ],
)
async def test_no_spelling_of_a_redirect_leads_inside(tls: ssl.SSLContext, target: str) -> None:
    """Each ends in the one error, or in the public server again; nothing else is connected."""
    with Server(_redirect(*[target] * 9), tls) as server:
        network = Network(server)
        with pytest.raises(InvalidInputError) as caught:
            await afetch_media("https://cloud.test/a", resolver=OneKnownName(), network=network)
        assert set(network.asked) == {PUBLIC}
        assert {request.headers["host"] for request in server.requests} == {"cloud.test"}
        assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 2_000_000,
        b"HTTP/1.1 200 OK\r\n" + b"x-one: 1\r\n" * 200_000,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100_000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
        b"\x00\x01\x02 not http\r\n\r\n",
    ],
    ids=[
        "long",
        "many",
        "interim",
        "gzip, chunked",
        "br",
        "negative",
        "two lengths",
        "101",
        "noise",
    ],
)
async def test_a_response_that_is_out_of_order_is_an_error(
    tls: ssl.SSLContext, head: bytes
) -> None:
    """Heads without end, and what HTTP does not allow."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(head)
        await exchange.finish()

    url = "https://cloud.test/?X-Amz-Signature=hidden"
    with Server(answer, tls) as server, pytest.raises(InvalidInputError) as caught:
        await afetch_media(url, resolver=Names(), network=Network(server), seconds=5.0)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("optional", [frozenset[str](), frozenset({"https://cloud.test/a"})])
async def test_a_limit_of_this_machine_blames_no_url(optional: frozenset[str]) -> None:
    """An image of an earlier turn does not become a line of text for want of a file."""

    async def resolver(_: str, __: int) -> list[tuple[str, int]]:
        raise OSError(errno.EMFILE, "Too many open files")

    fetcher = MediaFetcher(optional=optional, resolver=resolver)
    with pytest.raises(LocalLimitError, match=r"cloud\.test.*ulimit"):
        await fetcher.afetch(["https://cloud.test/a"])


async def test_a_name_that_changes_its_address_is_caught(tls: ssl.SSLContext) -> None:
    """DNS rebinding: the second answer is never used for the first check."""

    class Rebinding(Names):
        async def __call__(self, host: str, port: int) -> list[tuple[str, int]]:
            await super().__call__(host, port)
            return [(PUBLIC if len(self.asked) == 1 else "127.0.0.1", port)]

    with Server(_redirect("/b"), tls) as server:
        network = Network(server)
        with pytest.raises(InvalidInputError, match=r"127\.0\.0\.1"):
            await afetch_media("https://cloud.test/a", resolver=Rebinding(), network=network)
        assert network.asked == [PUBLIC]


async def test_redirects_without_end_are_given_up(tls: ssl.SSLContext) -> None:
    """Three are followed, and the limit is named."""
    with Server(_redirect(*["/again"] * 9), tls) as server:
        with pytest.raises(InvalidInputError, match="more than 3"):
            await afetch_media("https://cloud.test/", resolver=Names(), network=Network(server))
        assert len(server.requests) == 4


@pytest.mark.parametrize("status", [204, 206, 304, 403, 404, 500])
async def test_another_status_is_an_error(tls: ssl.SSLContext, status: int) -> None:
    """An error page is not an image."""

    async def answer(exchange: Exchange) -> None:
        await exchange.reply(status, b"" if status in {204, 304} else b"<html>")

    with Server(answer, tls) as server, pytest.raises(InvalidInputError, match=str(status)):
        await afetch_media("https://cloud.test/", resolver=Names(), network=Network(server))


@pytest.mark.parametrize("is_declared", [True, False])
async def test_the_size_is_limited(tls: ssl.SSLContext, is_declared: bool) -> None:  # noqa: FBT001  a table
    """Whether the server says how much it is, or just goes on."""

    async def answer(exchange: Exchange) -> None:
        if is_declared:
            await exchange.reply(body=b"x" * 10_001)
            return
        await exchange.begin()
        while not exchange.reader.at_eof():
            await exchange.chunk(b"x" * 1_000)
            await asyncio.sleep(0)

    with Server(answer, tls) as server:
        with pytest.raises(RequestTooLargeError, match="10,000"):
            await afetch_media(
                "https://cloud.test/", resolver=Names(), network=Network(server), most_bytes=10_000
            )
        await asyncio.to_thread(server.wait_closed, 1)


async def test_a_compressed_answer_is_refused(tls: ssl.SSLContext) -> None:
    """A few kilobytes could unpack to gigabytes."""

    async def answer(exchange: Exchange) -> None:
        await exchange.reply(body=b"", headers={"content-encoding": "gzip"})

    with Server(answer, tls) as server, pytest.raises(InvalidInputError, match="compresses"):
        await afetch_media("https://cloud.test/", resolver=Names(), network=Network(server))


async def test_a_fetch_that_failed_leaves_nothing_open(tls: ssl.SSLContext) -> None:
    """The loop would keep one more session for each."""
    del tls
    # One without TLS, which waits for the end of what it takes for a request.
    with Server(_picture) as server, pytest.raises(InvalidInputError):
        await afetch_media(
            "https://cloud.test/", resolver=Names(), network=Network(server), seconds=0.2
        )
    assert not loop_state().sessions


@pytest.mark.parametrize("where", ["name", "headers", "body"])
async def test_the_time_is_limited(tls: ssl.SSLContext, where: str) -> None:
    """All of it together, however it dribbles."""

    async def answer(exchange: Exchange) -> None:
        if where == "body":
            await exchange.begin()
            while not exchange.reader.at_eof():
                await exchange.chunk(b"x")
                await asyncio.sleep(0.02)
        await exchange.wait_for_hang_up()

    class Slow(Names):
        async def __call__(self, host: str, port: int) -> list[tuple[str, int]]:
            await asyncio.sleep(60 if where == "name" else 0)
            return await super().__call__(host, port)

    with Server(answer, tls) as server:
        began = time.monotonic()
        with pytest.raises(InvalidInputError, match=r"longer than 0\.2 s"):
            await afetch_media(
                "https://cloud.test/",
                resolver=Slow(),
                network=Network(server),
                seconds=0.2,
            )
        assert time.monotonic() - began < 20


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_behind_a_proxy_it_is_refused(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the proxy connects to cannot be checked here."""
    monkeypatch.setenv(variable, "http://proxy.test:3128")
    names = Names()
    with pytest.raises(InvalidInputError, match="proxy"):
        await afetch_media("https://a.test/", resolver=names)
    assert names.asked == []


async def test_several_are_fetched_at_once_and_in_order(tls: ssl.SSLContext) -> None:
    """None of six is answered before all of them have been asked for."""
    all_asked = asyncio.Barrier(6)

    async def answer(exchange: Exchange) -> None:
        await all_asked.wait()
        await exchange.reply(body=exchange.target.encode(), headers={"content-type": "text/plain"})

    urls = [f"https://cloud.test/{number}" for number in range(6)]
    with Server(answer, tls) as server:
        media = await afetch_all(urls, resolver=Names(), network=Network(server))
        assert [each.data for each in media] == [b"/%d" % number for number in range(6)]
        assert await afetch_all([]) == []


async def test_one_failure_is_everybodys(tls: ssl.SSLContext) -> None:
    """The error is the plain one, not a group, and the others are given up."""

    async def answer(exchange: Exchange) -> None:
        if exchange.target == "/bad":
            await exchange.reply(404)
        await exchange.wait_for_hang_up()

    with Server(answer, tls) as server:
        with pytest.raises(InvalidInputError, match="/bad"):
            await afetch_all(
                ["https://cloud.test/slow", "https://cloud.test/bad"],
                resolver=Names(),
                network=Network(server),
            )
        await asyncio.to_thread(server.wait_closed, 2)


async def test_threads_and_even_loops_may_wait_for_it(tls: ssl.SSLContext) -> None:
    """The blocking form works where a loop runs already."""
    with Server(_picture, tls) as server:
        media = fetch_media("https://cloud.test/", resolver=Names(), network=Network(server))
        assert media.media_type == "image/png"
        both = fetch_all(
            ["https://cloud.test/1", "https://cloud.test/2"],
            resolver=Names(),
            network=Network(server),
        )
        assert [each.data for each in both] == [PNG, PNG]
        with pytest.raises(InvalidInputError, match="not a public address"):
            fetch_media("https://localhost/")


async def test_the_systems_resolver_is_the_default() -> None:
    """It gives addresses as text, each once."""
    addresses = await look_up("localhost", 443)
    assert addresses
    assert len(set(addresses)) == len(addresses)
    assert all(ip_address(address).is_loopback for address, _ in addresses)
    with pytest.raises(socket.gaierror):
        await look_up("no-such-host.invalid", 443)


async def test_certificates_that_cannot_be_loaded_are_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not a group of exceptions, whatever number of URLs there is."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))

    async def resolver(*_: object) -> list[tuple[str, int]]:
        return [(PUBLIC, 443)]

    urls = ["https://a.example/", "https://b.example/"]
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        await afetch_all(urls, resolver=resolver)


async def test_the_sum_is_limited(tls: ssl.SSLContext) -> None:
    """Of several that are too large together, no more is read than fits."""
    sent: list[int] = []

    async def large(exchange: Exchange) -> None:
        sent.append(1)
        await exchange.reply(body=PNG + b"\0" * 400_000)

    urls = [f"https://cloud.test/{number}" for number in range(40)]
    with Server(large, tls) as server, pytest.raises(RequestTooLargeError, match="1,000,000"):
        await MediaFetcher(most_bytes=1_000_000, resolver=Names(), network=Network(server)).afetch(
            urls
        )
    assert len(sent) < len(urls)


async def test_what_is_optional_may_be_missing(tls: ssl.SSLContext) -> None:
    """Its failure stands in its place; the others come."""

    async def some(exchange: Exchange) -> None:
        gone = "gone" in exchange.target
        await exchange.reply(404 if gone else 200, b"" if gone else PNG)

    urls = ["https://cloud.test/a", "https://cloud.test/gone"]
    with Server(some, tls) as server:
        world: Any = {"resolver": Names(), "network": Network(server)}
        found = await MediaFetcher(optional={urls[1]}, **world).afetch(urls)
        with pytest.raises(InvalidInputError, match="HTTP 404"):
            await MediaFetcher(optional={urls[0]}, **world).afetch(urls)
    assert isinstance(found[0], FetchedMedia)
    assert isinstance(found[1], InvalidInputError)

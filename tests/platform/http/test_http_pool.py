"""Pools: whose connections they are, and when they end."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from http_fakes import (
    Exchange,
    FakePlatform,
    Server,
    asend,
    receive,
    send,
)

from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.http.environment import Certificates, proxy_for, tls_context
from langchain_claude_cloud.platform.http.loops import loop_state
from langchain_claude_cloud.platform.http.pool import (
    MOST_POOLS,
    PoolKey,
    _thread_pools,
    aclose_pools,
    close_pools,
    loop_transport,
    thread_transport,
)

_FORK = """
import asyncio, os, sys, time
sys.path[:0] = {paths!r}
from http_fakes import MODEL, QUICK, FakePlatform, aopen_stream, asend, open_stream, send
from langchain_claude_cloud.platform.base import OutgoingRequest

platform = FakePlatform(version=1)
request = OutgoingRequest("POST", {url!r}, {{}}, b"1")
arguments = dict(model=MODEL, timeouts=QUICK)


def in_child(work):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


{body}
"""


async def _answer(exchange: Exchange) -> None:
    await exchange.reply()


async def _slow(exchange: Exchange) -> None:
    await asyncio.sleep(0.2)
    await exchange.reply()


def _send(server: Server) -> None:
    send(FakePlatform(), server.request())


async def _asend(server: Server) -> None:
    await asend(FakePlatform(), server.request())


def test_loops_one_after_another() -> None:
    """Each asyncio.run has connections of its own, and closes them at its end."""
    with Server(_answer) as server:
        for count in range(1, 4):
            receive("loop", FakePlatform(), server.request())
            server.wait_closed(count)
        assert server.opened == 3


def test_loops_at_the_same_time() -> None:
    """Loops in several threads do not get in each other's way."""

    async def several(server: Server) -> None:
        for _ in range(3):
            await asyncio.gather(*[_asend(server) for _ in range(4)])

    with Server(_answer) as server, ThreadPoolExecutor(6) as threads:
        for future in [threads.submit(asyncio.run, several(server)) for _ in range(6)]:
            future.result()
        assert len(server.requests) == 72
        server.wait_closed(server.opened)
        assert server.opened <= 24


def test_threads_share_connections() -> None:
    """50 threads at once use 50 connections, and the same 50 the next time."""
    barrier = threading.Barrier(50)
    all_there = asyncio.Barrier(50)

    async def answer_together(exchange: Exchange) -> None:
        await all_there.wait()
        await exchange.reply()

    def one(server: Server) -> None:
        for _ in range(3):
            barrier.wait()
            _send(server)

    with Server(answer_together) as server, ThreadPoolExecutor(50) as threads:
        for future in [threads.submit(one, server) for _ in range(50)]:
            future.result()
        assert len(server.requests) == 150
        assert server.opened <= 50
        assert server.closed == 0


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")  # asyncio's own
def test_a_loop_that_is_only_closed_leaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Without asyncio.run nobody says goodbye; the sockets go with the loop, and no error is logged."""
    with Server(_answer) as server:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(_asend(server))
        loop.close()
        forgotten = weakref.ref(loop)
        del loop
        for _ in range(3):  # what a finalizer has seen goes at the next search
            gc.collect()
        assert forgotten() is None
        server.wait_closed(1)
    assert caplog.records == []


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")  # asyncio's own
def test_a_closed_loop_that_is_kept_gives_up_its_sockets_later() -> None:
    """The next loop's first call closes what the last one left."""
    with Server(_answer) as server:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(_asend(server))
        loop.close()
        assert server.closed == 0
        receive("loop", FakePlatform(), server.request())
        server.wait_closed(2)
        del loop
        gc.collect()


def test_a_loop_that_cannot_watch_sockets_is_served_by_the_library() -> None:
    """Windows' proactor has no add_reader; the stock streams take over."""

    class Proactor(asyncio.SelectorEventLoop):
        add_reader = asyncio.AbstractEventLoop.add_reader

    with Server(_answer) as server, asyncio.Runner(loop_factory=Proactor) as runner:
        for _ in range(3):
            runner.run(_asend(server))
        assert len(server.requests) == 3
        assert server.opened == 1


def test_the_library_is_not_loaded_before_it_is_needed() -> None:
    """What constructors need of this stage costs no import of httpx."""
    script = (
        "import sys, langchain_core.exceptions; before = set(sys.modules); "
        "import langchain_claude_cloud.platform.timeouts, langchain_claude_cloud.platform.http; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "assert not new & {'httpx', 'httpcore', 'h11', 'anyio', 'boto3', 'google'}, new"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)  # noqa: S603  our own


async def test_clients_are_made_once_for_each_origin() -> None:
    """Paths share a client, hosts and ports do not; threads and loops have their own."""
    mine = await loop_transport("https://a.test/x")
    assert mine is await loop_transport("https://a.test:443/y")
    assert mine is not await loop_transport("https://b.test/")
    assert thread_transport("https://a.test/x") is thread_transport("https://A.test/")
    assert thread_transport("https://a.test/") is not thread_transport("https://a.test:8443/")
    close_pools()
    await aclose_pools()


@pytest.mark.parametrize("mode", ["thread", "loop"])
@pytest.mark.parametrize("url", ["", "host/path", "ftp://host/", "https://", "https://host:x/"])
def test_what_is_no_endpoint_is_refused(mode: str, url: str) -> None:
    """The message points at base_url."""
    with pytest.raises(ConfigurationError, match="base_url"):
        receive(mode, FakePlatform(), OutgoingRequest("POST", url))


async def test_pools_are_bounded() -> None:
    """A program that meets ever new addresses does not keep clients for all of them."""
    close_pools()
    await aclose_pools()
    with Server(_answer) as server:
        await _asend(server)
        await asyncio.to_thread(_send, server)
        mine, ours = await loop_transport(server.url), thread_transport(server.url)
        for number in range(MOST_POOLS):
            await loop_transport(f"http://host-{number}:80")
            thread_transport(f"http://host-{number}:80")
        assert len(_thread_pools) == len(loop_state().pools) == MOST_POOLS
        await asyncio.to_thread(server.wait_closed, 2)
        assert await loop_transport(server.url) is not mine
        assert thread_transport(server.url) is not ours
    close_pools()
    await aclose_pools()


def test_closing_a_pool_of_threads() -> None:
    """Idle connections go at once, those in use after use, and later calls open new ones."""
    with Server(_slow) as server, ThreadPoolExecutor(1) as threads:
        _send(server)
        close_pools(server.url)
        server.wait_closed(1)
        running = threads.submit(_send, server)
        server.wait_until(lambda: len(server.requests) == 2)
        close_pools()
        running.result()
        server.wait_closed(2)
        _send(server)
        assert (server.opened, server.closed) == (3, 2)
        close_pools("http://127.0.0.1:1/")
        _send(server)
        assert server.opened == 3


async def test_closing_a_pool_of_a_loop() -> None:
    """The same for tasks."""
    with Server(_slow) as server:
        await _asend(server)
        await aclose_pools(server.url)
        await asyncio.to_thread(server.wait_closed, 1)
        running = asyncio.create_task(_asend(server))
        await asyncio.to_thread(server.wait_until, lambda: len(server.requests) == 2)
        await aclose_pools()
        await running
        await asyncio.to_thread(server.wait_closed, 2)
        await _asend(server)
        assert (server.opened, server.closed) == (3, 2)


async def test_connections_that_were_idle_too_long_are_closed() -> None:
    """An expired connection is neither used nor kept, also one that never comes up again."""
    with Server(_slow) as server:
        await asyncio.gather(_asend(server), _asend(server))
        transport: Any = await loop_transport(server.url)
        transport.client.connector._keepalive_timeout = 0.0
        await _asend(server)
        await asyncio.to_thread(server.wait_closed, 2)
        assert server.opened == 3


@pytest.mark.parametrize(
    ("environment", "host", "proxy"),
    [
        ({}, "a.test", None),
        ({"HTTPS_PROXY": "http://proxy:1"}, "a.test", "http://proxy:1"),
        ({"https_proxy": "proxy:1"}, "a.test", "http://proxy:1"),
        ({"ALL_PROXY": "socks5://proxy:1"}, "a.test", "socks5://proxy:1"),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "a.test"}, "a.test", None),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": ".test"}, "a.test", None),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "*"}, "a.test", None),
        ({"HTTPS_PROXY": "http://proxy:1"}, "localhost", None),
        ({"HTTPS_PROXY": "http://proxy:1"}, "127.0.0.1", None),
    ],
)
def test_the_environments_proxy(
    environment: dict[str, str], host: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual variables name the proxy; this machine is never reached through one."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for("https", host) == proxy


async def test_a_proxy_may_be_named_after_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook, whose first call says that a firewall may need one."""
    url = "https://cloud.test/"
    before = thread_transport(url), await loop_transport(url)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hidden@proxy:1")
    assert thread_transport(url) is not before[0]
    assert await loop_transport(url) is not before[1]
    assert "hidden" not in repr(PoolKey.of(url, None))


def test_a_proxy_that_is_none_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A typing error in HTTPS_PROXY is named, and its secret is not."""
    monkeypatch.setenv("HTTPS_PROXY", "wrong://user:hidden@proxy:1")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        thread_transport("https://refused-proxy.test/")
    assert "hidden" not in str(caught.value)


def test_the_tls_context_is_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It takes tens of milliseconds, and is shared; SSL_CERT_FILE makes another."""
    assert tls_context(Certificates.of_process()) is tls_context(Certificates.of_process())
    (tmp_path / "empty.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "empty.pem"))
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        tls_context(Certificates.of_process())


def _run(server: Server, body: str) -> None:
    script = _FORK.format(paths=sys.path, url=server.url, body=body)
    subprocess.run(  # noqa: S603  our own interpreter and script
        [sys.executable, "-W", "error", "-c", script], check=True, timeout=30
    )


def test_a_forked_child_opens_connections_of_its_own() -> None:
    """Parent and child go on after a fork, from threads and from loops, without mixing."""
    with Server(_answer) as server:
        _run(
            server,
            """
send(platform, request, **arguments)
child = in_child(lambda: send(platform, request, **arguments))
send(platform, request, **arguments)
assert os.waitpid(child, 0)[1] == 0


async def main():
    await asend(platform, request, **arguments)
    child = in_child(lambda: asyncio.run(asend(platform, request, **arguments)))
    await asend(platform, request, **arguments)
    assert os.waitpid(child, 0)[1] == 0
    await asend(platform, request, **arguments)


asyncio.run(main())
""",
        )
        assert len(server.requests) == 7
        assert server.opened == 4


def test_a_forked_child_does_not_hold_on_to_a_stream() -> None:
    """What the parent abandons is closed, although a child was born meanwhile and lives on."""

    async def endless(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(b"data: 1\n\n")
        await exchange.wait_for_hang_up()

    with Server(endless) as server:
        _run(
            server,
            """
try:
    with open_stream(platform, request, **arguments) as stream:
        next(iter(stream))
        in_child(lambda: time.sleep(3))
        raise ValueError
except ValueError:
    pass


async def main():
    async with await aopen_stream(platform, request, **arguments) as stream:
        await anext(aiter(stream))
        in_child(lambda: time.sleep(3))
        raise ValueError


try:
    asyncio.run(main())
except ValueError:
    pass
os._exit(0)
""",
        )
        # The children live for three seconds.
        server.wait_until(lambda: server.closed == 2, 1.5)


_FEW_FILES = """
import asyncio, os, resource, sys
sys.path[:0] = {paths!r}
from http_fakes import MODEL, FakePlatform, asend
from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.timeouts import Timeouts

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
request = OutgoingRequest("POST", {url!r}, {{}}, b"1")


async def main():
    platform, timeouts = FakePlatform(version=1), Timeouts()
    calls = [asend(platform, request, model=MODEL, timeouts=timeouts) for _ in range(300)]
    assert {{each.status for each in await asyncio.gather(*calls)}} == {{200}}


asyncio.run(main())
"""


def test_calls_wait_for_one_of_few_connections() -> None:
    """Connections are bounded below the limit of open files: no call of many fails by it."""
    with Server(_answer) as server:
        script = _FEW_FILES.format(paths=sys.path, url=server.url)
        subprocess.run([sys.executable, "-c", script], check=True, timeout=60)  # noqa: S603  our own
        assert len(server.requests) == 300
        assert server.opened <= 16


@pytest.mark.parametrize("end", ["sys.exit(0)", "return"])
def test_an_abandoned_stream_ends_silently_with_its_loop(end: str) -> None:
    """Asyncio closes all generators at the same time; none gets in the way of another."""

    async def endless(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(b"data: 1\n\n")
        await exchange.wait_for_hang_up()

    body = f"""
async def pieces():
    async with await aopen_stream(platform, request, **arguments) as stream:
        async for piece in stream:
            yield piece


async def outer():
    async for piece in pieces():
        yield piece


async def main():
    stream = outer()
    await anext(stream)
    kept.append(stream)
    {end}


kept = []
asyncio.run(main())
"""
    with Server(endless) as server:
        script = _FORK.format(paths=sys.path, url=server.url, body=body)
        done = subprocess.run(  # noqa: S603  our own interpreter and script
            [sys.executable, "-W", "error", "-c", script],
            check=True,
            timeout=60,
            capture_output=True,
            text=True,
        )
        assert done.stderr == ""
        server.wait_closed(1)


async def test_each_pool_that_is_dropped_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed before the call that needed room goes on."""
    monkeypatch.setattr("langchain_claude_cloud.platform.http.pool.MOST_POOLS", 1)
    for port in (1, 2, 3):
        await loop_transport(f"http://127.0.0.1:{port}")
    assert len(loop_state().sessions) == 1

"""Nothing that a call does blocks the event loop it runs on.

Where the package waits for somebody, that one does not go on before the loop's heartbeat
has: a loop that is blocked stays so for five seconds. Where it computes, the CPU time of
the loop's thread is measured, which other processes do not disturb.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from clouds import small_png
from lag_meter import CPU_LIMIT, LAG_LIMIT, Heartbeat
from langchain_core.messages import HumanMessage
from raw_clouds import Exchange, RawClouds, answer_events, until, whole_answer
from raw_models import identity_in_environment, issued_model_on, model_on

from langchain_claude_cloud.platform.http.async_transport import LoopTransport, look_up

SLOW_TO_IMPORT = {"httpx", "httpcore", "anyio", "google.auth", "botocore", "requests"}


CLOUDS = ["vertex", "bedrock"]


@pytest.fixture
def server() -> Iterator[RawClouds]:
    """A server that answers any request with a word."""
    with RawClouds(_say_hello) as running:
        yield running


async def _say_hello(exchange: Exchange) -> None:
    await exchange.answer("hello")


def test_a_first_call_imports_in_a_thread(
    server: RawClouds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """httpx, google-auth and botocore take 30 to 250 ms each; a thread imports them."""
    identity_in_environment(server, tmp_path, monkeypatch)
    script = Path(__file__).with_name("cold_call.py")
    done = subprocess.run(  # noqa: S603  our own interpreter and script
        [sys.executable, "-W", "error", str(script), server.url, *CLOUDS],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.splitlines()
    for cloud, line in zip(CLOUDS, lines, strict=True):
        found = json.loads(line)
        assert found["text"] == "hello", cloud
        assert not SLOW_TO_IMPORT & set(found["imported"]), cloud
        assert found["cpu"] < CPU_LIMIT, cloud


async def test_a_slow_token_endpoint(
    server: RawClouds, cloud: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """google-auth and botocore wait for it in a thread."""
    identity_in_environment(server, tmp_path, monkeypatch)
    async with Heartbeat() as heart:

        async def hold() -> None:
            await until(heart.goes_on(), limit=5.0)

        server.issuer.before_answer = hold
        llm = issued_model_on(server, cloud)
        assert (await llm.ainvoke("hi")).text == "hello"
        await llm.aclose()
    assert len(server.issuer.issued) == 1
    assert heart.lag < LAG_LIMIT


async def test_a_slow_name_server(server: RawClouds, cloud: str) -> None:
    """The system's resolver is asked in a thread."""
    async with Heartbeat() as heart:
        asked: list[tuple[str, int]] = []

        def ask(host: str, port: int, **options: Any) -> list[tuple[Any, ...]]:
            asked.append((host, port))
            heart.hold()
            return socket.getaddrinfo("127.0.0.1", port, **options)

        transport = LoopTransport(None, look_up=partial(look_up, ask=ask))
        async with httpx.AsyncClient(transport=transport) as client:
            llm = model_on(server, cloud, host="localhost", http_async_client=client)
            assert (await llm.ainvoke("hi")).text == "hello"
    assert asked == [("localhost", server.port)]
    assert heart.lag < LAG_LIMIT


async def test_a_slow_url_fetcher(server: RawClouds, cloud: str) -> None:
    """A caller's own way to get a picture may block; it is asked in a thread."""
    async with Heartbeat() as heart:

        def fetch(url: str) -> bytes:
            assert url == "https://example.com/a.png"
            heart.hold()
            return small_png()

        llm = model_on(server, cloud, url_fetcher=fetch)
        picture = {"type": "image", "url": "https://example.com/a.png"}
        assert (await llm.ainvoke([HumanMessage([picture])])).text == "hello"
        await llm.aclose()
    assert len(server.requests) == 1
    assert heart.lag < LAG_LIMIT


async def test_a_reader_that_is_slower_than_the_server(server: RawClouds, cloud: str) -> None:
    """Every read finds data then, and waits for nothing; the loop gets its turns all the same."""
    server.handler = _say_forty_things
    llm = model_on(server, cloud)
    async with Heartbeat() as heart:
        stream = llm.astream("hi")
        await anext(stream)
        await asyncio.sleep(0.1)  # Nobody reads, and the server gets ahead.
        before = heart.beats
        chunks = 0
        async for _ in stream:
            chunks += 1
            _work()
        turns = heart.beats - before
    assert chunks >= 39
    assert turns >= chunks // 5
    await llm.aclose()


def _work() -> None:
    """Keep the loop's thread for longer than the next piece takes to arrive."""
    time.sleep(0.012)


async def _say_forty_things(exchange: Exchange) -> None:
    await exchange.answer(*["x" * 60_000] * 40)


async def test_a_body_of_19_megabytes(server: RawClouds, cloud: str) -> None:
    """Writing it as JSON takes about 50 ms, as one call that cannot be divided.

    It would not help to do that in a thread: the encoder does not let go of the interpreter.
    Hashing does, and is done there.
    """
    llm = model_on(server, cloud)
    await llm.ainvoke("warm up")
    async with Heartbeat() as heart:
        assert (await llm.ainvoke("x" * 19_000_000)).text == "hello"
    assert len(server.requests[-1].content) > 19_000_000
    assert heart.cpu < CPU_LIMIT
    await llm.aclose()


@pytest.mark.parametrize("mode", ["whole", "streamed inside", "streamed"])
async def test_a_tool_argument_of_5_megabytes(server: RawClouds, cloud: str, mode: str) -> None:
    """It is parsed as it comes, or in a few milliseconds at its end."""
    lines = "abc def\n" * 625_000
    server.handler = partial(_write_file, json.dumps({"content": lines}))
    llm = model_on(server, cloud, max_tokens=60_000 if mode == "streamed inside" else 1024)
    async with Heartbeat() as heart:
        if mode == "streamed":
            message: Any = None
            async for chunk in llm.astream("hi"):
                message = chunk if message is None else message + chunk
        else:
            message = await llm.ainvoke("hi")
    assert message.tool_calls[0]["args"] == {"content": lines}
    assert heart.cpu < CPU_LIMIT
    await llm.aclose()


async def _write_file(raw: str, exchange: Exchange) -> None:
    """Answer with a tool call, in fragments of 10 kB where it is streamed."""
    block = {"type": "tool_use", "id": "toolu_1", "name": "write_file"}
    if not exchange.is_stream:
        await exchange.reply(whole_answer([{**block, "input": json.loads(raw)}]))
        return
    start, _, stop, *end = answer_events()
    fragments = [
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": raw[at : at + 10_000]},
        }
        for at in range(0, len(raw), 10_000)
    ]
    opened = {"type": "content_block_start", "index": 0, "content_block": {**block, "input": {}}}
    await exchange.begin()
    await exchange.events([start, opened, *fragments, stop, *end])
    await exchange.end()

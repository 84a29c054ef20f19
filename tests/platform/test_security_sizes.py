"""However much a server sends, the process takes little of it and says why it stopped."""

from __future__ import annotations

import asyncio
import json
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from http_fakes import Exchange, Handler, Server

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.response.framing import SseDecoder

MEGABYTE = 1_000_000
BLOCK = b"x" * 65_536
MOST_MEMORY = 260 * MEGABYTE
"""A few times the largest event or answer that there may be (24 and 64 MB)."""


class Flood:
    """Sends without end, and counts what the client took."""

    def __init__(self, head: bytes, block: bytes) -> None:
        self.head = head
        self.block = block
        self.sent = 0

    async def __call__(self, exchange: Exchange) -> None:
        """Send the head, and then blocks for as long as somebody takes them."""
        await exchange.send(self.head)
        while self.sent < 1_000 * MEGABYTE:
            await exchange.send(self.block)
            self.sent += len(self.block)


def _chunked(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


OK = b"HTTP/1.1 200 OK\r\n"
PLAIN = OK + b"content-length: 1000000000\r\n\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
REFUSED = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 1000000000\r\n\r\n"

LINES = b"data: " + b"x" * 92 + b"\n"
FLOODS: dict[str, tuple[bytes, bytes]] = {
    "a header without end": (OK + b"x-long: ", BLOCK),
    "headers without end": (OK, b"x-one: 1\r\n" * 5_000),
    "interim responses without end": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2_000),
    "an error of a gigabyte": (REFUSED, BLOCK),
    "an error without end": (
        b"HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\n",
        _chunked(BLOCK),
    ),
    "a body of a gigabyte": (PLAIN, BLOCK),
    "a body without end": (CHUNKED, _chunked(BLOCK)),
    "a body until the connection closes": (OK + b"\r\n", BLOCK),
    "one chunk of a gigabyte": (CHUNKED + b"40000000\r\n", BLOCK),
    "a chunk extension without end": (CHUNKED + b"5;", BLOCK),
    "a trailer without end": (CHUNKED + b"0\r\n", b"x-one: 1\r\n" * 5_000),
    "an event without end": (CHUNKED, _chunked(b"data: " + BLOCK)),
    "an event of lines without end": (CHUNKED, _chunked(LINES * 600)),
}


def model_at(server: Server, cloud: str) -> ChatClaudeCloud:
    """Return a model that asks a server."""
    url = server.url.removesuffix("/v1/messages")
    platform: Any = (
        Vertex(project="p", access_token="token", base_url=f"{url}/v1")
        if cloud == "vertex"
        else Bedrock(region="us-east-1", api_key="key", base_url=url)
    )
    return ChatClaudeCloud(
        model="claude-sonnet-4-6", platform=platform, max_tokens=10, max_retries=0, timeout=5
    )


async def _astream(model: ChatClaudeCloud) -> None:
    async for _ in model.astream("Hi"):
        pass


WAYS: dict[str, Callable[[ChatClaudeCloud], Any]] = {
    "invoke": lambda model: model.invoke("Hi"),
    "ainvoke": lambda model: asyncio.run(model.ainvoke("Hi")),
    "stream": lambda model: list(model.stream("Hi")),
    "astream": lambda model: asyncio.run(_astream(model)),
}


def outcome(handler: Handler, cloud: str, way: str) -> tuple[ClaudeCloudError, int]:
    """Return the error of a call and the most memory that it took."""
    with Server(handler) as server:
        model = model_at(server, cloud)
        tracemalloc.start()
        try:
            with pytest.raises(ClaudeCloudError) as caught:
                WAYS[way](model)
            return caught.value, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("way", ["invoke", "astream"])
@pytest.mark.parametrize("case", FLOODS)
def test_a_flood_is_broken_off(case: str, way: str) -> None:
    """The server sends a gigabyte; the client hangs up long before, with an error of ours."""
    flood = Flood(*FLOODS[case])
    error, peak = outcome(flood, "vertex", way)
    # aiohttp skips a chunk extension without keeping it; then the limit is `idle`.
    is_skipped = case == "a chunk extension without end" and way == "astream"
    assert is_skipped or flood.sent < 100 * MEGABYTE, error
    assert peak < MOST_MEMORY, error


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_a_frame_that_says_it_has_a_gigabyte_is_refused_at_once(way: str) -> None:
    """Its length is enough: nothing of it is collected."""
    prelude = struct.pack(">II", 1_000_000_000, 0)
    head = prelude + struct.pack(">I", zlib.crc32(prelude))
    flood = Flood(CHUNKED + _chunked(head), _chunked(BLOCK))
    error, peak = outcome(flood, "bedrock", way)
    assert "larger" in str(error)
    assert flood.sent < 20 * MEGABYTE
    assert peak < 30 * MEGABYTE


def _event(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_an_answer_without_end_is_broken_off(way: str) -> None:
    """Each event is small and right, and they never end; the part that came is on the error."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    start = _event(type="message_start", message={"id": "m", "content": [], "usage": usage})
    opened = _event(type="content_block_start", index=0, content_block={"type": "text", "text": ""})
    text = {"type": "text_delta", "text": "x" * 60_000}
    delta = _event(type="content_block_delta", index=0, delta=text)
    flood = Flood(CHUNKED + _chunked(start + opened), _chunked(delta))
    error, peak = outcome(flood, "vertex", way)
    assert "larger" in str(error)
    assert error.partial_message is not None
    assert flood.sent < 100 * MEGABYTE
    assert peak < 2 * MOST_MEMORY


def bomb(megabytes: int) -> bytes:
    """Return gzip data that unpacks to so many megabytes of blanks."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(b" ") + packer.flush(zlib.Z_FULL_FLUSH)
    # A block that starts afresh may be repeated as it is.
    block = packer.compress(b" " * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + block * megabytes


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("status", [200, 400])
def test_a_body_that_unpacks_to_a_gigabyte_is_broken_off(status: int, way: str) -> None:
    """A megabyte on the wire stays within the limits when it is unpacked, errors too."""
    packed = bomb(1_000)
    assert len(packed) < 1.5 * MEGABYTE

    async def answer(exchange: Exchange) -> None:
        await exchange.reply(status, packed, {"content-encoding": "gzip"})

    error, peak = outcome(answer, "vertex", way)
    assert error.status_code in (status, None)
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_packed_error_is_still_read(way: str) -> None:
    """Gateways compress without being asked to; the reason must not get lost."""
    reason = b'{"error":{"code":400,"message":"max_tokens is odd","status":"INVALID_ARGUMENT"}}'
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(reason) + packer.flush()

    async def answer(exchange: Exchange) -> None:
        await exchange.reply(400, packed, {"content-encoding": "gzip"})

    error, _ = outcome(answer, "vertex", way)
    assert "max_tokens is odd" in str(error)


@pytest.mark.parametrize(
    "noise",
    [b'event: ping\ndata: {"type": "ping"}\n\n', b": comment\n\n", b"\n\n", b"event: x\n\n"],
    ids=["pings", "comments", "blank lines", "empty events"],
)
def test_noise_takes_no_memory(noise: bytes) -> None:
    """Nothing of it stays, however much comes."""

    async def answer(exchange: Exchange) -> None:
        await exchange.begin()
        for _ in range(10):
            await exchange.chunk(noise * (MEGABYTE // 20 // len(noise)))
        await exchange.end()

    error, peak = outcome(answer, "vertex", "stream")
    assert "message_stop" in str(error)
    assert peak < 3 * MEGABYTE


def test_an_event_of_many_small_pieces_takes_linear_time() -> None:
    """Eight megabytes in lines of a hundred bytes: put together once, not 80,000 times."""
    decoder = SseDecoder()
    for _ in range(80_000):
        assert decoder.feed(LINES) == []
    (payload,) = decoder.feed(b"\n")
    assert len(payload) > 7 * MEGABYTE

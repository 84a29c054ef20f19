"""A loopback HTTP server that plays every service, in a process of its own.

It sends the scenario that a prompt names as fast as the socket takes it, so that what is measured
is the client. Its first line of output has its port, its port with TLS and the file with the
certificate of that; it stops when its standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from http_certificate import server_context

from benchmarks.scenarios import Scenario, read_scenario
from benchmarks.wire import Form, stream_bytes, whole_bytes

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_STREAM_BODY = re.compile(rb'"stream": *true')
_PIECE = 16 * 1024
_PAUSE = 1.0
_LIMIT = 1 << 26
_TYPES = {"sse": "text/event-stream", "invoke": "application/vnd.amazon.eventstream"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for."""

    form: Form
    streamed: bool
    scenario: Scenario


def read_request(head: bytes, body: bytes) -> Request:
    """Tell the service by the path, and the scenario by the prompt."""
    path = head.split(b" ", 2)[1]
    scenario = read_scenario(body)
    if b"/converse" in path:
        return Request("converse", path.endswith(b"-stream"), scenario)
    if b"/invoke" in path:
        return Request("invoke", path.endswith(b"-stream"), scenario)
    return Request("sse", bool(_STREAM_BODY.search(body)), scenario)


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            await answer(read_request(head, body), writer)
    writer.close()


async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
    """Send one answer."""
    if request.scenario.delivery != "paced":
        await asyncio.sleep(request.scenario.delay / 1000)
    if request.streamed:
        await _send_stream(request, writer)
        return
    body = whole_bytes(request.form)
    writer.write(_head("application/json", f"content-length: {len(body)}") + body)
    await writer.drain()


async def _send_stream(request: Request, writer: asyncio.StreamWriter) -> None:
    events = stream_bytes(request.scenario, request.form)
    content_type = _TYPES.get(request.form, _TYPES["invoke"])
    writer.write(_head(content_type, "transfer-encoding: chunked"))
    if request.scenario.delivery == "paced":
        await _send_paced(events, request.scenario.delay / 1000, writer)
    else:
        held = 3 if request.scenario.delivery == "hold" else 0
        if held:
            writer.write(_chunk(b"".join(events[:held])))
            await asyncio.sleep(_PAUSE)
        await _send_batch(b"".join(events[held:]), writer)
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _send_batch(data: bytes, writer: asyncio.StreamWriter) -> None:
    for start in range(0, len(data), _PIECE):
        writer.write(_chunk(data[start : start + _PIECE]))
        await writer.drain()


async def _send_paced(
    events: tuple[bytes, ...], pause: float, writer: asyncio.StreamWriter
) -> None:
    for event in events:
        writer.write(_chunk(event))
        await asyncio.sleep(pause)


def _head(content_type: str, framing: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n{framing}\r\n\r\n".encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def serve() -> None:
    """Serve until standard input ends."""
    with TemporaryDirectory() as folder:
        context, certificate = server_context(Path(folder))
        plain = await asyncio.start_server(handle, "127.0.0.1", 0, limit=_LIMIT, backlog=256)
        secure = await asyncio.start_server(
            handle, "127.0.0.1", 0, limit=_LIMIT, backlog=256, ssl=context
        )
        ports = [server.sockets[0].getsockname()[1] for server in (plain, secure)]
        print(*ports, certificate, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        plain.close()
        secure.close()


if __name__ == "__main__":
    asyncio.run(serve())

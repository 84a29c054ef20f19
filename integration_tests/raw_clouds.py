"""A server that speaks as both clouds do, on bare sockets, and does exactly what a test says.

It also issues credentials: Google's tokens on ``/token``, AWS STS on ``/``. Only the standard
library is used, so that it starts quickly as a process of its own.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import threading
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs

from servers import close_server

Event = dict[str, Any]
PATIENCE = 20.0
"""Seconds after which a test that waits for something has failed."""


def answer_events(*pieces: str) -> list[Event]:
    """Return the events of an answer of one text."""
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [],
        "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 1},
    }  # fmt: skip
    return [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": piece},
            }
            for piece in pieces
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": len(pieces)},
        },
        {"type": "message_stop"},
    ]


def whole_answer(content: list[Event]) -> bytes:
    """Return an answer that is not streamed."""
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
        "content": content, "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 5},
    }  # fmt: skip
    return json.dumps(message).encode()


def frame(event: Event, cloud: str) -> bytes:
    """Return an event as a cloud puts it into a stream."""
    data = json.dumps(event, separators=(",", ":")).encode()
    if cloud == "vertex":
        return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), data)
    payload = json.dumps({"bytes": base64.b64encode(data).decode()}).encode()
    headers = b"".join(
        struct.pack(">B", len(name)) + name + struct.pack(">BH", 7, len(value)) + value
        for name, value in (
            (b":event-type", b"chunk"),
            (b":content-type", b"application/json"),
            (b":message-type", b"event"),
        )
    )
    head = struct.pack(">II", len(headers) + len(payload) + 16, len(headers))
    message = head + struct.pack(">I", zlib.crc32(head)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


@dataclass
class Exchange:
    """One request as the server sees it, and the means to answer.

    Attributes:
        cloud: Whose API is asked; ``google`` or ``sts`` for credentials.
        is_stream: Whether the answer is to be a stream.
        headers: Header names, in lower case, to values.
        content: The body.
        connection: Which connection it came on.
    """

    cloud: str
    is_stream: bool
    headers: dict[str, str]
    content: bytes
    connection: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def prompt(self) -> str:
        """The text of the last message."""
        content = json.loads(self.content)["messages"][-1]["content"]
        return content if isinstance(content, str) else str(content[0]["text"])

    @property
    def identity(self) -> str:
        """The Google token, or the AWS access key, that signed the request."""
        authorization = self.headers["authorization"]
        if authorization.startswith("Bearer "):
            return authorization.removeprefix("Bearer ")
        return authorization.partition("Credential=")[2].partition("/")[0]

    async def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def reply(
        self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a response with a length."""
        lines = [f"HTTP/1.1 {status} Status", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        await self.send("\r\n".join([*lines, "", ""]).encode() + body)

    async def begin(self) -> None:
        """Send the head of a stream."""
        await self.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")

    async def events(self, events: Iterable[Event]) -> None:
        """Send events of a stream, each as a chunk."""
        for event in events:
            data = frame(event, self.cloud)
            await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        """End a stream."""
        await self.send(b"0\r\n\r\n")

    async def answer(self, *pieces: str) -> None:
        """Send a whole answer, streamed or not, as it was asked for."""
        if self.is_stream:
            await self.begin()
            await self.events(answer_events(*pieces))
            await self.end()
        else:
            await self.reply(whole_answer([{"type": "text", "text": "".join(pieces)}]))

    async def refuse_credentials(self) -> None:
        """Call the request's credentials expired."""
        if self.cloud == "vertex":
            error = {"code": 401, "message": "Invalid credentials.", "status": "UNAUTHENTICATED"}
            await self.reply(json.dumps({"error": error}).encode(), 401)
        else:
            body = b'{"message":"The security token included in the request is expired"}'
            await self.reply(body, 403, {"x-amzn-errortype": "ExpiredTokenException"})

    async def wait_for_hang_up(self) -> None:
        """Say nothing more until the client closes the connection."""
        while await self.reader.read(1024):
            pass


Handler = Callable[[Exchange], Awaitable[None]]


async def answer_prompt(exchange: Exchange) -> None:
    """Answer with the prompt."""
    await exchange.answer("You said: ", exchange.prompt)


@dataclass
class Issuer:
    """Issues Google tokens and AWS keys, numbered from 1.

    Attributes:
        lifetime: Seconds that they last.
        before_answer: Runs in the server before each is issued.
        issued: When each was issued, by the server's clock.
    """

    lifetime: int = 3600
    before_answer: Callable[[], Awaitable[None]] | None = None
    issued: list[float] = field(default_factory=list)

    async def issue(self, exchange: Exchange) -> None:
        """Answer one request for credentials."""
        self.issued.append(time.monotonic())
        number = len(self.issued)
        if self.before_answer is not None:
            await self.before_answer()
        if exchange.cloud == "google":
            token = {"access_token": f"token-{number}", "expires_in": self.lifetime}
            await exchange.reply(json.dumps({**token, "token_type": "Bearer"}).encode())
            return
        action = parse_qs(exchange.content.decode())["Action"][0]
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.lifetime))
        body = (
            f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>'
            f"<Credentials><AccessKeyId>ASIA{number}</AccessKeyId><SecretAccessKey>secret"
            f"</SecretAccessKey><SessionToken>session{number}</SessionToken><Expiration>{expires}"
            f"</Expiration></Credentials></{action}Result></{action}Response>"
        )
        await exchange.reply(body.encode(), headers={"content-type": "text/xml"})


class RawClouds:
    """The server.

    Attributes:
        handler: Answers the requests for a model.
        issuer: Answers those for credentials.
        requests: The requests for a model, in order.
        opened: How many connections were opened by requests for a model.
        closed: How many of these are closed.
        active: How many requests for a model are being answered.
        peak: How many there were at a time, at most.
    """

    def __init__(self, handler: Handler = answer_prompt) -> None:
        self.handler = handler
        self.issuer = Issuer()
        self.requests: list[Exchange] = []
        self.opened = self.closed = self.active = self.peak = 0
        self.port = 0
        self._connections = 0
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    @property
    def url(self) -> str:
        """The server's root."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait in a thread until something is true of the server."""
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), (self.opened, self.closed)

    def wait_closed(self, count: int) -> None:
        """Wait until so many connections are closed."""
        self.wait_until(lambda: self.closed >= count)

    async def start(self) -> asyncio.Server:
        """Listen, on the running loop."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await self.start()
        self._ready.set()
        await self._stop.wait()
        await close_server(server)

    def _note(self, *, opened: int = 0, closed: int = 0, active: int = 0) -> None:
        with self._changed:
            self.opened += opened
            self.closed += closed
            self.active += active
            self.peak = max(self.peak, self.active)
            self._changed.notify_all()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        is_model = False
        try:
            async for exchange in _exchanges(reader, writer, self._connections):
                if exchange.cloud in {"google", "sts"}:
                    await self.issuer.issue(exchange)
                    continue
                self.requests.append(exchange)
                self._note(opened=not is_model, active=1)
                is_model = True
                try:
                    await self.handler(exchange)
                finally:
                    self._note(active=-1)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._note(closed=is_model)


async def _exchanges(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
) -> AsyncIterator[Exchange]:
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return
        first, *lines = head.decode().split("\r\n")[:-2]
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        target = first.split(" ")[1]
        is_stream = "stream" in target.lower()
        yield Exchange(_cloud_of(target), is_stream, headers, content, connection, reader, writer)


def _cloud_of(target: str) -> str:
    if target.startswith("/model/"):
        return "bedrock"
    return {"/token": "google", "/": "sts", "/statistics": "statistics"}.get(target, "vertex")


async def until(condition: Callable[[], bool], limit: float = PATIENCE) -> bool:
    """Wait on an event loop until something is true; whether it became so in time."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.005)
    return True

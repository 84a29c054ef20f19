"""The ASGI application: finds the cloud that a path belongs to and writes the response.

In: ASGI messages. Out: ASGI messages. Two clouds share one port, as their paths differ.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from langchain_claude_cloud._types import JsonObject
from langchain_claude_cloud.testing.server import bedrock, generation, google, vertex
from langchain_claude_cloud.testing.server.call import Call
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.server.wire import (
    Cut,
    Incoming,
    Outcome,
    Outgoing,
    Pause,
    ReceivedRequest,
    Refusal,
    Step,
)
from langchain_claude_cloud.testing.validation import check

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_JSON = {"content-type": "application/json"}


class EmulatorApp:
    """Serves one emulator's state over ASGI."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.drop_connection: Callable[[object], None] = lambda _client: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        if scope["type"] != "http":
            return
        request = await _read(scope, receive)
        try:
            outgoing, received = self._route(request)
        except Exception:  # noqa: BLE001  # the client gets the traceback, the server goes on
            outgoing, received = _crashed(traceback.format_exc()), None
        writer = _Writer(outgoing, received, receive, send)
        try:
            await writer.run(lambda: self.drop_connection(_client(scope)))
        except asyncio.CancelledError:
            # The emulator stops; its connections are broken already.
            writer.end("disconnected")

    def _route(self, request: Incoming) -> tuple[Outgoing, ReceivedRequest | None]:
        posted = request.method == "POST"
        on_vertex = vertex.target_of(request.raw_path)
        if on_vertex is not None and posted:
            return self._vertex(request, on_vertex)
        on_bedrock = bedrock.target_of(request)
        if on_bedrock is not None and posted:
            return self._bedrock(request, on_bedrock)
        other = google.serve(self._state, request)
        return other or _no_such_path(request), None

    def _vertex(
        self, request: Incoming, target: vertex.VertexTarget
    ) -> tuple[Outgoing, ReceivedRequest]:
        body = _parse(request.body)
        counting = target.operation == "count_tokens" and isinstance(body, dict)
        received = ReceivedRequest(
            platform="vertex",
            operation=target.operation,
            model=str(body.get("model")) if counting and isinstance(body, dict) else target.model,
            region=target.region,
            project=target.project,
            **_common(request, body),
        )
        self._state.requests.append(received)
        try:
            vertex.check_credentials(self._state, request)
            call = vertex.call_of(target, request, _required(body, request))
            return self._answer(call), received
        except Refusal as refusal:
            return vertex.error_response(refusal, request), received

    def _bedrock(
        self, request: Incoming, target: bedrock.BedrockTarget
    ) -> tuple[Outgoing, ReceivedRequest]:
        body = _parse(request.body)
        received = ReceivedRequest(
            platform="bedrock",
            operation=target.operation,
            model=target.model,
            region=target.region,
            **_common(request, body),
        )
        self._state.requests.append(received)
        legacy = True
        try:
            bedrock.check_credentials(self._state, request)
            call = bedrock.call_of(self._state, target, request, _required(body, request))
            legacy = call.rules.legacy
            bedrock.check_betas(call)
            return self._answer(call), received
        except Refusal as refusal:
            return bedrock.error_response(refusal, request, legacy=legacy), received

    def _answer(self, call: Call) -> Outgoing:
        if self._state.settings.strict:
            check(call)
        if call.operation == "count_tokens":
            counted = generation.count_tokens(call, self._state)
            return Outgoing(200, _JSON, json.dumps(counted).encode())
        return generation.respond(self._state, call)


def _common(request: Incoming, body: object) -> dict[str, Any]:
    return {
        "headers": dict(request.headers),
        "body": body if isinstance(body, dict) else {},
        "raw": request.body,
        "path": request.raw_path,
    }


def _parse(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _required(body: object, request: Incoming) -> JsonObject:
    if not isinstance(body, dict):
        raise Refusal(400, "Malformed input request, please reformat your input and try again.")
    # Half of a surrogate pair is valid JSON to Python and to no one else.
    if b"\\ud" in request.body.lower():
        try:
            json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise Refusal(
                400, "The request body is not valid JSON: no low surrogate in string"
            ) from None
    return body


async def _read(scope: Scope, receive: Receive) -> Incoming:
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = bool(message.get("more_body", False))
    headers = tuple((k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in scope["headers"])
    return Incoming(
        method=scope["method"],
        raw_path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=b"".join(parts),
    )


def _client(scope: Scope) -> object:
    client = scope.get("client")
    return tuple(client) if client is not None else None


def _crashed(trace: str) -> Outgoing:
    text = f"The emulator failed; please report it.\n{trace}"
    return Outgoing(500, {"content-type": "text/plain; charset=utf-8"}, text.encode())


def _no_such_path(request: Incoming) -> Outgoing:
    message = f"The emulator has no {request.method} {request.raw_path}."
    return Outgoing(404, _JSON, json.dumps({"message": message}).encode())


class _Writer:
    """Writes one response, step by step, until it ends or the client goes away."""

    def __init__(
        self, outgoing: Outgoing, record: ReceivedRequest | None, receive: Receive, send: Send
    ) -> None:
        self._outgoing = outgoing
        self._record = record
        self._receive = receive
        self._send = send
        self._gone = asyncio.ensure_future(self._wait_until_gone())

    def end(self, outcome: Outcome) -> None:
        """Note how the response ended; a client may look before its last byte arrived."""
        if self._record is not None and self._record.outcome == "pending":
            self._record.outcome = outcome

    async def run(self, drop: Callable[[], None]) -> None:
        """Write the response; ``drop`` breaks the connection."""
        if self._record is not None:
            self._record.status = self._outgoing.status
        try:
            if await self._pause(self._outgoing.delay) and not await self._write():
                drop()
                # The server notices the broken connection on its next turns, and then
                # does not complain about a response without an end.
                await self._gone
        finally:
            self._gone.cancel()

    async def _wait_until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _write(self) -> bool:
        """Write all of the response; False if the connection is to be broken."""
        outgoing = self._outgoing
        if outgoing.status == 0:
            self.end("cut")
            return False
        headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in outgoing.headers.items()]
        if isinstance(outgoing.body, bytes):
            headers.append((b"content-length", str(len(outgoing.body)).encode()))
        await self._send(
            {"type": "http.response.start", "status": outgoing.status, "headers": headers}
        )
        if isinstance(outgoing.body, bytes):
            self.end("complete")
            await self._send({"type": "http.response.body", "body": outgoing.body})
            return True
        return await self._steps(outgoing.body)

    async def _steps(self, steps: Iterable[Step]) -> bool:
        for step in steps:
            if isinstance(step, Cut):
                self.end("cut")
                return False
            if isinstance(step, Pause):
                await self._pause(step.seconds)
            else:
                await self._send({"type": "http.response.body", "body": step, "more_body": True})
                await asyncio.sleep(0)
            if self._gone.done():
                self.end("disconnected")
                return True
        self.end("complete")
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        return True

    async def _pause(self, seconds: float) -> bool:
        """Wait; False if the client went away meanwhile."""
        if seconds > 0:
            await asyncio.wait({self._gone}, timeout=seconds)
        if self._gone.done():
            self.end("disconnected")
            return False
        return True

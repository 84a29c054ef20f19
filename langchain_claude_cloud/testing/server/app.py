"""The web application: finds the cloud that a path belongs to and writes the response.

Two clouds share one port, as their paths differ; Starlette does the rest of a web server's work.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable, Iterable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from langchain_claude_cloud.errors.types import Cloud, JsonObject
from langchain_claude_cloud.testing import wire
from langchain_claude_cloud.testing.call import Call, Target
from langchain_claude_cloud.testing.reply.faults import refusal_of
from langchain_claude_cloud.testing.scripting import Fault
from langchain_claude_cloud.testing.server import (
    bedrock,
    bedrock_batches,
    bedrock_control,
    bedrock_messages,
    bigquery,
    cloud_storage,
    generation,
    google,
    model_garden,
    remote,
    vertex,
    vertex_batches,
)
from langchain_claude_cloud.testing.server.sigv4 import scope_of
from langchain_claude_cloud.testing.server.state import State

_JSON = {"content-type": "application/json"}
_STORAGE = ("/storage/v1/", "/upload/storage/v1/", "/download/storage/v1/")
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class EmulatorApp:
    """Serves one emulator's state.

    Attributes:
        asgi: The application to run.
        drop_connection: Breaks a client's connection; the server sets it.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.drop_connection: Callable[[object], None] = lambda _client: None
        self.asgi = Starlette(routes=[Route("/{path:path}", self._serve, methods=_METHODS)])

    async def _serve(self, request: Request) -> Response:
        incoming = await _read(request)
        try:
            outgoing, received = self._route(incoming)
        except Exception:  # noqa: BLE001  # the client gets the traceback, the server goes on
            outgoing, received = _crashed(traceback.format_exc()), None
        return _Steps(outgoing, received, lambda: self.drop_connection(request.client))

    def _route(self, request: wire.Incoming) -> tuple[wire.Outgoing, wire.ReceivedRequest | None]:
        if remote.is_remote(request):
            return remote.serve(self._state, request), None
        body = _parse(request.body)
        target = (
            vertex.target_of(request, body)
            or bedrock.target_of(request)
            or bedrock_messages.target_of(request, body)
        )
        if target is not None and request.method == "POST":
            return self._generate(request, target, body)
        if bedrock_control.is_control(request) or bedrock_batches.is_batch(request):
            return self._control("bedrock", request), None
        if model_garden.is_listing(request) or vertex_batches.is_batch(request):
            return self._control("vertex", request), None
        other = _of_google(self._state, request)
        return other or _no_such_path(request), None

    def _control(self, cloud: Cloud, request: wire.Incoming) -> wire.Outgoing:
        headers = dict(request.headers)
        self._state.control_requests.append(
            wire.ControlRequest(
                platform=cloud, path=request.raw_path, query=request.query, headers=headers
            )
        )
        try:
            entry = self._state.script.take(cloud, scope_of(request)[1], "control")
            if isinstance(entry, Fault) and entry.disconnect:
                return wire.Outgoing(0, {}, delay=entry.delay_start)
            if isinstance(entry, Fault):
                raise refusal_of(entry, cloud)
            if vertex_batches.is_batch(request):
                return vertex_batches.serve(self._state, request)
            if bedrock_batches.is_batch(request):
                return bedrock_batches.serve(self._state, request)
            serve = bedrock_control.serve if cloud == "bedrock" else model_garden.serve
            return serve(self._state, request)
        except wire.Refusal as refusal:
            if cloud == "bedrock":
                return bedrock.error_response(refusal, legacy=True)
            return vertex.error_response(refusal, request)

    def _generate(
        self, request: wire.Incoming, target: Target, body: object
    ) -> tuple[wire.Outgoing, wire.ReceivedRequest]:
        received = target.received(request, body)
        self._state.requests.append(received)
        if target.api == "messages" and target.operation == "count_tokens":
            return bedrock_messages.unknown_operation(request), received
        legacy = target.api == "invoke"
        try:
            call = self._call(request, target, body)
            legacy = legacy and call.rules.legacy
            return generation.answer(self._state, call, received), received
        except wire.Refusal as refusal:
            if target.cloud == "vertex":
                return vertex.error_response(refusal, request), received
            return bedrock.error_response(refusal, legacy=legacy), received

    def _call(self, request: wire.Incoming, target: Target, body: object) -> Call:
        if target.cloud == "vertex":
            vertex.check_credentials(self._state, request)
            return vertex.call_of(target, request, _required(body, request))
        if target.api == "invoke":
            bedrock.check_credentials(self._state, request)
            return bedrock.call_of(self._state, target, request, _required(body, request))
        bedrock_messages.check_credentials(self._state, request, target.api)
        required = _required(body, request)
        return bedrock_messages.call_of(self._state, target, request, required)


def _of_google(state: State, request: wire.Incoming) -> wire.Outgoing | None:
    """Answer a request for storage, a token or metadata; None for any other."""
    if request.raw_path.startswith(_STORAGE):
        return cloud_storage.serve(state, request)
    if bigquery.is_bigquery(request):
        return bigquery.serve(state, request)
    return google.serve(state, request)


def _parse(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _required(body: object, request: wire.Incoming) -> JsonObject:
    if not isinstance(body, dict):
        raise wire.Refusal(
            400, "Malformed input request, please reformat your input and try again."
        )
    # Half of a surrogate pair is valid JSON to Python and to no one else.
    if b"\\ud" in request.body.lower():
        try:
            json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise wire.Refusal(
                400, "The request body is not valid JSON: no low surrogate in string"
            ) from None
    return body


async def _read(request: Request) -> wire.Incoming:
    return wire.Incoming(
        method=request.method,
        raw_path=request.scope["raw_path"].decode("latin-1"),
        query=request.url.query,
        headers=tuple(request.headers.items()),
        body=await request.body(),
    )


def _crashed(trace: str) -> wire.Outgoing:
    text = f"The emulator failed; please report it.\n{trace}"
    return wire.Outgoing(500, {"content-type": "text/plain; charset=utf-8"}, text.encode())


def _no_such_path(request: wire.Incoming) -> wire.Outgoing:
    message = f"The emulator has no {request.method} {request.raw_path}."
    return wire.Outgoing(404, _JSON, json.dumps({"message": message}).encode())


class _Steps(Response):
    """A response that is written step by step, until it ends or the client goes away."""

    def __init__(
        self, outgoing: wire.Outgoing, record: wire.ReceivedRequest | None, drop: Callable[[], None]
    ) -> None:
        body = outgoing.body if isinstance(outgoing.body, bytes) else b""
        super().__init__(body, status_code=outgoing.status or 200)
        self.init_headers(dict(outgoing.headers))
        if not isinstance(outgoing.body, bytes):
            del self.headers["content-length"]
        self._outgoing = outgoing
        self._record = record
        self._drop = drop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the response."""
        del scope
        self._send = send
        self._gone = asyncio.ensure_future(_wait_until_gone(receive))
        try:
            await self._run()
        except asyncio.CancelledError:
            # The emulator stops; its connections are broken already.
            self.end("disconnected")

    def end(self, outcome: wire.Outcome) -> None:
        """Note how the response ended; a client may look before its last byte arrived."""
        if self._record is not None and self._record.outcome == "pending":
            self._record.outcome = outcome

    async def _run(self) -> None:
        if self._record is not None:
            self._record.status = self._outgoing.status
        try:
            if await self._pause(self._outgoing.delay) and not await self._write():
                self._drop()
                # The server notices the broken connection on its next turns, and then
                # does not complain about a response without an end.
                await self._gone
        finally:
            self._gone.cancel()

    async def _write(self) -> bool:
        """Write all of the response; False if the connection is to be broken."""
        outgoing = self._outgoing
        if outgoing.status == 0:
            self.end("cut")
            return False
        await self._send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        if isinstance(outgoing.body, bytes):
            self.end("complete")
            await self._send({"type": "http.response.body", "body": self.body})
            return True
        return await self._steps(outgoing.body)

    async def _steps(self, steps: Iterable[wire.Step]) -> bool:
        for step in steps:
            if isinstance(step, wire.Cut):
                self.end("cut")
                return False
            if isinstance(step, wire.Pause):
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


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

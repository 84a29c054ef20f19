"""The web demo's server: one page, and one address that streams a run as server-sent events."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from langchain_claude_cloud.catalogue.models import all_models
from langchain_claude_cloud.chat_models import ChatClaudeCloud
from langchain_claude_cloud.cli import common
from langchain_claude_cloud.cli.web.conversation import run
from langchain_claude_cloud.cli.web.script import write_script
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.errors.types import JsonObject

if TYPE_CHECKING:
    from rich.console import Console

EVENT_DELAY: Final = 0.03
"""Seconds between two events of the emulator: slow enough to watch."""

_LONGEST_PROMPT: Final = 20_000
# Nothing from another host, and nothing inline but what the page itself holds.
_SECURITY: Final = {
    "content-security-policy": (
        "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page asks for.

    Attributes:
        prompt: What the reader wrote.
        cloud: Which cloud to ask.
        model: Which model.
        fine_grained: Whether arguments stream while they are written.
        cut: Whether the emulator ends the first call in the middle.
    """

    prompt: str
    cloud: common.CloudName
    model: str
    fine_grained: bool
    cut: bool


OpenPlatform = Callable[[Asked], AbstractAsyncContextManager[Vertex | Bedrock]]
"""Opens the platform of one run, and closes it when the run is over."""


def make_app(open_platform: OpenPlatform, model: str, *, live: bool) -> Starlette:
    """Return the application.

    Args:
        open_platform: Opens the platform of a run.
        model: The model that is offered first.
        live: Whether the page talks to the real clouds.
    """

    async def page(_: Request) -> Response:
        html = resources.files(__package__).joinpath("page.html").read_text("utf-8")
        return HTMLResponse(html, headers=_SECURITY)

    async def options(_: Request) -> Response:
        return JSONResponse(
            {
                "clouds": {cloud.value: common.CLOUD_NAMES[cloud] for cloud in common.CloudName},
                "models": [row.name for row in all_models() if row.status == "active"],
                "model": model,
                "live": live,
            }
        )

    async def runs(request: Request) -> Response:
        if not _is_own_page(request):
            return JSONResponse({"error": "Only the page itself may start a run."}, status_code=403)
        try:
            asked = _read(await request.body())
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return StreamingResponse(
            _events(asked, open_platform),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    return Starlette(
        routes=[
            Route("/", page),
            Route("/options", options),
            Route("/runs", runs, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


def _is_own_page(request: Request) -> bool:
    """Whether another site asks, which must not spend the reader's money; browsers say so."""
    origin = request.headers.get("origin")
    return origin is None or origin == f"http://{request.headers.get('host')}"


async def _events(asked: Asked, open_platform: OpenPlatform) -> AsyncIterator[str]:
    """Yield a run's events. A reader who stops or leaves ends it, and the cloud's request too."""
    try:
        async with open_platform(asked) as platform:
            model = ChatClaudeCloud(
                model=asked.model,
                platform=platform,
                fine_grained_tool_streaming=asked.fine_grained,
            )
            async with aclosing(run(common.showing_thinking(model), asked.prompt)) as events:
                async for event in events:
                    yield _event(event)
            await model.aclose()
    except ClaudeCloudError as error:
        yield _event({"type": "error", "kind": type(error).__name__, "text": str(error)})
        yield _event({"type": "end", "stop_reason": None})


def _event(event: JsonObject) -> str:
    return f"data: {json.dumps(event)}\n\n"


def _read(body: bytes) -> Asked:
    """Return what the page asks for.

    Raises:
        ValueError: It is not what the page sends.
    """
    problem = "Write a prompt, and choose a cloud and a model."
    try:
        given = json.loads(body)
        prompt, model, cloud = given["prompt"], given["model"], common.CloudName(given["cloud"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(problem) from error
    if not (isinstance(prompt, str) and isinstance(model, str) and model):
        raise ValueError(problem)
    if not 0 < len(prompt.strip()) <= _LONGEST_PROMPT:
        raise ValueError(f"Write a prompt of 1 to {_LONGEST_PROMPT:,} characters.")
    fine_grained, cut = bool(given.get("fine_grained")), bool(given.get("cut"))
    return Asked(prompt, cloud, model, fine_grained, cut)


@asynccontextmanager
async def open_emulated(asked: Asked) -> AsyncIterator[Vertex | Bedrock]:
    """Open a platform on an emulator of its own, which has the script of one run."""
    from langchain_claude_cloud.testing import CloudEmulator  # noqa: PLC0415 - an extra

    async with CloudEmulator(event_delay=EVENT_DELAY) as emulator:
        write_script(emulator, cut=asked.cut)
        is_bedrock = asked.cloud is common.CloudName.BEDROCK
        yield emulator.bedrock() if is_bedrock else emulator.vertex()


def run_web(console: Console, target: common.Target, port: int, *, live: bool) -> None:
    """Serve the page on this machine until Ctrl-C.

    Args:
        console: Where the address is printed.
        target: What the command line chose.
        port: The port; 0 for a free one.
        live: Whether to ask the real clouds, with the caller's credentials.

    Raises:
        CommandError: The port cannot be used.
    """

    @asynccontextmanager
    async def open_live(asked: Asked) -> AsyncIterator[Vertex | Bedrock]:
        yield target.config(asked.cloud)

    app = make_app(open_live if live else open_emulated, target.model_name, live=live)
    import uvicorn  # noqa: PLC0415 - an extra

    with _listen(port) as listener:
        console.print(f"Open http://127.0.0.1:{listener.getsockname()[1]} (Ctrl-C ends it).")
        with suppress(KeyboardInterrupt):
            uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise common.CommandError(
            f"Port {port} cannot be used ({error.strerror}): choose another with --port."
        ) from error

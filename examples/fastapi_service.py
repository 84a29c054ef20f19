"""A FastAPI service that streams Claude's answers as server-sent events.

It starts the service, asks it one question as a web page would, prints the events and ends.
It needs the extra ``examples``. Offline on the emulator; ``--live`` asks the real cloud.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Thread

import httpx
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from run_example import example_model

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.events import aiter_events


class Question(BaseModel):
    """What the page sends."""

    text: str


def make_app(llm: ChatClaudeCloud) -> FastAPI:
    """Return the service. One model serves all requests."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await llm.aclose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/answers")
    async def answer(question: Question) -> StreamingResponse:
        # When the reader leaves, the service cancels this, and the request to the cloud with it.
        async def events() -> AsyncIterator[str]:
            try:
                async for event in aiter_events(llm.astream(question.text)):
                    yield f"data: {json.dumps(event.to_dict())}\n\n"
            except ClaudeCloudError as error:
                yield f"data: {json.dumps({'type': 'error', 'text': str(error)})}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    return app


@contextmanager
def serve(app: FastAPI) -> Iterator[str]:
    """Serve the application on a free port of this machine, and give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        serving = Thread(target=server.run, kwargs={"sockets": [listener]})
        serving.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        serving.join()


async def read(url: str, question: str) -> None:
    """Ask the service, and print each event as it comes."""
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream("POST", f"{url}/answers", json={"text": question}) as response,
    ):
        async for line in response.aiter_lines():
            if line:
                print(line)


if __name__ == "__main__":
    with example_model() as model, serve(make_app(model)) as address:
        asyncio.run(read(address, "Name three rivers in Portugal."))

"""The least that LangChain itself, or a bare HTTP client, takes for the same work.

The models make one chunk (or protocol event) per delta from memory and nothing else; the
functions read the same bytes with httpx alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Any

import httpx
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from benchmarks.scenarios import Scenario
from benchmarks.wire import TOOL_NAME


class ChunkFloor(BaseChatModel):
    """Makes one chunk per delta from memory, with the fields that a chunk of Claude's has.

    That is the text, or a content block and a tool call's fragment, and the provider's name,
    without which core cannot read the content. core parses the fragments of a chunk that is constructed with them; assigned afterwards
    they cost nothing, which is the least there is.
    """

    kind: str
    pieces: list[str]

    def _chunks(self) -> Iterator[ChatGenerationChunk]:
        if self.kind == "text":
            for piece in self.pieces:
                yield ChatGenerationChunk(message=self._chunk(piece))
            return
        name: str | None = TOOL_NAME
        for piece in self.pieces:
            block = {"type": "input_json_delta", "partial_json": piece, "index": 0}
            message = self._chunk([block])
            fragment = {"name": name, "args": piece, "id": name and "toolu_bench", "index": 0}
            message.tool_call_chunks = [{**fragment, "type": "tool_call_chunk"}]
            name = None
            yield ChatGenerationChunk(message=message)

    @staticmethod
    def _chunk(content: str | list[Any]) -> AIMessageChunk:
        return AIMessageChunk(content=content, response_metadata={"model_provider": "anthropic"})

    def _stream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        del messages, args, kwargs
        yield from self._chunks()

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        del messages, args, kwargs
        for chunk in self._chunks():
            yield chunk

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        del messages, args, kwargs
        return ChatResult(generations=[ChatGeneration(message=AIMessage("ok"))])

    @property
    def _llm_type(self) -> str:
        return "floor"


class ReadingFloor(ChunkFloor):
    """Makes its next chunk whenever a bare client has read a piece.

    Both are done in one loop, as a chat model does them. Measured one after the other they take a
    fifth less: code that waits for a packet between two runs is no longer in the processor's cache.
    """

    client: Any
    url: str
    scenario: Scenario

    def _stream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        del messages, args, kwargs
        chunks = self._chunks()
        with self.client.stream(**raw_request(self.url, self.scenario)) as response:
            for _ in response.iter_raw():
                yield from islice(chunks, 1)

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        del messages, args, kwargs
        chunks = self._chunks()
        async with self.client.stream(**raw_request(self.url, self.scenario)) as response:
            async for _ in response.aiter_raw():
                for chunk in islice(chunks, 1):
                    yield chunk


class EventFloor(ChunkFloor):
    """Makes one protocol event per delta from memory."""

    def _stream_chat_model_events(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> Iterator[dict[str, Any]]:
        del messages, args, kwargs
        is_text = self.kind == "text"
        block: dict[str, Any] = {"type": "text", "text": ""}
        if not is_text:
            block = {"type": "tool_call_chunk", "name": TOOL_NAME, "id": "t", "args": ""}
        finish = dict(block)
        if not is_text:
            finish = {"type": "tool_call", "name": TOOL_NAME, "id": "t", "args": {}}
        yield {"event": "message-start", "role": "ai", "id": "", "metadata": {}}
        yield {"event": "content-block-start", "index": 0, "content": block}
        kind, key = ("text-delta", "text") if is_text else ("tool-call-delta", "args")
        for piece in self.pieces:
            delta = {"type": kind, key: piece}
            yield {"event": "content-block-delta", "index": 0, "delta": delta}
        yield {"event": "content-block-finish", "index": 0, "content": finish}
        yield {"event": "message-finish", "metadata": {}}


def raw_request(url: str, scenario: Scenario) -> dict[str, Any]:
    """Return the arguments of an httpx request for a scenario, as Vertex AI's would be."""
    body = {"stream": True, "messages": [{"role": "user", "content": scenario.prompt}]}
    return {"method": "POST", "url": f"{url}/v1/messages", "json": body}


def read_raw(client: httpx.Client, url: str, scenario: Scenario) -> None:
    """Read an answer's bytes and look at none."""
    with client.stream(**raw_request(url, scenario)) as response:
        for _ in response.iter_raw():
            pass

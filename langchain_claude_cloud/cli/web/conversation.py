"""One run of the web demo: an agent's loop, told as small JSON events.

The events are what a page needs to append: new text, new reasoning, new characters of a tool's
arguments. Nothing is sent twice.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from langchain_claude_cloud.chat_models import ChatClaudeCloud
from langchain_claude_cloud.cli.common import price_of
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.events import (
    ReasoningEvent,
    StreamEvent,
    TextEvent,
    ToolCallEvent,
    aiter_events,
)

MAX_TURNS: Final = 6
"""How often the model is asked in one run at most."""


@tool
def write_file(path: str, content: str) -> str:
    """Write a file, replacing what was there."""
    return f"wrote {len(content)} characters to {path}"


async def run(model: ChatClaudeCloud, prompt: str) -> AsyncGenerator[JsonObject]:
    """Let the model work on a prompt, with one tool, until it is done.

    Args:
        model: Which model to ask, where, and how.
        prompt: What the reader of the page wrote.

    Yields:
        Events with a ``type``: ``text``, ``reasoning``, ``tool`` (a call's id, name, and the new
        characters of its arguments by name), ``tool_done``, ``tool_invalid`` (with the reason),
        ``usage``, ``error`` and, as the last one, ``end``.
    """
    messages: list[BaseMessage] = [HumanMessage(prompt)]
    try:
        for _ in range(MAX_TURNS):
            arriving = _Answer()
            chunks = model.bind_tools([write_file]).astream(messages)
            async for event in aiter_events(arriving.collect(chunks)):
                if (told := _for_page(event)) is not None:
                    yield told
            answer = arriving.message
            if answer is None:
                break
            results, events = _results(answer)
            for done in events:
                yield done
            yield _usage(answer)
            if not results:
                yield {"type": "end", "stop_reason": answer.response_metadata.get("stop_reason")}
                return
            messages += [answer, *results]
    except ClaudeCloudError as error:
        yield {"type": "error", "kind": type(error).__name__, "text": str(error)}
    yield {"type": "end", "stop_reason": None}


class _Answer:
    """An answer while it arrives."""

    def __init__(self) -> None:
        self.message: AIMessage | None = None

    async def collect(self, chunks: AsyncIterator[AIMessage]) -> AsyncIterator[AIMessage]:
        """Pass the chunks on, and add them up."""
        async for chunk in chunks:
            self.message = chunk if self.message is None else self.message + chunk  # type: ignore[assignment]  # chunks add up to chunks
            yield chunk


def _for_page(event: StreamEvent) -> JsonObject | None:
    """Return what is sent to the page for an event; None if nothing is."""
    match event:
        case TextEvent() | ReasoningEvent():
            return {"type": event.type, "text": event.text}
        case ToolCallEvent() if event.changes or not event.done:
            added = {change.path.removeprefix("$."): change.text for change in event.changes}
            return {"type": "tool", "id": event.id, "name": event.name, "added": added}
    return None


def _results(answer: AIMessage) -> tuple[list[ToolMessage], list[JsonObject]]:
    """Run the calls of an answer; a call that is not whole is answered with an error."""
    results: list[ToolMessage] = []
    events: list[JsonObject] = []
    for call in answer.tool_calls:
        results.append(write_file.invoke(call))
        events.append({"type": "tool_done", "id": call["id"], "result": results[-1].text})
    for broken in answer.invalid_tool_calls:
        reason = f"This call was not run: {broken['error']}. Send it again, complete."
        results.append(ToolMessage(reason, tool_call_id=broken["id"] or "", status="error"))
        events.append({"type": "tool_invalid", "id": broken["id"], "reason": broken["error"]})
    return results, events


def _usage(answer: AIMessage) -> JsonObject:
    used = answer.usage_metadata
    metadata, price = answer.response_metadata, price_of(answer)
    return {
        "type": "usage",
        "input_tokens": used["input_tokens"] if used else 0,
        "output_tokens": used["output_tokens"] if used else 0,
        "platform": metadata.get("platform"),
        "region": metadata.get("region"),
        "model": metadata.get("model_name"),
        "cost": float(price.total) if price else None,
        "notes": list(price.notes) if price else [],
    }

"""Turns any stream into small typed events, for a page or another process.

    for event in iter_events(agent.stream(question, stream_mode="messages")):
        send(event.to_dict())

It reads the same streams as `langchain_claude_cloud.tool_calls.iter_tool_calls`, and tool results
too. Each event has only new text, so nothing has to be merged.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeAlias, cast

from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage

from langchain_claude_cloud import tool_calls
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.tool_arguments import TextChange

__all__ = [
    "EndEvent",
    "ReasoningEvent",
    "StreamEvent",
    "TextEvent",
    "ToolCallEvent",
    "ToolResultEvent",
    "UsageEvent",
    "aiter_events",
    "iter_events",
]


class _Event:
    """What all events can do."""

    __slots__ = ()

    def to_dict(self) -> JsonObject:
        """Return the event as a dict that can be written as JSON."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]  # every subclass is a dataclass


@dataclass(frozen=True, slots=True)
class TextEvent(_Event):
    """Text that the model wrote."""

    text: str
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class ReasoningEvent(_Event):
    """Text that the model thought."""

    text: str
    type: Literal["reasoning"] = "reasoning"


@dataclass(frozen=True, slots=True)
class ToolCallEvent(_Event):
    """The new part of a tool call.

    Attributes:
        index: The position of the call's block in its message.
        id: The call's id.
        name: The tool's name.
        changes: The text that was added to strings of the arguments.
        args: The whole arguments, once the call is done and valid.
        done: Whether this is the last event of the call.
        error: Why the call is invalid.
    """

    index: int
    id: str | None
    name: str
    changes: tuple[TextChange, ...] = ()
    args: JsonObject | None = None
    done: bool = False
    error: str | None = None
    type: Literal["tool_call"] = "tool_call"


@dataclass(frozen=True, slots=True)
class ToolResultEvent(_Event):
    """What a tool returned."""

    tool_call_id: str
    name: str | None
    content: object
    is_error: bool = False
    type: Literal["tool_result"] = "tool_result"


@dataclass(frozen=True, slots=True)
class UsageEvent(_Event):
    """The tokens of one message, as LangChain's usage metadata."""

    usage: JsonObject = field(default_factory=dict)
    type: Literal["usage"] = "usage"


@dataclass(frozen=True, slots=True)
class EndEvent(_Event):
    """The stream is over. The stop reason is that of the last message, if it had one."""

    stop_reason: str | None = None
    type: Literal["end"] = "end"


StreamEvent: TypeAlias = (
    TextEvent | ReasoningEvent | ToolCallEvent | ToolResultEvent | UsageEvent | EndEvent
)


def iter_events(chunks: Iterable[object]) -> Iterator[StreamEvent]:
    """Turn a stream into small events.

    Args:
        chunks: What a model or an agent streams.

    Returns:
        Text, reasoning, growing tool calls, tool results and usage as they arrive, and an
        `EndEvent` at the end. If the stream raises, unfinished calls first end with an error, and
        then its exception comes.
    """
    return tool_calls.follow(chunks, _Reader())


def aiter_events(chunks: AsyncIterable[object]) -> AsyncIterator[StreamEvent]:
    """Do what `iter_events` does, on an event loop.

    Args:
        chunks: What a model or an agent streams.

    Returns:
        See `iter_events`.
    """
    return tool_calls.afollow(chunks, _Reader())


class _Reader:
    """Reads items of a stream, each message and each tool result once."""

    def __init__(self) -> None:
        self._calls = tool_calls.ToolCallTracker()
        self._results: set[str] = set()
        self._streamed: set[str] = set()
        self._stop_reason: str | None = None

    def read(self, payload: tool_calls.Payload, scope: str) -> Iterator[StreamEvent]:
        """Take a message or an event of a run; yield what is new."""
        if isinstance(payload, ToolMessage):
            if payload.tool_call_id not in self._results:
                self._results.add(payload.tool_call_id)
                is_error = payload.status == "error"
                yield ToolResultEvent(payload.tool_call_id, payload.name, payload.content, is_error)
        elif isinstance(payload, AIMessage):
            yield from self._message(payload)
        elif payload is not None:
            yield from self._protocol(payload)
        yield from map(_tool_call, self._calls.read(payload, scope))

    def end(self, broken_by: Exception | None) -> Iterator[StreamEvent]:
        """End the calls that are open, and the stream unless it broke off."""
        yield from map(_tool_call, self._calls.end(broken_by))
        if broken_by is None:
            yield EndEvent(self._stop_reason)

    def _message(self, message: AIMessage) -> Iterator[StreamEvent]:
        is_chunk = isinstance(message, AIMessageChunk)
        if message.id in self._calls.ended or (not is_chunk and message.id in self._streamed):
            return
        if is_chunk and message.id:
            self._streamed.add(message.id)
        for block in [message.content] if isinstance(message.content, str) else message.content:
            match block:
                case str(text) | {"type": "text", "text": str(text)} if text:
                    yield TextEvent(text)
                case {"type": "thinking", "thinking": str(text)} if text:
                    yield ReasoningEvent(text)
                case {"type": "reasoning", "reasoning": str(text)} if text:
                    yield ReasoningEvent(text)
        self._stop_reason = message.response_metadata.get("stop_reason") or self._stop_reason
        if message.usage_metadata:
            yield UsageEvent(cast("JsonObject", message.usage_metadata))

    def _protocol(self, event: Mapping[str, object]) -> Iterator[StreamEvent]:
        match event:
            case {"delta": {"type": "text-delta", "text": str(text)}} if text:
                yield TextEvent(text)
            case {"delta": {"type": "reasoning-delta", "reasoning": str(text)}} if text:
                yield ReasoningEvent(text)
            case {"event": "message-finish"}:
                metadata = cast("JsonObject", event.get("metadata") or {})
                self._stop_reason = metadata.get("stop_reason") or self._stop_reason
                if event.get("usage"):
                    yield UsageEvent(cast("JsonObject", event["usage"]))


def _tool_call(new: tool_calls.ToolCallUpdate) -> ToolCallEvent:
    args = new.args if new.done and new.error is None else None
    return ToolCallEvent(new.index, new.id, new.name, new.changes, args, new.done, new.error)

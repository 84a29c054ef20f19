"""Turns any stream into small typed events, for a page or another process.

    for event in iter_events(agent.stream(question, stream_mode="messages")):
        send(event.to_dict())

It reads the same streams as `langchain_claude_cloud.tool_calls.iter_tool_calls`, and tool results
too. Each event has only new text, so nothing has to be merged.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, Literal, TypeAlias, cast

from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.tool_arguments import TextChange
from langchain_claude_cloud.tool_calls import ToolCallTracker, ToolCallUpdate, unwrap

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

    Yields:
        Text, reasoning, growing tool calls, tool results and usage as they arrive, and an
        `EndEvent` at the end. If the stream raises, unfinished calls first end with an error.

    Raises:
        Exception: What the stream raises.
    """
    reader = _Reader()
    try:
        for item in chunks:
            yield from reader.read(item)
    except Exception as error:
        yield from reader.break_off(error)
        raise
    yield from reader.end()


async def aiter_events(chunks: AsyncIterable[object]) -> AsyncIterator[StreamEvent]:
    """Do what `iter_events` does, on an event loop.

    Args:
        chunks: What a model or an agent streams.

    Yields:
        See `iter_events`.

    Raises:
        Exception: What the stream raises.
    """
    reader = _Reader()
    try:
        async for item in chunks:
            for event in reader.read(item):
                yield event
    except Exception as error:
        for event in reader.break_off(error):
            yield event
        raise
    for event in reader.end():
        yield event


class _Reader:
    """Reads items of a stream, each message and each tool result once."""

    def __init__(self) -> None:
        self._calls = ToolCallTracker()
        self._seen: set[str] = set()
        self._stop_reason: str | None = None

    def read(self, item: object) -> Iterator[StreamEvent]:
        """Take what a stream yielded; yield what is new."""
        payload, _ = unwrap(item, "")
        if isinstance(payload, ToolMessage):
            yield from self._result(payload)
        elif isinstance(payload, AIMessage):
            yield from self._message(payload)
        elif payload is not None:
            yield from self._protocol(payload)
        for update in self._calls.read(item):
            yield _tool_call(update)

    def break_off(self, error: Exception) -> Iterator[StreamEvent]:
        """End the calls that are open, as the stream broke off."""
        for update in self._calls.end(broken_by=error):
            yield _tool_call(update)

    def end(self) -> Iterator[StreamEvent]:
        """End the calls that are open, and the stream."""
        for update in self._calls.end():
            yield _tool_call(update)
        yield EndEvent(self._stop_reason)

    def _result(self, message: ToolMessage) -> Iterator[StreamEvent]:
        key = f"result of {message.tool_call_id}"
        if key not in self._seen:
            self._seen.add(key)
            is_error = message.status == "error"
            yield ToolResultEvent(message.tool_call_id, message.name, message.content, is_error)

    def _message(self, message: AIMessage) -> Iterator[StreamEvent]:
        if not isinstance(message, AIMessageChunk) and message.id in self._seen:
            return
        if message.id:
            self._seen.add(message.id)
        yield from _texts(message.content)
        self._stop_reason = message.response_metadata.get("stop_reason") or self._stop_reason
        if message.usage_metadata:
            yield UsageEvent(cast("JsonObject", message.usage_metadata))

    def _protocol(self, event: Mapping[str, object]) -> Iterator[StreamEvent]:
        delta, metadata = event.get("delta"), event.get("metadata")
        if event["event"] == "content-block-delta" and isinstance(delta, Mapping):
            if delta.get("type") == "text-delta" and delta["text"]:
                yield TextEvent(delta["text"])
            elif delta.get("type") == "reasoning-delta" and delta["reasoning"]:
                yield ReasoningEvent(delta["reasoning"])
        elif event["event"] == "message-start":
            self._seen.add(str(event.get("id")))
        elif event["event"] == "message-finish":
            if isinstance(metadata, Mapping):
                self._stop_reason = metadata.get("stop_reason") or self._stop_reason
            if event.get("usage"):
                yield UsageEvent(cast("JsonObject", event["usage"]))


_REASONING: Final = {"thinking": "thinking", "reasoning": "reasoning"}


def _texts(content: str | list[str | JsonObject]) -> Iterator[StreamEvent]:
    for block in [content] if isinstance(content, str) else content:
        if isinstance(block, str):
            block = {"type": "text", "text": block}  # noqa: PLW2901 - the same text as a block
        kind = block.get("type")
        if kind == "text" and block.get("text"):
            yield TextEvent(block["text"])
        elif kind in _REASONING and block.get(_REASONING[kind]):
            yield ReasoningEvent(block[_REASONING[kind]])


def _tool_call(update: ToolCallUpdate) -> ToolCallEvent:
    is_whole = update.done and update.error is None
    return ToolCallEvent(
        update.index,
        update.id,
        update.name,
        update.changes,
        update.args if is_whole else None,
        update.done,
        update.error,
    )

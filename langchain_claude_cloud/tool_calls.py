"""Follows the tool calls of a stream while the model writes them.

    for update in iter_tool_calls(model.bind_tools([write_file]).stream(question)):
        show(update.name, update.args.get("content", ""))

It reads chunks of `stream` and `astream` in both output versions, events of
``stream_events(version="v3")``, events of ``astream_events`` v1 and v2, and the same inside
LangGraph's streams (``stream_mode="messages"``, alone or among other modes, with subgraphs, in all
its versions). It skips anything else in the stream.

Server tools are left out, because only the cloud runs them.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast

from langchain_core.messages import AIMessage, AIMessageChunk, ToolCallChunk, ToolMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.blocks import CUTTING_STOP_REASONS, ParsedToolCall
from langchain_claude_cloud.response.chunks import ClaudeMessageChunk
from langchain_claude_cloud.response.content import NEVER_ENDED
from langchain_claude_cloud.response.tool_arguments import (
    ArgumentsError,
    PartialJsonReader,
    TextChange,
    dump_arguments,
)

__all__ = ["TextChange", "ToolCallUpdate", "aiter_tool_calls", "iter_tool_calls"]


@dataclass(frozen=True, slots=True)
class ToolCallUpdate:
    """New information about a tool call.

    Attributes:
        index: The position of the call's block in its message.
        id: The call's id, unique among all messages.
        name: The tool's name.
        args: The arguments received so far. An unfinished string has the text so far, and a number
            at the very end may still grow; everything else is final. With ``done`` the whole
            arguments, or none if there is an ``error``, because an incomplete call must not be
            executed. Updates share the finished parts, so do not change them.
        delta: The new raw text. The deltas of a call add up to its raw arguments.
        changes: The text that was added to strings in the arguments: for each string its JSON path,
            such as ``$.content``, and the new text.
        done: Whether this is the last update of the call.
        error: Why the call is invalid, or None.
    """

    index: int
    id: str | None
    name: str
    args: JsonObject
    delta: str = ""
    changes: tuple[TextChange, ...] = ()
    done: bool = False
    error: str | None = None


def iter_tool_calls(chunks: Iterable[object]) -> Iterator[ToolCallUpdate]:
    """Follow the tool calls of a stream.

    Args:
        chunks: What a model or an agent streams; the module's documentation lists the supported
            streams.

    Yields:
        An update for each fragment of a call, in order, and a last one with ``done`` for each call.
        If the stream ends or raises before a call is complete, its last update has an ``error``.

    Raises:
        Exception: What the stream raises, after the last updates.
    """
    tracker = ToolCallTracker()
    try:
        for item in chunks:
            yield from tracker.read(item)
    except Exception as error:
        yield from tracker.end(broken_by=error)
        raise
    yield from tracker.end()


async def aiter_tool_calls(chunks: AsyncIterable[object]) -> AsyncIterator[ToolCallUpdate]:
    """Do what `iter_tool_calls` does, on an event loop.

    Args:
        chunks: What a model or an agent streams.

    Yields:
        See `iter_tool_calls`.

    Raises:
        Exception: What the stream raises, after the last updates.
    """
    tracker = ToolCallTracker()
    try:
        async for item in chunks:
            for update in tracker.read(item):
                yield update
    except Exception as error:
        for update in tracker.end(broken_by=error):
            yield update
        raise
    for update in tracker.end():
        yield update


_Key: TypeAlias = str
"""What tells messages apart: an id, or the run that events come from."""


@dataclass(slots=True)
class _Call:
    """A call that is being written.

    Attributes:
        ends_with_parsed_call: Whether the stream brings the parsed call at its end; without it
            the call is invalid then.
    """

    index: int
    id: str | None
    name: str
    ends_with_parsed_call: bool
    arguments: PartialJsonReader = field(default_factory=PartialJsonReader)

    def grow(self, fragment: str) -> ToolCallUpdate:
        args = self.arguments.feed(fragment)
        changes = tuple(self.arguments.changes)
        return ToolCallUpdate(self.index, self.id, self.name, args, fragment, changes)

    def parse(self, *, stop_reason: str | None, is_last: bool) -> ParsedToolCall:
        """Return what a call is whose stream does not parse it, when its message is over."""
        raw = self.arguments.raw
        cut = stop_reason if stop_reason in CUTTING_STOP_REASONS else None
        reason = None
        if self.ends_with_parsed_call:
            reason = NEVER_ENDED
        elif not raw and cut and is_last:
            reason = f"truncated: the answer was cut by {cut}"
        if reason is None:
            try:
                return tool_call(name=self.name, args=self.arguments.finish(), id=self.id)
            except ArgumentsError as error:
                reason = f"truncated: the answer was cut by {cut}" if cut else str(error)
        return self.invalid(reason)

    def invalid(self, reason: str) -> ParsedToolCall:
        return invalid_tool_call(name=self.name, args=self.arguments.raw, id=self.id, error=reason)

    def finish(self, parsed_call: ParsedToolCall) -> ToolCallUpdate:
        """Return the last update; text that no fragment brought comes with it."""
        call_id, name = self.id or parsed_call["id"], self.name or parsed_call["name"] or ""
        error, args, raw = None, cast("JsonObject", {}), parsed_call["args"] or ""
        if parsed_call["type"] == "tool_call":
            args = dict(parsed_call["args"])
            raw = dump_arguments(args) if args else ""
        else:
            error = parsed_call["error"] or "invalid"
        delta = ""
        changes: tuple[TextChange, ...] = ()
        if not self.arguments.length:
            delta = str(raw)
            self.arguments.feed(delta)
            changes = tuple(self.arguments.changes)
        return ToolCallUpdate(
            self.index, call_id, name, args, delta, changes, done=True, error=error
        )


@dataclass(slots=True)
class _Message:
    """The calls of a message, by position: those that are open, and which are done."""

    calls: dict[int, _Call] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)


class ToolCallTracker:
    """Keeps the calls that are open, of however many messages at once."""

    def __init__(self) -> None:
        self._messages: dict[_Key, _Message] = {}
        self._ended: set[_Key] = set()

    def read(self, item: object) -> Iterator[ToolCallUpdate]:
        """Take what a stream yielded; yield what is new."""
        payload, scope = unwrap(item, "")
        if isinstance(payload, AIMessageChunk):
            yield from self._read_chunk(payload)
        elif isinstance(payload, AIMessage):
            yield from self._read_message(payload)
        elif payload is not None and not isinstance(payload, ToolMessage):
            yield from self._read_event(payload, f"events of {scope}")

    def end(self, *, broken_by: Exception | None = None) -> Iterator[ToolCallUpdate]:
        """Finish all calls, as the stream is over."""
        reason = None
        if broken_by is not None:
            reason = f"truncated: the stream broke off ({type(broken_by).__name__})"
        for key in list(self._messages):
            yield from self._end_message(key, reason=reason)

    def _read_chunk(self, chunk: AIMessageChunk) -> Iterator[ToolCallUpdate]:
        key = chunk.id or ""
        if key in self._ended:
            return
        parsed_calls: dict[int, ParsedToolCall] = {}
        if isinstance(chunk, ClaudeMessageChunk):
            parsed_calls = chunk.parsed_calls
        for fragment in chunk.tool_call_chunks:
            call = self._call_of(
                key, fragment, ends_with_parsed_call=isinstance(chunk, ClaudeMessageChunk)
            )
            yield call.grow(fragment["args"] or "")
        for position in sorted(parsed_calls):
            yield from self._finish(key, position, parsed_calls[position])
        if chunk.chunk_position == "last":
            yield from self._end_message(
                key, stop_reason=chunk.response_metadata.get("stop_reason")
            )

    def _read_message(self, message: AIMessage) -> Iterator[ToolCallUpdate]:
        """Read a message that was not streamed, or the whole of one that was."""
        key = message.id or ""
        if key in self._ended:
            return
        calls: list[ParsedToolCall] = [*message.tool_calls, *message.invalid_tool_calls]
        places = {call["id"]: number for number, call in enumerate(calls)} | _places(message)
        for call in calls:
            yield from self._finish(key, places[call["id"]], call)
        yield from self._end_message(key)

    def _read_event(self, event: Mapping[str, object], key: _Key) -> Iterator[ToolCallUpdate]:
        """Read an event of the content-block protocol."""
        kind, index = event["event"], event.get("index")
        if kind in _BOUNDARIES:
            yield from self._end_message(key, reason=_BOUNDARIES[str(kind)])
            self._ended.add(str(event.get("id")))
            return
        content = event.get("delta" if kind == "content-block-delta" else "content")
        if isinstance(index, int) and isinstance(content, dict):
            yield from self._read_block(key, index, content)

    def _read_block(self, key: _Key, index: int, block: JsonObject) -> Iterator[ToolCallUpdate]:
        kind = block.get("type")
        if kind == "tool_call_chunk":
            fragment = cast("ToolCallChunk", {**block, "index": index})
            yield self._call_of(key, fragment, ends_with_parsed_call=True).grow(
                block.get("args") or ""
            )
        elif kind == "tool-call-delta":
            # Those of server tools have no open call.
            call = self._message(key).calls.get(index)
            if call is not None:
                yield call.grow(block["args"])
        elif kind in ("tool_call", "invalid_tool_call"):
            yield from self._finish(key, index, cast("ParsedToolCall", block))

    def _call_of(self, key: _Key, fragment: ToolCallChunk, *, ends_with_parsed_call: bool) -> _Call:
        """Return the call that a fragment belongs to, a new one if it is the first."""
        calls = self._message(key).calls
        index = fragment.get("index")
        if not isinstance(index, int):
            # Fragments of other models: the first of a call has its name.
            index = max(calls, default=-1) + bool(fragment["name"] or not calls)
        if index not in calls:
            calls[index] = _Call(
                index, fragment["id"], fragment["name"] or "", ends_with_parsed_call
            )
        return calls[index]

    def _message(self, key: _Key) -> _Message:
        return self._messages.setdefault(key, _Message())

    def _finish(
        self, key: _Key, index: int, parsed_call: ParsedToolCall
    ) -> Iterator[ToolCallUpdate]:
        """Finish a call, unless that was said before."""
        message = self._message(key)
        if index not in message.done:
            message.done.add(index)
            call = message.calls.pop(index, None)
            if call is None:
                call = _Call(
                    index, parsed_call["id"], parsed_call["name"] or "", ends_with_parsed_call=True
                )
            yield call.finish(parsed_call)

    def _end_message(
        self, key: _Key, *, stop_reason: str | None = None, reason: str | None = None
    ) -> Iterator[ToolCallUpdate]:
        """Finish the calls of a message that are still open."""
        calls = self._messages.pop(key, _Message()).calls
        for index in sorted(calls):
            call = calls[index]
            if reason is not None:
                yield call.finish(call.invalid(reason))
            else:
                is_last = index == max(calls)
                yield call.finish(call.parse(stop_reason=stop_reason, is_last=is_last))
        if key:
            self._ended.add(key)


_BOUNDARIES: Final[dict[str, str | None]] = {
    "message-start": NEVER_ENDED,
    "message-finish": None,
    "error": NEVER_ENDED,
}
"""Events that end what went before."""

_EVENTS: Final = frozenset(
    {*_BOUNDARIES, "content-block-start", "content-block-delta", "content-block-finish"}
)

_Payload: TypeAlias = "AIMessage | ToolMessage | Mapping[str, object] | None"


def unwrap(item: object, scope: str) -> tuple[_Payload, str]:
    """Return the message or protocol event in an item, and the run that it is of.

    Args:
        item: What a stream yielded.
        scope: The run, as far as the item's own envelope tells.
    """
    if isinstance(item, AIMessage | ToolMessage):
        return item, scope
    if isinstance(item, tuple) and item:
        return _unwrap_tuple(item, scope)
    if isinstance(item, Mapping):
        return _unwrap_mapping(item, scope)
    return None, scope


def _unwrap_tuple(item: tuple[object, ...], scope: str) -> tuple[_Payload, str]:
    """Open LangGraph's tuples: namespace, mode, payload with metadata, each as it is there."""
    first, rest = item[0], item[1:]
    if isinstance(first, tuple):
        return unwrap(rest[0] if len(rest) == 1 else rest, scope)
    if isinstance(first, str):
        return unwrap(rest[0], scope) if first == "messages" and rest else (None, scope)
    metadata = rest[0] if rest else None
    if isinstance(metadata, Mapping):
        run = metadata.get("run_id") or metadata.get("langgraph_checkpoint_ns") or scope
        return unwrap(first, str(run))
    return None, scope


def _unwrap_mapping(item: Mapping[str, object], scope: str) -> tuple[_Payload, str]:
    """Open events: of the protocol, of LangGraph, of ``astream_events``."""
    event = item.get("event")
    if event in _EVENTS:
        return item, scope
    if event == "on_chat_model_stream":
        return unwrap(_part(item, "data", "chunk"), scope)
    if event == "on_chat_model_end":
        return unwrap(_part(item, "data", "output"), scope)
    if item.get("type") == "messages":
        return unwrap(item.get("data"), scope)
    if item.get("type") == "event" and item.get("method") == "messages":
        return unwrap(_part(item, "params", "data"), scope)
    return None, scope


def _part(item: Mapping[str, object], *names: str) -> object:
    """Return what is at the end of a path of keys, or None."""
    part: object = item
    for name in names:
        part = part.get(name) if isinstance(part, Mapping) else None
    return part


def _places(message: AIMessage) -> dict[str | None, int]:
    """Return the positions of calls in a message's content, by id."""
    blocks = message.content if isinstance(message.content, list) else []
    return {
        block.get("id"): place
        for place, block in enumerate(blocks)
        if isinstance(block, dict) and block.get("type") in _CALL_BLOCKS
    }


_CALL_BLOCKS: Final = frozenset({"tool_use", "tool_call", "invalid_tool_call"})

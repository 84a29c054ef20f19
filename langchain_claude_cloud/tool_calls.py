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
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeAlias, TypeVar, cast

from langchain_core.messages import AIMessage, AIMessageChunk, ToolCallChunk, ToolMessage

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.blocks import NEVER_ENDED, Block, ParsedToolCall, cut_by
from langchain_claude_cloud.response.chunks import ClaudeMessageChunk
from langchain_claude_cloud.response.tool_arguments import PartialJsonReader, TextChange

__all__ = ["TextChange", "ToolCallUpdate", "aiter_tool_calls", "iter_tool_calls"]

T_co = TypeVar("T_co", covariant=True)

Payload: TypeAlias = "AIMessage | ToolMessage | Mapping[str, object] | None"
"""A message, an event of the content-block protocol, or nothing that is read."""

_BOUNDARIES: Final = frozenset({"message-start", "message-finish", "error"})
"""Events that end what went before; calls that are open then never ended."""

_BLOCK_EVENTS: Final = ("content-block-start", "content-block-delta", "content-block-finish")
_EVENTS: Final = _BOUNDARIES.union(_BLOCK_EVENTS)


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

    Returns:
        An update for each fragment of a call, in order, and a last one with ``done`` for each call.
        If the stream ends or raises before a call is complete, its last update has an ``error``.
        An exception of the stream comes after the last updates.
    """
    return follow(chunks, ToolCallTracker())


def aiter_tool_calls(chunks: AsyncIterable[object]) -> AsyncIterator[ToolCallUpdate]:
    """Do what `iter_tool_calls` does, on an event loop.

    Args:
        chunks: What a model or an agent streams.

    Returns:
        See `iter_tool_calls`.
    """
    return afollow(chunks, ToolCallTracker())


class StreamReader(Protocol[T_co]):
    """Reads a stream, and yields what is new."""

    def read(self, payload: Payload, scope: str) -> Iterator[T_co]:
        """Take what `unwrap` finds in an item."""

    def end(self, broken_by: Exception | None) -> Iterator[T_co]:
        """Take the end, and the exception if the stream broke off."""


def follow(chunks: Iterable[object], reader: StreamReader[T_co]) -> Iterator[T_co]:
    """Yield what is made of a stream, also if the stream raises in the end."""
    try:
        for item in chunks:
            yield from reader.read(*unwrap(item))
    except Exception as error:
        yield from reader.end(error)
        raise
    yield from reader.end(None)


async def afollow(chunks: AsyncIterable[object], reader: StreamReader[T_co]) -> AsyncIterator[T_co]:
    """Do what `follow` does, on an event loop."""
    try:
        async for item in chunks:
            for made in reader.read(*unwrap(item)):
                yield made
    except Exception as error:
        for made in reader.end(error):
            yield made
        raise
    for made in reader.end(None):
        yield made


class _Call:
    """A call that is being written."""

    def __init__(self, index: int, name: str | None, call_id: str | None) -> None:
        self.block = Block("client_tool", {"name": name or "", "id": call_id}, position=index)
        self._reader = PartialJsonReader()

    def grow(self, fragment: str) -> ToolCallUpdate:
        block, args = self.block, self._reader.feed(fragment)
        block.parts.append(fragment)
        name, call_id, changes = block.start["name"], block.start["id"], self._reader.changes
        return ToolCallUpdate(block.position, call_id, name, args, fragment, tuple(changes))

    def finish(self, call: ParsedToolCall) -> ToolCallUpdate:
        """Return the last update; text that no fragment brought comes with it."""
        if call["type"] == "tool_call":
            args, error = call["args"], None
            self.block.given = args
            raw = self.block.raw_arguments()
        else:
            args, error, raw = {}, call["error"] or "invalid", call["args"] or ""
        last = self.grow("" if self._reader.length else raw)
        name, call_id = call["name"] or "", call["id"]
        return replace(last, id=call_id, name=name, args=args, done=True, error=error)

    def parse(self, cut: str | None) -> ParsedToolCall:
        """Return what the call is, given why it may be cut, if so."""
        call = self.block.parse()
        if cut and (call["type"] == "invalid_tool_call" or not self._reader.length):
            return self.block.invalid(cut)
        return call


class ToolCallTracker:
    """Keeps the calls that are open, of however many messages at once.

    Attributes:
        ended: The ids of messages that were told whole.
    """

    def __init__(self) -> None:
        # The calls by position, None for those that are done, of each message that is open. What
        # tells messages apart is an id, or the run that events come from.
        self._messages: dict[str, dict[int, _Call | None]] = {}
        # Messages of other models, which may have no last chunk.
        self._foreign: set[str] = set()
        self.ended: set[str] = set()

    def read(self, payload: Payload, scope: str) -> Iterator[ToolCallUpdate]:
        """Take a message or an event of a run; yield what is new."""
        if isinstance(payload, AIMessage):
            key = payload.id or ""
            if key in self.ended:
                return
            if isinstance(payload, AIMessageChunk):
                yield from self._read_chunk(key, payload)
            else:
                yield from self._read_message(key, payload)
        elif isinstance(payload, Mapping):
            yield from self._read_event(payload, f"events of {scope}")

    def end(self, broken_by: Exception | None) -> Iterator[ToolCallUpdate]:
        """Finish all calls, as the stream is over."""
        reason = NEVER_ENDED
        if broken_by is not None:
            reason = f"truncated: the stream broke off ({type(broken_by).__name__})"
        for key in list(self._messages):
            if key in self._foreign and broken_by is None:
                yield from self._judge(key, reason)
            yield from self._end_message(key, reason)

    def _read_chunk(self, key: str, chunk: AIMessageChunk) -> Iterator[ToolCallUpdate]:
        for fragment in chunk.tool_call_chunks:
            yield from self._grow(key, fragment)
        if isinstance(chunk, ClaudeMessageChunk):
            for position, parsed in sorted(chunk.parsed_calls.items()):
                yield from self._finish(key, position, parsed)
        elif chunk.tool_call_chunks:
            self._foreign.add(key)
        if chunk.chunk_position == "last":
            yield from self._judge(key, cut_by(chunk.response_metadata.get("stop_reason")))
            yield from self._end_message(key)

    def _read_message(self, key: str, message: AIMessage) -> Iterator[ToolCallUpdate]:
        """Read a message that was not streamed, or the whole of one that was."""
        blocks = message.content if isinstance(message.content, list) else []
        places = {b["id"]: n for n, b in enumerate(blocks) if isinstance(b, dict) and b.get("id")}
        for number, call in enumerate([*message.tool_calls, *message.invalid_tool_calls]):
            place = places.get(call["id"], number)
            yield from self._finish(key, place, cast("ParsedToolCall", call))
        yield from self._end_message(key)

    def _read_event(self, event: Mapping[str, object], key: str) -> Iterator[ToolCallUpdate]:
        """Read an event of the content-block protocol."""
        match event:
            case {"event": kind} if kind in _BOUNDARIES:
                yield from self._end_message(key)
                self.ended.add(str(event.get("id")))
            case {"index": int(index), "delta": {"type": "tool-call-delta", "args": str(text)}}:
                # Those of server tools have no open call.
                call = self._messages.get(key, {}).get(index)
                if call is not None:
                    yield call.grow(text)
            case {"index": int(index), "content": {"type": "tool_call_chunk"} as head}:
                fragment = cast("ToolCallChunk", {**cast("JsonObject", head), "index": index})
                yield from self._grow(key, fragment)
            case {"event": "content-block-finish", "index": int(index), "content": {**block}}:
                if block.get("type") in ("tool_call", "invalid_tool_call"):
                    yield from self._finish(key, index, cast("ParsedToolCall", block))

    def _grow(self, key: str, fragment: ToolCallChunk) -> Iterator[ToolCallUpdate]:
        """Add a fragment to its call, a new one if it is the first, unless that is finished."""
        calls = self._messages.setdefault(key, {})
        index = fragment.get("index")
        if not isinstance(index, int):
            # Fragments of other models: the first of a call has its name.
            index = max(calls, default=-1) + bool(fragment["name"] or not calls)
        if index not in calls:
            calls[index] = _Call(index, fragment["name"], fragment["id"])
        call = calls[index]
        if call is not None:
            yield call.grow(fragment["args"] or "")

    def _finish(self, key: str, index: int, parsed: ParsedToolCall) -> Iterator[ToolCallUpdate]:
        """Finish a call, unless that was said before."""
        calls = self._messages.setdefault(key, {})
        call = calls.get(index, _Call(index, parsed["name"], parsed["id"]))
        if call is not None:
            calls[index] = None
            yield call.finish(parsed)

    def _judge(self, key: str, cut: str | None) -> Iterator[ToolCallUpdate]:
        """Finish the calls of a stream that does not say whether they are valid.

        Args:
            key: The message.
            cut: Why the last one may be cut, if so.
        """
        calls = self._messages.get(key, {})
        for index, call in sorted(calls.items()):
            if call is not None:
                why = cut if index == max(calls) else None
                yield from self._finish(key, index, call.parse(why))

    def _end_message(self, key: str, reason: str = NEVER_ENDED) -> Iterator[ToolCallUpdate]:
        """Finish the calls of a message that are still open."""
        for _, call in sorted(self._messages.pop(key, {}).items()):
            if call is not None:
                yield call.finish(call.block.invalid(reason))
        if key:
            self.ended.add(key)


def unwrap(item: object, scope: str = "") -> tuple[Payload, str]:
    """Return the message or protocol event in an item, and the run that it is of.

    Args:
        item: What a stream yielded: a message, an event of the protocol, or one of them in
            the envelopes of LangGraph and of ``astream_events``.
        scope: The run, as far as the item's own envelope tells.
    """
    found: Payload = None
    match item:
        case AIMessage() | ToolMessage():
            found = item
        case object(update={"messages": [*_, ToolMessage() as result]}):  # a tool's Command
            found = result
        case {"event": str(event)} if event in _EVENTS:
            found = cast("Mapping[str, object]", item)
        case {"event": "tool-error", "tool_call_id": str(call_id), "message": str(text)}:
            found = ToolMessage(text, tool_call_id=call_id, status="error")
        case (tuple(), *parts):  # the namespace of a subgraph
            return unwrap(parts[0] if len(parts) == 1 else parts, scope)
        case (
            ("messages" | "tools", inner, *_)
            | {"type": "messages" | "tools", "data": inner}
            | {"type": "event", "method": "messages" | "tools", "params": {"data": inner}}
            | {"event": "on_chat_model_stream", "data": {"chunk": inner}}
            | {"event": "on_chat_model_end" | "on_tool_end", "data": {"output": inner}}
            | {"event": "tool-finished", "output": inner}
        ):
            return unwrap(inner, scope)
        case (inner, {**metadata}, *_):
            run = metadata.get("run_id") or metadata.get("langgraph_checkpoint_ns") or scope
            return unwrap(inner, str(run))
    return found, scope

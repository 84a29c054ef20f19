"""Whatever bytes come, a stream ends in a message or in one of the package's errors."""

from __future__ import annotations

import base64
import functools
import json
import operator
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from answers import ORIGIN, Event, finish, start, text, thinking, tool, unpacked
from data import load_recordings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message

from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.response.accumulator import MessageAccumulator
from langchain_claude_cloud.response.blocks import parse_arguments
from langchain_claude_cloud.response.message import (
    ChunkHandler,
    ProtocolEventHandler,
)
from langchain_claude_cloud.response.stream import ResponseStream
from langchain_claude_cloud.testing.reply.framing import frame

Framing = Any
WRITERS: dict[str, Callable[[], Any]] = {
    "v0": lambda: ChunkHandler(ORIGIN),
    "v1": lambda: ChunkHandler(ORIGIN, version="v1"),
    "protocol": lambda: ProtocolEventHandler(ORIGIN),
}
QUICK = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))

CITATION = {"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0,
            "end_char_index": 1, "document_title": None}  # fmt: skip
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
ANSWERS: tuple[list[Event], ...] = (
    [start(), *text(0, "Hello", " you"), *finish()],
    [start(), *thinking(0, "Hm", "m"), *text(1, "So"), *tool(2, '{"a": [1, "b"]}'), *finish("tool_use")],
    [start(), *tool(0, '{"a": 1}'), *tool(1, '{"b": "cut of', ended=False), *finish("max_tokens")],
    [
        start(),
        {"type": "content_block_start", "index": 0, "content_block": SEARCH},
        {"type": "content_block_delta", "index": 0,
         "delta": {"type": "input_json_delta", "partial_json": '{"query": "x"}'}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": FOUND},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 2,
         "delta": {"type": "citations_delta", "citation": CITATION}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "y"}},
        {"type": "content_block_stop", "index": 2},
        {"type": "ping"},
        *finish(),
    ],
)  # fmt: skip

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.integers(-3, 3)
    | st.floats()
    | st.text(st.characters(codec=None), max_size=6)
    | st.sampled_from(
        ["text", "tool_use", "thinking", "text_delta", "max_tokens", "type", "\ud800"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "id", "name", "input", "text", "index", "usage", "content", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def sse(payload: bytes) -> bytes:
    """Return a payload as a server-sent event."""
    return b"data: " + payload + b"\n\n"


def chunk_frame(payload: bytes) -> bytes:
    """Return a payload as a frame of an event stream, with the right checksums."""
    wrapped = json.dumps({"bytes": base64.b64encode(payload).decode()}).encode()
    return frame({":event-type": "chunk", ":message-type": "event"}, wrapped)


def to_wire(framing: Framing, payloads: Sequence[bytes]) -> bytes:
    """Return payloads in a framing."""
    return b"".join((sse if framing == "sse" else chunk_frame)(payload) for payload in payloads)


def read_all(framing: Framing, pieces: Sequence[bytes]) -> list[AIMessage]:
    """Read a stream on all paths; everything but a message or an error of ours is raised."""
    return [message for name in WRITERS for message in _read(framing, pieces, name)]


def _read(framing: Framing, pieces: Sequence[bytes], name: str) -> list[AIMessage]:
    stream: ResponseStream[Any] = ResponseStream(
        framing, MessageAccumulator(WRITERS[name]()), ORIGIN
    )
    outputs: list[Any] = []
    messages: list[AIMessage] = []
    try:
        for piece in pieces:
            outputs += stream.feed(piece)  # one by one: what comes before an error is kept
            if stream.complete:
                break
        outputs += stream.close()
    except ClaudeCloudError as error:
        partial = error.partial_message
        assert isinstance(partial, AIMessage | None)
        messages += [partial] if partial is not None else []
    if name != "protocol":
        messages += _merged(unpacked(outputs))
    for message in messages:
        check_message(message)
    return messages


def _merged(chunks: list[AIMessageChunk]) -> list[AIMessage]:
    if not chunks:
        return []
    whole = functools.reduce(operator.add, chunks)
    assert isinstance(whole, AIMessageChunk)
    assert whole.content_blocks is not None
    message = message_chunk_to_message(whole)
    assert isinstance(message, AIMessage)
    return [message]


def check_message(message: AIMessage) -> None:
    """Check what holds of every message that outlives its stream."""
    blocks = message.content_blocks
    valid = {call["id"] for call in message.tool_calls}
    for block in blocks:
        if block["type"] == "tool_call":
            assert block["id"] in valid
    for call in message.invalid_tool_calls:
        assert call["error"]
    usage = message.usage_metadata
    if usage is not None:
        for name in ("input_tokens", "output_tokens", "total_tokens"):
            assert type(usage[name]) is int  # type: ignore[literal-required]  # of the three
    assert dumpd(message)


@st.composite
def mutated_values(draw: st.DrawFn) -> list[bytes]:
    """Draw an answer's events of which some values are replaced or missing."""
    events: list[Any] = json.loads(json.dumps(draw(st.sampled_from(ANSWERS))))
    for _ in range(draw(st.integers(1, 3))):
        holder: Any = draw(st.sampled_from(events))
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(holder[key], dict | list) and draw(st.booleans()):
                holder = holder[key]
                continue
            if draw(st.integers(0, 4)) == 0:
                del holder[key]
            else:
                holder[key] = draw(JSON)
            break
    return [json.dumps(event).encode() for event in events]


@st.composite
def mutated_order(draw: st.DrawFn) -> list[bytes]:
    """Draw an answer's events: some missing, doubled, moved, of another answer."""
    events = list(draw(st.sampled_from(ANSWERS)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(events) - 1)))
        other = draw(st.sampled_from(draw(st.sampled_from(ANSWERS))))
        kind = draw(st.sampled_from(["drop", "double", "swap", "insert"]))
        if kind == "insert":
            events.insert(place, other)
        elif events and kind == "drop":
            events.pop(place)
        elif events and kind == "double":
            events.insert(place, events[place])
        elif events:
            events[place], events[-1] = events[-1], events[place]
    return [json.dumps(event).encode() for event in events]


@st.composite
def mutated_bytes(draw: st.DrawFn, sources: Sequence[bytes]) -> bytes:
    """Draw bytes of a real stream: some flipped, missing, doubled, moved, made up."""
    data = bytearray(draw(st.sampled_from(sources)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 40)))
        kind = draw(st.sampled_from(["flip", "delete", "double", "insert", "move"]))
        if kind == "flip" and at < len(data):
            data[at] ^= draw(st.integers(1, 255))
        elif kind == "delete":
            del data[at:end]
        elif kind == "double":
            data[at:at] = data[at:end]
        elif kind == "insert":
            data[at:at] = draw(st.binary(max_size=8))
        else:
            moved = bytes(data[at:end])
            del data[at:end]
            data += moved
    return bytes(data)


def _sources(framing: Framing) -> list[bytes]:
    made = [to_wire(framing, [json.dumps(e).encode() for e in events]) for events in ANSWERS]
    kind = "sse" if framing == "sse" else "aws"
    recorded = [row["body"] for row in load_recordings() if row["kind"] == kind]
    return made + sorted(recorded, key=len)[:20]


SOURCES = {framing: _sources(framing) for framing in ("sse", "event-stream")}
FRAMINGS = pytest.mark.parametrize("framing", ["sse", "event-stream"])


def pieces_of(data: bytes, size: int) -> list[bytes]:
    """Cut bytes into pieces of a size."""
    return [data[at : at + size] for at in range(0, len(data), size)]


@FRAMINGS
@QUICK
@given(data=st.binary(max_size=400), size=st.integers(1, 60))
def test_any_bytes_end_in_an_error_of_ours(framing: Framing, data: bytes, size: int) -> None:
    """Noise is no answer, on any path."""
    assert read_all(framing, pieces_of(data, size)) == []


@FRAMINGS
@QUICK
@given(
    payloads=st.lists(
        st.binary(max_size=40) | JSON.map(lambda v: json.dumps(v).encode()), max_size=4
    )
)
def test_any_events_end_in_an_error_of_ours(framing: Framing, payloads: list[bytes]) -> None:
    """Well framed nonsense is no answer either."""
    read_all(framing, [to_wire(framing, payloads)])


@FRAMINGS
@settings(QUICK, max_examples=100)
@given(payloads=mutated_values())
def test_answers_with_other_values_end_in_a_message_or_an_error(
    framing: Framing, payloads: list[bytes]
) -> None:
    """Every value of every event may be any JSON, or missing."""
    read_all(framing, [to_wire(framing, payloads)])


@FRAMINGS
@settings(QUICK, max_examples=40)
@given(payloads=mutated_order())
def test_answers_in_another_order_end_in_a_message_or_an_error(
    framing: Framing, payloads: list[bytes]
) -> None:
    """Events may be missing, doubled or in any order."""
    read_all(framing, [to_wire(framing, payloads)])


@FRAMINGS
@settings(QUICK, max_examples=30)
@given(data=st.data())
def test_damaged_streams_end_in_a_message_or_an_error(framing: Framing, data: Any) -> None:
    """Bytes of made up and recorded streams, damaged in several places."""
    damaged = data.draw(mutated_bytes(SOURCES[framing]))
    read_all(framing, pieces_of(damaged, data.draw(st.integers(1, 2_000))))


@settings(QUICK, max_examples=30)
@given(data=st.data())
def test_damage_to_an_event_stream_is_never_read_as_another_answer(data: Any) -> None:
    """Checksums cover every byte: what comes out is a prefix of what was sent."""
    payloads = [json.dumps(event).encode() for event in ANSWERS[1]]
    whole = to_wire("event-stream", payloads)
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[at] ^= data.draw(st.integers(1, 255))
    (intact,) = {len(m.tool_calls) for m in read_all("event-stream", [whole]) if m.tool_calls}
    assert intact == 1
    for message in read_all("event-stream", [bytes(damaged)]):
        for call in message.tool_calls:
            assert call["args"] == {"a": [1, "b"]}


@FRAMINGS
@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b'{"a":' * 100_000, b'{"type":"x","a":' + b"[" * 100_000]
)
def test_deeply_nested_events_are_an_error(framing: Framing, raw: bytes) -> None:
    """Neither parser runs out of stack."""
    assert read_all(framing, [to_wire(framing, [raw])]) == []


@settings(QUICK, max_examples=60)
@given(raw=st.text(max_size=30) | JSON.map(json.dumps), cut=st.integers(0, 40), data=st.data())
def test_only_whole_arguments_of_ended_blocks_are_a_call(raw: str, cut: int, data: Any) -> None:
    """Whatever the text and wherever the stream stops, nothing is made up."""
    ended = data.draw(st.booleans())
    reason = data.draw(st.sampled_from(["tool_use", "max_tokens", "end_turn", None]))
    events = [start(), *tool(0, raw, size=3, ended=ended), *finish(reason)]
    kept = events if cut > len(events) else events[:cut]
    payloads = [json.dumps(event).encode() for event in kept]
    stopped = any(event["type"] == "content_block_stop" for event in kept)
    for message in read_all("sse", [to_wire("sse", payloads)]):
        for call in message.tool_calls:
            assert stopped
            assert call["args"] == parse_arguments(raw)

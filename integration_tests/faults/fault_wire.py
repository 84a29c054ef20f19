"""What a faulty cloud puts on the wire: a good answer in parts, and what may happen between."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

from langchain_claude_cloud.testing.reply.framing import (
    chunk_frame,
    exception_frame,
    frame,
    sse_event,
)
from langchain_claude_cloud.testing.reply.ids import Noise

PIECES: Final = ("One two ", "three four ", "five.")
"""The answer's text, by delta."""

TEXT: Final = "".join(PIECES)
"""All of it."""

ARRIVED: Final = "".join(PIECES[:2])
"""What of it has arrived when a fault comes in the middle."""

REQUEST_ID: Final = "5d2e8a1c-0000-4000-8000-00000000fa17"
"""The id that every answer of these servers carries in its headers."""

_AHEAD: Final = 4  # the start, the block's start, two deltas
_USAGE: Final = {"input_tokens": 7, "output_tokens": 1}
_TYPES: Final[dict[str, str]] = {
    "bedrock": "application/vnd.amazon.eventstream",
}
_SSE_TYPE: Final = "text/event-stream; charset=utf-8"
_ID_HEADERS: Final[dict[str, str]] = {"vertex": "request-id"}
_AWS_ID_HEADER: Final = "x-amzn-requestid"

Event = dict[str, Any]

Endpoint: TypeAlias = Literal["vertex", "bedrock", "messages", "mantle"]
"""Vertex AI, or Bedrock by InvokeModel or by one of its other APIs."""


class Break(Enum):
    """What may happen to a connection instead of more bytes."""

    RESET = auto()
    """The connection is reset: the client's next read fails."""

    CLOSE = auto()
    """The server closes its end in good order, too early."""

    STALL = auto()
    """Nothing more comes, for as long as the client waits."""


Step: TypeAlias = bytes | float | Break
"""Bytes to send, seconds to wait, or what happens instead of more; without that the connection
stays open."""


Steps: TypeAlias = Sequence[Step]


@dataclass(frozen=True)
class Answer:
    """One response, in the parts that faults are made of.

    Attributes:
        cloud: Whose framing it has.
        streamed: Whether it is a stream, or one JSON object.
        elsewhere: The address of another server, which nobody should ever ask.
    """

    cloud: Endpoint
    streamed: bool
    elsewhere: str = "https://elsewhere.invalid"

    @cached_property
    def payloads(self) -> list[Event]:
        """The events of the answer."""
        deltas = [
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": piece},
            }
            for piece in PIECES
        ]
        ended = {"stop_reason": "end_turn", "stop_sequence": None}
        return [
            {"type": "message_start", "message": self._message([], None)},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
            },
            *deltas,
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        ]

    def _message(self, content: list[Event], stop_reason: str | None) -> Event:
        return {
            "id": "msg_fault",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-6",
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": _USAGE,
        }

    def event(self, payload: Event) -> bytes:
        """Return an event in the cloud's framing."""
        noise = Noise(b"fault")
        return chunk_frame(payload, noise) if self.cloud == "bedrock" else sse_event(payload, noise)

    def raw_event(self, data: bytes) -> bytes:
        """Return what ought to be an event's JSON, framed without looking at it."""
        if self.cloud != "bedrock":
            return b"event: content_block_delta\ndata: " + data + b"\n\n"
        return wrapped(base64.b64encode(data).decode())

    @cached_property
    def events(self) -> list[bytes]:
        """The events of the answer, framed."""
        return [self.event(payload) for payload in self.payloads]

    @property
    def id_header(self) -> str:
        """The header with the request's id."""
        return _ID_HEADERS.get(self.cloud, _AWS_ID_HEADER)

    @property
    def begun(self) -> bytes:
        """The first event alone."""
        return self.events[0]

    @property
    def first(self) -> bytes:
        """The events up to the middle of the text."""
        return b"".join(self.events[:_AHEAD])

    @property
    def rest(self) -> bytes:
        """The events after that."""
        return b"".join(self.events[_AHEAD:])

    @property
    def all_but_the_last(self) -> bytes:
        """Every event but ``message_stop``."""
        return b"".join(self.events[:-1])

    @property
    def without_start(self) -> bytes:
        """Every event but ``message_start``."""
        return b"".join(self.events[1:])

    @property
    def json(self) -> bytes:
        """The answer as one object."""
        return json.dumps(self._message([{"type": "text", "text": TEXT}], "end_turn")).encode()

    @property
    def head(self) -> bytes:
        """The head of a good response."""
        return self.head_with()

    def head_with(self, *lines: str, length: int | None = None, status: str = "200 OK") -> bytes:
        """Return the head of a response.

        Args:
            lines: Header lines besides the usual ones.
            length: What to say of the body's length; None for the truth.
            status: The status and its words.
        """
        size = len(self.json) if length is None else length
        extent = "transfer-encoding: chunked" if self.streamed else f"content-length: {size}"
        kind = _TYPES.get(self.cloud, _SSE_TYPE) if self.streamed else "application/json"
        usual = (
            f"HTTP/1.1 {status}",
            f"content-type: {kind}",
            f"{self.id_header}: {REQUEST_ID}",
            extent,
        )
        return "\r\n".join((*usual, *lines, "", "")).encode()

    def body(self, events: bytes = b"") -> bytes:
        """Return a body, ended in good order: these events, or all."""
        if self.streamed:
            return chunk(events or b"".join(self.events)) + LAST_CHUNK
        return self.json

    @property
    def half(self) -> bytes:
        """The first half of a body: events up to the middle of the text, or half an object."""
        return chunk(self.first) if self.streamed else self.json[: len(self.json) // 2]

    def good(self) -> list[Step]:
        """Return the whole good response."""
        return [self.head + self.body()]

    def stream(self, events: bytes) -> list[Step]:
        """Return a response that streams these events and ends in good order."""
        return [self.head + chunk(events) + LAST_CHUNK]

    def going_on(self, events: bytes) -> list[Step]:
        """Return a response that streams these events and is not over then."""
        return [self.head + chunk(events), Break.STALL]

    def plain(self, status: str, body: bytes, *lines: str, kind: str = "application/json") -> Steps:
        """Return a response that is not an answer, with the request's id."""
        return plain(status, body, f"{self.id_header}: {REQUEST_ID}", *lines, kind=kind)


def plain(status: str, body: bytes, *lines: str, kind: str = "application/json") -> list[Step]:
    """Return any response whose body has a length."""
    head = (
        f"HTTP/1.1 {status}",
        f"content-type: {kind}",
        f"content-length: {len(body)}",
        *lines,
    )
    return ["\r\n".join((*head, "", "")).encode() + body]


LAST_CHUNK: Final = b"0\r\n\r\n"
"""The end of a chunked body."""


def chunk(data: bytes) -> bytes:
    """Return one HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def error_event(kind: str, message: str = "Something went wrong.") -> Event:
    """Return an ``error`` event."""
    return {"type": "error", "error": {"type": kind, "message": message}}


def exception(kind: str, **payload: object) -> bytes:
    """Return an exception frame of Bedrock's."""
    return exception_frame(kind, {"message": "Something went wrong.", **payload})


def error_frame(code: str) -> bytes:
    """Return a frame of the type ``error``, which has its text in the headers."""
    headers = {":error-code": code, ":error-message": "Oh.", ":message-type": "error"}
    return frame(headers, b"")


def wrapped(text: str, **headers: str) -> bytes:
    """Return a ``chunk`` frame around any text that stands for the base64 of an event.

    Args:
        text: What is said to be base64.
        headers: Values of ``event_type`` or ``content_type`` that replace the usual ones.
    """
    given = {
        ":event-type": headers.get("event_type", "chunk"),
        ":content-type": "application/json",
        ":message-type": "event",
    }
    return frame(given, json.dumps({"bytes": text}).encode())


def other_frame(headers: Mapping[str, str], payload: Event) -> bytes:
    """Return a frame of any type."""
    return frame(headers, json.dumps(payload).encode())


def frame_with_lengths(*, total: int, headers: int) -> bytes:
    """Return the beginning of a frame that has these lengths, correctly summed."""
    lengths = struct.pack(">II", total, headers)
    return lengths + struct.pack(">I", zlib.crc32(lengths)) + b"x" * 20


def frame_with_a_header_twice() -> bytes:
    """Return a frame that is whole but for a header that it has twice."""
    once = frame({":event-type": "chunk", ":event-typo": "chunk"}, b"{}")
    twice = once[:-4].replace(b":event-typo", b":event-type")
    return twice + struct.pack(">I", zlib.crc32(twice))

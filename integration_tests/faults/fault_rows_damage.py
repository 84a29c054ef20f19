"""Faults of what is streamed: frames, chunks and events that are damaged."""

from __future__ import annotations

from typing import Final

from fault_row import EVERYWHERE, INVOKE, SSE, Connection, Fault, Outcome, Row, Script, Section
from fault_wire import (
    ARRIVED,
    Answer,
    Break,
    Endpoint,
    Steps,
    frame_with_a_header_twice,
    frame_with_lengths,
    wrapped,
)

from langchain_claude_cloud.errors import StreamInterruptedError

# In one packet with the head, aiohttp takes the whole response for damaged (`test_http_failures`).
_LATER: Final = 0.5

_ONCE_MORE: Final = "Ask again for the whole; what arrived is on the exception."
_CHECK: Final = "Look at what answers in the cloud's place: `base_url`, a proxy."
_HTML: Final = b"<html><head><title>Sign in</title></head><body>...</body></html>"
_NO_STREAM: Final = Outcome(error=StreamInterruptedError, retried=True, connection="kept")


def _damaged(
    name: str,
    title: str,
    script: Script,
    *,
    partial: str | None = ARRIVED,
    says: str = "",
    clouds: tuple[Endpoint, ...] = EVERYWHERE,
    connection: Connection = "closed",
) -> Row:
    return Row(
        name=name,
        title=title,
        fault=Fault(wire=[script]),
        whole=None,
        streamed=Outcome(
            error=StreamInterruptedError, retried=True, partial=partial, connection=connection
        ),
        advice=_ONCE_MORE if partial else "Sent again by itself.",
        says=says,
        clouds=clouds,
        has_id=True,
    )


def _after_first(data: bytes) -> Script:
    """Return a script with something wrong in the middle of the events."""
    return lambda answer: answer.going_on(answer.first + data + answer.rest)


def _flipped(position: int) -> Script:
    """Return a script that damages one byte of a frame."""

    def script(answer: Answer) -> Steps:
        damaged = bytearray(answer.events[4])
        damaged[position] ^= 0xFF
        return answer.going_on(answer.first + bytes(damaged) + answer.rest)

    return script


def _as_event(data: bytes) -> Script:
    return lambda answer: answer.going_on(answer.first + answer.raw_event(data) + answer.rest)


def _page(answer: Answer) -> Steps:
    return answer.plain("200 OK", _HTML, kind="text/html")


FRAMING: Final = Section(
    "Frames and chunks are damaged",
    (
        _damaged(
            "bad-checksum",
            "A frame's checksum is wrong",
            _flipped(-1),
            clouds=INVOKE,
            says="checksum",
        ),
        _damaged(
            "bad-prelude",
            "The checksum of a frame's lengths is wrong",
            _flipped(9),
            clouds=INVOKE,
            says="prelude",
        ),
        _damaged(
            "flipped-byte",
            "A byte within a frame is damaged",
            _flipped(120),
            clouds=INVOKE,
            says="checksum",
        ),
        _damaged(
            "impossible-length",
            "A frame's lengths are impossible",
            _after_first(frame_with_lengths(total=20, headers=4_000)),
            clouds=INVOKE,
            says="lengths are impossible",
        ),
        _damaged(
            "huge-length",
            "A frame says that it has a gigabyte",
            _after_first(frame_with_lengths(total=1 << 30, headers=20)),
            clouds=INVOKE,
            says="larger than",
        ),
        _damaged(
            "too-long-length",
            "A frame says that it is longer than what comes",
            lambda answer: answer.stream(
                answer.first + frame_with_lengths(total=100_000, headers=20) + answer.rest
            ),
            clouds=INVOKE,
            connection="kept",
            says="into a frame",
        ),
        _damaged(
            "frame-header-twice",
            "A frame has a header twice",
            _after_first(frame_with_a_header_twice()),
            clouds=INVOKE,
            says="twice",
        ),
        _damaged(
            "not-base64",
            "A frame's event is not base64",
            _after_first(wrapped("not base64!")),
            clouds=INVOKE,
            says="base64",
        ),
        _damaged(
            "chunk-size",
            "An HTTP chunk's size is not a number",
            lambda answer: [
                answer.head + answer.half,
                _LATER,
                b"zz\r\n" + answer.rest,
                Break.STALL,
            ],
            says="broke off",
        ),
        _damaged(
            "chunk-overrun",
            "An HTTP chunk is longer than it says",
            lambda answer: [answer.head + answer.half, _LATER, b"4\r\n" + answer.rest, Break.STALL],
            says="broke off",
        ),
    ),
)

EVENTS: Final = Section(
    "Events are damaged",
    (
        _damaged(
            "bad-json",
            "An event is not JSON",
            _as_event(b'{"type": "content_block_delta",,}'),
            says="documented form",
        ),
        _damaged(
            "half-json",
            "An event's JSON is cut",
            _as_event(b'{"type": "content_block_del'),
            says="documented form",
        ),
        _damaged(
            "event-half-utf8",
            "Truncated UTF-8 in an event",
            _as_event(b'{"type": "ping", "text": "\xe2\x82"}'),
            says="documented form",
        ),
        _damaged(
            "not-an-object",
            "An event is not an object",
            _as_event(b"[1, 2]"),
            says="documented form",
        ),
        _damaged(
            "no-type", "An event has no type", _as_event(b'{"index": 0}'), says="documented form"
        ),
        _damaged(
            "no-delta",
            "A delta without its text",
            _as_event(
                b'{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}}'
            ),
            says="documented form",
        ),
        _damaged(
            "other-index",
            "A delta of a block that never began",
            _as_event(
                b'{"type": "content_block_delta", "index": 7, "delta": {"type": "text_delta", "text": "!"}}'
            ),
            says="documented form",
        ),
        _damaged(
            "no-start",
            "message_start is missing",
            lambda answer: answer.going_on(answer.without_start),
            partial=None,
            says="before a start",
        ),
        _damaged(
            "two-starts",
            "Two message_starts",
            lambda answer: answer.going_on(answer.first + answer.begun + answer.rest),
            says="second message_start",
        ),
        _damaged(
            "two-starts-at-once",
            "Two message_starts, one after the other",
            lambda answer: answer.going_on(answer.begun + b"".join(answer.events)),
            partial="",
            says="second message_start",
        ),
        Row(
            name="stream-of-html",
            title="A page in HTML instead of events",
            fault=Fault(wire=[_page]),
            whole=None,
            streamed=Outcome(error=StreamInterruptedError, retried=True, connection="kept"),
            advice=_CHECK,
            has_id=True,
            clouds=SSE,
        ),
        Row(
            name="stream-of-html-frames",
            title="A page in HTML instead of frames",
            fault=Fault(wire=[_page]),
            whole=None,
            streamed=_NO_STREAM,
            advice=_CHECK,
            has_id=True,
            clouds=INVOKE,
        ),
    ),
)

DAMAGE_SECTIONS: Final = (FRAMING, EVENTS)

"""Faults that the cloud itself reports inside a stream, and oddities that are none."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any, Final

from fault_row import EVERYWHERE, INVOKE, SSE, Connection, Fault, Outcome, Row, Script, Section
from fault_wire import (
    ARRIVED,
    LAST_CHUNK,
    TEXT,
    Answer,
    Break,
    Endpoint,
    Steps,
    chunk,
    error_event,
    error_frame,
    exception,
    other_frame,
)

from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    RequestTooLargeError,
    ServerError,
)

_ONCE_MORE: Final = "Ask again for the whole; what arrived is on the exception."
_AGAIN: Final = "Sent again by itself, as nothing of the answer had come."
_NOT_AGAIN: Final = "As with the HTTP status that it stands for."


def _reported(
    name: str,
    title: str,
    script: Script,
    error: type[ClaudeCloudError],
    status: int,
    error_type: str,
    *,
    retried: bool = False,
    partial: str | None = None,
    clouds: tuple[Endpoint, ...] = EVERYWHERE,
) -> Row:
    return Row(
        name=name,
        title=title,
        fault=Fault(wire=[script]),
        whole=None,
        streamed=Outcome(error=error, retried=retried, partial=partial),
        advice=_ONCE_MORE if partial else _AGAIN if retried else _NOT_AGAIN,
        says="something went wrong" if not name.startswith("error-frame") else "oh.",
        clouds=clouds,
        status=status,
        error_type=dict.fromkeys(clouds, error_type),
        has_id=True,
    )


def _error_first(kind: str) -> Script:
    return lambda answer: answer.going_on(answer.event(error_event(kind)))


_KINDS: Final[tuple[tuple[str, type[ClaudeCloudError], int, bool], ...]] = (
    ("overloaded_error", OverloadedError, 529, True),
    ("api_error", ServerError, 500, True),
    ("rate_limit_error", RateLimitError, 429, True),
    ("timeout_error", RequestTimeoutError, 504, True),
    ("invalid_request_error", InvalidRequestError, 400, False),
    ("authentication_error", AuthenticationError, 401, False),
    ("billing_error", PermissionDeniedError, 402, False),
    ("permission_error", PermissionDeniedError, 403, False),
    ("not_found_error", NotFoundError, 404, False),
    ("request_too_large", RequestTooLargeError, 413, False),
    ("error_of_next_year", ServerError, 500, True),
)

ERROR_EVENTS: Final = Section(
    "An `error` event in the stream",
    (
        *(
            _reported(
                f"error-{kind}",
                f"`{kind}`, first",
                _error_first(kind),
                error,
                status,
                kind,
                retried=retried,
            )
            for kind, error, status, retried in _KINDS
        ),
        _reported(
            "error-after-start",
            "`overloaded_error` after message_start",
            lambda answer: answer.going_on(
                answer.begun + answer.event(error_event("overloaded_error"))
            ),
            OverloadedError,
            529,
            "overloaded_error",
            retried=True,
            partial="",
        ),
        _reported(
            "error-mid",
            "`overloaded_error` in mid-answer",
            lambda answer: answer.going_on(
                answer.first + answer.event(error_event("overloaded_error"))
            ),
            OverloadedError,
            529,
            "overloaded_error",
            retried=True,
            partial=ARRIVED,
        ),
        _reported(
            "error-last",
            "`overloaded_error` in place of message_stop",
            lambda answer: answer.going_on(
                answer.all_but_the_last + answer.event(error_event("overloaded_error"))
            ),
            OverloadedError,
            529,
            "overloaded_error",
            retried=True,
            partial=TEXT,
        ),
    ),
)


def _frame_first(frame: bytes) -> Script:
    return lambda answer: answer.going_on(frame)


def _frame_mid(frame: bytes) -> Script:
    return lambda answer: answer.going_on(answer.first + frame)


_FRAMES: Final[tuple[tuple[str, type[ClaudeCloudError], int, bool], ...]] = (
    ("internalServerException", ServerError, 500, True),
    ("modelStreamErrorException", ServerError, 424, False),
    ("modelTimeoutException", RequestTimeoutError, 408, True),
    ("serviceUnavailableException", ServerError, 503, True),
    ("throttlingException", RateLimitError, 429, True),
    ("validationException", InvalidRequestError, 400, False),
    ("exceptionOfNextYear", ServerError, 500, True),
)
_ORIGINAL: Final[tuple[tuple[int, type[ClaudeCloudError], bool], ...]] = (
    (400, InvalidRequestError, False),
    (401, AuthenticationError, False),
    (403, PermissionDeniedError, False),
    (404, NotFoundError, False),
    (408, RequestTimeoutError, True),
    (413, RequestTooLargeError, False),
    (424, ServerError, False),
    (429, RateLimitError, True),
    (500, ServerError, True),
    (503, ServerError, True),
    (529, OverloadedError, True),
)


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


EXCEPTION_FRAMES: Final = Section(
    "An exception frame in the stream",
    (
        *(
            _reported(
                f"frame-{kind}",
                f"`{kind}`, first",
                _frame_first(exception(kind)),
                error,
                status,
                _upper(kind),
                retried=retried,
                clouds=INVOKE,
            )
            for kind, error, status, retried in _FRAMES
        ),
        *(
            _reported(
                f"frame-mid-{kind}",
                f"`{kind}` in mid-answer",
                _frame_mid(exception(kind)),
                error,
                status,
                _upper(kind),
                retried=retried,
                partial=ARRIVED,
                clouds=INVOKE,
            )
            for kind, error, status, retried in _FRAMES
        ),
        *(
            _reported(
                f"frame-original-{status}",
                f"`modelStreamErrorException` with `originalStatusCode` {status}",
                _frame_first(exception("modelStreamErrorException", originalStatusCode=status)),
                error,
                status,
                "ModelStreamErrorException",
                retried=retried,
                clouds=INVOKE,
            )
            for status, error, retried in _ORIGINAL
        ),
        _reported(
            "error-frame",
            "A frame of the type `error`",
            _frame_first(error_frame("InternalFailure")),
            ServerError,
            500,
            "InternalFailure",
            retried=True,
            clouds=INVOKE,
        ),
    ),
)


def _odd(
    name: str,
    title: str,
    script: Script,
    *,
    whole: bool = False,
    clouds: tuple[Endpoint, ...] = EVERYWHERE,
    connection: Connection = "kept",
    timeout: Mapping[str, float] | None = None,
) -> Row:
    answered = Outcome(connection=connection)
    return Row(
        name=name,
        title=title,
        fault=Fault(wire=[script], timeout=timeout),
        whole=answered if whole else None,
        streamed=answered,
        advice="Nothing to do.",
        clouds=clouds,
    )


def _amid(*payloads: dict[str, Any]) -> Script:
    def script(answer: Answer) -> Steps:
        extra = b"".join(answer.event(payload) for payload in payloads)
        return answer.stream(answer.first + extra + answer.rest)

    return script


def _compressed(answer: Answer) -> Steps:
    packed = gzip.compress(b"".join(answer.events) if answer.streamed else answer.json)
    body = chunk(packed) + LAST_CHUNK if answer.streamed else packed
    return [answer.head_with("content-encoding: gzip", length=len(packed)) + body]


def _bit_by_bit(answer: Answer) -> Steps:
    body = b"".join(answer.events)
    pieces = (chunk(body[at : at + 1]) for at in range(len(body)))
    return [answer.head + b"".join(pieces) + LAST_CHUNK]


def _one_byte_a_packet(answer: Answer) -> Steps:
    # Only the first of the head and of the body, which is where something is to be found out.
    data = answer.head + answer.body()
    at = data.index(b"\r\n\r\n")
    around = [data[each : each + 1] for each in range(at - 4, at + 24)]
    return [data[: at - 4], *around, data[at + 24 :]]


def _other_line_ends(answer: Answer) -> Steps:
    events = b"".join(answer.events).replace(b"\n", b"\r\n")
    return answer.stream(b": a comment\r\nretry: 1000\r\n\r\n" + events)


def _without(position: int) -> Script:
    return lambda answer: answer.stream(
        b"".join(event for at, event in enumerate(answer.events) if at != position)
    )


_UNKNOWN_BLOCK: Final = {"type": "hologram", "data": "?"}

ODD_BUT_RIGHT: Final = Section(
    "Unusual, but an answer",
    (
        _odd("unknown-event", "An event of an unknown type", _amid({"type": "news", "x": [1]})),
        _odd(
            "unknown-delta",
            "A delta of an unknown type",
            _amid(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "mood_delta", "mood": ":)"},
                }
            ),
        ),
        _odd(
            "unknown-block",
            "A block of an unknown type",
            _amid(
                {"type": "content_block_start", "index": 1, "content_block": _UNKNOWN_BLOCK},
                {"type": "content_block_stop", "index": 1},
            ),
        ),
        _odd("pings", "Many pings", _amid(*[{"type": "ping"}] * 20)),
        _odd("comments", "Comments, and other line ends", _other_line_ends, clouds=SSE),
        _odd(
            "unknown-frame",
            "A frame of an unknown event type",
            lambda answer: answer.stream(
                answer.first
                + other_frame({":event-type": "initial-response", ":message-type": "event"}, {})
                + answer.rest
            ),
            clouds=INVOKE,
        ),
        _odd("tiny-chunks", "HTTP chunks of one byte", _bit_by_bit),
        _odd(
            "bare-lf",
            "Line ends without a carriage return in the headers",
            lambda answer: [answer.head.replace(b"\r\n", b"\n") + answer.body()],
            whole=True,
        ),
        _odd(
            "gzip",
            "A compressed answer, though not asked for, to a call whose whole time is limited",
            _compressed,
            whole=True,
            timeout={"total": 30.0},
        ),
        _odd("tiny-packets", "Headers in packets of one byte", _one_byte_a_packet, whole=True),
        _odd(
            "early-hints",
            "An interim response (HTTP 103) before the answer",
            lambda answer: [b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", *answer.good()],
            whole=True,
        ),
        _odd(
            "headers-twice",
            "Headers that come twice",
            lambda answer: [
                answer.head_with("x-request-id: 1", "x-request-id: 2", "content-type: text/plain")
                + answer.body()
            ],
            whole=True,
        ),
        _odd("no-block-stop", "content_block_stop is missing", _without(5)),
        _odd(
            "error-after-stop",
            "An `error` event after message_stop",
            lambda answer: answer.stream(
                b"".join(answer.events) + answer.event(error_event("overloaded_error"))
            ),
        ),
        _odd(
            "reset-after-stop",
            "The connection is reset after message_stop",
            lambda answer: [answer.head + chunk(b"".join(answer.events)), Break.RESET],
            connection="closed",
        ),
        _odd(
            "stall-after-stop",
            "The stream does not end after message_stop",
            lambda answer: [answer.head + chunk(b"".join(answer.events)), Break.STALL],
            connection="closed",
        ),
    ),
)

EVENT_SECTIONS: Final = (ERROR_EVENTS, EXCEPTION_FRAMES, ODD_BUT_RIGHT)

"""Decodes one streamed response.

There are two framings: server-sent events (Vertex AI) and the AWS event stream (Amazon
Bedrock, where each frame wraps one event in base64). A decoder splits the bytes into the JSON
payloads of the events, and a `ResponseStream` gives these to the accumulator and its handler.
Both are sans-I/O: sync and async callers `feed` them whatever the network gave, and `close` says
whether the stream ended between two events. No stream ends silently: what is cut, malformed or
refused in mid-stream is one of the package's exceptions, with the part of the answer that had
arrived.

Sources: https://html.spec.whatwg.org/multipage/server-sent-events.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html (event stream
encoding); botocore's ``EventStreamBuffer`` is the oracle of the second in the tests.
"""

from __future__ import annotations

import json
import re
import struct
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Final, Generic, TypeVar
from zlib import crc32

from jiter import from_json
from langchain_core.messages import AIMessage

from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    StreamInterruptedError,
    error_from_event,
    error_from_exception_frame,
    error_from_response,
)
from langchain_claude_cloud.errors.parsing import holds_error, load_json
from langchain_claude_cloud.errors.types import LABELS, Framing
from langchain_claude_cloud.response.accumulator import MessageAccumulator
from langchain_claude_cloud.response.message import OutputVersion, ResponseSource, build_message

T = TypeVar("T")
ClaudeCloudErrorT = TypeVar("ClaudeCloudErrorT", bound=ClaudeCloudError)

MAX_ANSWER_BYTES: Final = 64_000_000
"""No answer is larger; a server that never ends one must not fill the memory."""

_MAX_ERROR_BYTES: Final = 64_000
MALFORMED: Final = (KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError)
"""What the wrong kind of data makes Python raise."""

_OF_BLOCKS: Final = frozenset({"content_block_start", "content_block_delta", "content_block_stop"})
_ORDERED: Final = _OF_BLOCKS | {"message_start", "message_delta", "message_stop"}

MAX_EVENT_BYTES = 24 * 1024 * 1024
"""No event is larger: botocore's limit for one frame's payload."""

_PRELUDE = struct.Struct(">III")
_CHECKSUM_BYTES = 4
_MAX_HEADER_BYTES = 128 * 1024
_BLANK_LINE = re.compile(rb"\n[\n\r]|\r\r")

# How many bytes a header's value has, by its type; -1 if its length comes before it.
_HEADER_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 6: -1, 7: -1, 8: 8, 9: 16}
_TEXT = 7


class FramingError(ValueError):
    """The bytes are not what the framing allows; the stream cannot be read further."""


class ExceptionFrameError(FramingError):
    """The cloud sent an exception frame instead of an event.

    Attributes:
        exception_type: The frame's ``:exception-type`` or ``:error-code``.
        payload: The frame's body: JSON with a ``message``, or empty.
    """

    def __init__(self, exception_type: str, payload: bytes) -> None:
        super().__init__(exception_type)
        self.exception_type = exception_type
        self.payload = payload


class SseDecoder:
    """Splits server-sent events into their ``data``.

    Attributes:
        failure: Why nothing more can be decoded, once that is so. It is an attribute and not
            raised by `feed`, so that the events that came before it are not lost.
    """

    def __init__(self) -> None:
        self.failure: FramingError | None = None
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes, return the data of the events that are complete with them."""
        unread = max(0, len(self._buffer) - 2)
        self._buffer += data
        if len(self._buffer) > MAX_EVENT_BYTES + len(data):
            self.failure = FramingError(f"an event is larger than {MAX_EVENT_BYTES} bytes")
            return []
        if not _BLANK_LINE.search(self._buffer, unread):
            return []  # Nothing is complete: splitting all of it each time is quadratic.
        *blocks, rest = _unix_line_ends(bytes(self._buffer)).split(b"\n\n")
        self._buffer = bytearray(rest)
        return [payload for block in blocks if (payload := _event_data(block))]

    def close(self) -> list[bytes]:
        """Return the last event if only its closing blank line is missing."""
        return self.feed(b"\n\n")


def _unix_line_ends(buffer: bytes) -> bytes:
    """Turn CRLF and CR into LF, leaving a CR at the end whose LF may still come."""
    if b"\r" not in buffer:
        return buffer
    held = b"\r" if buffer.endswith(b"\r") else b""
    body = buffer.removesuffix(b"\r")
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held


def _event_data(block: bytes) -> bytes:
    """Return an event's ``data`` lines, joined; empty for comments and bare fields."""
    lines = [line[5:] for line in block.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines).strip()


class EventStreamDecoder:
    """Splits an AWS event stream into the events that its ``chunk`` frames wrap.

    Attributes:
        failure: Why nothing more can be decoded, once that is so.
    """

    def __init__(self) -> None:
        self.failure: FramingError | None = None
        self._buffer = bytearray()
        self._needed = _PRELUDE.size
        # Those of the last frame: nearly all frames have the same.
        self._raw_headers = b""
        self._headers: dict[str, str] = {}

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes, return the events of the frames that are complete with them."""
        self._buffer += data
        if self.failure or len(self._buffer) < self._needed:
            return []
        payloads: list[bytes] = []
        buffer, offset = bytes(self._buffer), 0
        self._needed = _PRELUDE.size
        try:
            while len(buffer) - offset >= _PRELUDE.size:
                end = offset + _frame_length(buffer, offset)
                if end > len(buffer):
                    self._needed = end - offset
                    break
                payload = self._open_frame(buffer[offset:end])
                offset = end
                if payload is not None:
                    payloads.append(payload)
        except FramingError as error:
            self.failure = error
        self._buffer = bytearray(buffer[offset:])
        return payloads

    def close(self) -> list[bytes]:
        """Check that the stream ended between two frames."""
        if self._buffer and not self.failure:
            cut = f"the stream ended {len(self._buffer)} bytes into a frame"
            self.failure = FramingError(cut)
        return []

    def _open_frame(self, frame: bytes) -> bytes | None:
        """Return the event inside ``{"bytes": base64, "p": padding}``; None if it has none."""
        if crc32(frame[:-_CHECKSUM_BYTES]) != int.from_bytes(frame[-_CHECKSUM_BYTES:], "big"):
            raise FramingError("a frame's checksum does not match its bytes")
        start = _PRELUDE.size + int.from_bytes(frame[4:8], "big")
        raw, payload = frame[_PRELUDE.size : start], frame[start:-_CHECKSUM_BYTES]
        if raw != self._raw_headers:
            self._raw_headers, self._headers = raw, parse_headers(raw)
        headers = self._headers
        message_type = headers.get(":message-type", "event")
        if message_type != "event":
            kind = headers.get(":exception-type") or headers.get(":error-code") or message_type
            raise ExceptionFrameError(kind, payload or headers.get(":error-message", "").encode())
        if headers.get(":event-type") != "chunk":
            return None
        try:
            return b64decode(from_json(payload)["bytes"], validate=True)
        except (ValueError, KeyError, TypeError) as error:
            raise FramingError("a frame's payload is not a base64 event") from error


def _frame_length(buffer: bytes, offset: int) -> int:
    """Return the length of the frame at ``offset``, after checking its prelude."""
    total, headers, checksum = _PRELUDE.unpack_from(buffer, offset)
    if crc32(buffer[offset : offset + 8]) != checksum:
        raise FramingError("a frame's prelude checksum does not match its bytes")
    overhead = _PRELUDE.size + _CHECKSUM_BYTES
    if headers > _MAX_HEADER_BYTES or total < overhead + headers:
        raise FramingError(f"a frame's lengths are impossible: {total} with {headers} of headers")
    if total - headers > MAX_EVENT_BYTES + overhead:
        raise FramingError(f"a frame is larger than {MAX_EVENT_BYTES} bytes")
    return int(total)


def parse_headers(raw: bytes) -> dict[str, str]:
    """Return the headers of a frame: text by its name, and nothing but the name of the others.

    Raises:
        FramingError: The bytes are cut, a type is unknown, or a header comes twice.
    """
    headers: dict[str, str] = {}
    position = 0
    try:
        while position < len(raw):
            start = position + 1 + raw[position]
            name, kind = raw[position + 1 : start].decode(), raw[start]
            size = _HEADER_SIZES[kind]
            if size < 0:  # the length comes before the value
                size = int.from_bytes(raw[start + 1 : start + 3], "big")
                start += 2
            position = start + 1 + size
            if name in headers or position > len(raw):
                raise FramingError(f"a frame has the header {name} twice, or cut")
            headers[name] = raw[position - size : position].decode() if kind == _TEXT else ""
    except (LookupError, UnicodeDecodeError) as error:
        raise FramingError("a frame's headers are cut or malformed") from error
    return headers


DECODERS: Final[dict[Framing, type[SseDecoder | EventStreamDecoder]]] = {
    "sse": SseDecoder,
    "event-stream": EventStreamDecoder,
}


class ResponseStream(Generic[T]):
    """Decodes one response.

    Attributes:
        accumulator: The message as far as it has arrived.
        complete: Whether the message of this response is whole.
        has_emitted: Whether anything was returned: from then on nothing may be sent again. There
            is nothing to return before there is content.
    """

    def __init__(
        self,
        framing: Framing,
        accumulator: MessageAccumulator[T],
        source: ResponseSource,
        *,
        version: OutputVersion = "v0",
    ) -> None:
        """Begin.

        Args:
            framing: How the events are wrapped.
            accumulator: What the events are added to: a fresh one, or that of a paused message.
            source: Where the response comes from.
            version: The form of a partial answer's content.
        """
        self.accumulator = accumulator
        self.complete = False
        self.has_emitted = False
        self._decoder = DECODERS[framing]()
        self._source = source
        self._version = version
        self._size = 0
        self._has_begun = False
        self._json: bytes | None = None
        self._seen: set[str] = set()

    def feed(self, data: bytes) -> Iterator[T]:
        """Take bytes, return what they complete.

        Iterating raises a `ClaudeCloudError` if the cloud reported an error, or the bytes cannot be
        an answer.
        """
        if not self._has_begun and (first := data.lstrip()[:1]):
            self._has_begun = True
            self._json = b"" if first in b"{[<" else None  # Neither framing begins so.
        if self._json is None:
            return self._read(self._decoder.feed(data))
        self._json += data[: _MAX_ERROR_BYTES - len(self._json)]
        return iter(())

    def close(self) -> Iterator[T]:
        """Take the end of the stream, yield what it completes.

        Raises:
            StreamInterruptedError: The stream ended before the message was complete.
        """
        if self._json is not None:
            raise self._error_in_json(self._json)
        yield from self._read(self._decoder.close())
        if not self.complete:
            raise self.interrupted("the stream ended before message_stop")

    def interrupted(self, reason: str) -> StreamInterruptedError:
        """Return the exception for a stream that broke off, with the partial answer."""
        label = LABELS[self._source.platform]
        arrived = (
            "partial_message of this exception has what had arrived. Send the request again."
            if self.accumulator.fields
            else "Nothing had arrived. Send the request again."
        )
        error = StreamInterruptedError(
            f"The answer of {label} ({self._source.model}, region {self._source.region}) "
            f"broke off: {reason}. {arrived}",
            **self._source.place,
            request_id=self._source.request_id,
        )
        return self.attach(error)

    def attach(self, error: ClaudeCloudErrorT) -> ClaudeCloudErrorT:
        """Put the answer as far as it has arrived on an exception."""
        for with_usage in (True, False):
            # What had arrived may be malformed itself, which is then what the error is about.
            if self.accumulator.fields and error.partial_message is None:
                with suppress(*MALFORMED):
                    error.partial_message = self._build(with_usage=with_usage)
        return error

    def _build(self, *, with_usage: bool) -> AIMessage:
        return build_message(
            self.accumulator, self._source, version=self._version, with_usage=with_usage
        )

    def _read(self, payloads: Sequence[bytes]) -> Iterator[T]:
        for payload in payloads:
            if self.complete:
                return  # The caller stops here: what follows is unread, or cut off anywhere.
            self._size += len(payload)
            if self._size > MAX_ANSWER_BYTES:
                raise self.interrupted(f"it is larger than {MAX_ANSWER_BYTES:,} bytes")
            try:
                outputs = self._add(payload)
            except ClaudeCloudError:
                raise
            except MALFORMED as error:
                # The repr of a UnicodeDecodeError holds all the bytes.
                why = f"{type(error).__name__}: {error}"[:200]
                what = f"an event is not of the documented form ({why})"
                raise self.interrupted(what) from None
            for output in outputs:
                self.has_emitted = True
                yield output
        failure = self._decoder.failure
        if isinstance(failure, ExceptionFrameError) and not self.complete:
            kind, body = failure.exception_type, failure.payload
            raise self.attach(error_from_exception_frame(kind, body, **self._source.place))
        if failure is not None and not self.complete:
            raise self.interrupted(str(failure))

    def _add(self, payload: bytes) -> Sequence[T]:
        try:
            event = from_json(payload)
        except ValueError:
            # jiter refuses lone surrogates, which a model may write into a string.
            event = json.loads(payload)
        if not isinstance(event, dict):
            raise TypeError("not a JSON object")
        kind = event["type"]
        if kind == "error":
            raise self.attach(error_from_event(event, **self._source.place))
        if kind != "content_block_delta" or "message_start" not in self._seen:
            self._check_order(kind)
        outputs = self.accumulator.add(event)
        if kind == "message_stop":
            if not outputs:
                self._build(with_usage=True)  # no handler sees whether a message can be made of it
            self.complete = True
        return outputs

    def _check_order(self, kind: str) -> None:
        is_start = kind == "message_start"
        if kind in _ORDERED and is_start == ("message_start" in self._seen):
            what = "a second message_start came" if is_start else f"{kind} came before a start"
            raise self.interrupted(what)
        self._seen.add(kind)
        has_ending = "message_delta" in self._seen or self.accumulator.fields.get("stop_reason")
        if kind == "message_stop" and not has_ending:
            # The API never leaves it out: something between here and the cloud lost it, and
            # without the stop reason that it brings an answer that was cut looks whole.
            raise self.interrupted("message_stop came, but no message_delta before it")

    def _error_in_json(self, body: bytes) -> ClaudeCloudError:
        """Return the error that came as JSON or HTML in place of a stream, with status 200."""
        if body.lstrip().startswith(b"<"):
            return self.interrupted(
                "it is a page in HTML, perhaps of a proxy: check base_url and HTTPS_PROXY"
            )
        if not holds_error(load_json(body)):
            return self.interrupted("it is one JSON value, and not a stream of events")
        error = error_from_response(HTTPStatus.OK, {}, body, **self._source.place)
        error.request_id = error.request_id or self._source.request_id
        return self.attach(error)

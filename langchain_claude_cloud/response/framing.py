"""Splits the bytes of a streamed response into the JSON payloads of its events.

There are two framings: server-sent events (Vertex AI) and the AWS event stream (Amazon
Bedrock, where each frame wraps one event in base64). Decoders are sans-I/O: `feed` takes
whatever the network gave and returns the payloads that are complete, `close` says whether
the stream ended between two events.

Sources: https://html.spec.whatwg.org/multipage/server-sent-events.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html (event stream
encoding); botocore's ``EventStreamBuffer`` is the oracle of the second in the tests.
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode
from typing import Final
from zlib import crc32

from jiter import from_json

from langchain_claude_cloud.errors.types import Framing

MAX_EVENT_BYTES = 24 * 1024 * 1024
"""No event is larger: botocore's limit for one frame's payload."""

_PRELUDE = struct.Struct(">III")
_CHECKSUM_BYTES = 4
_MAX_HEADER_BYTES = 128 * 1024
_BLANK_LINE = re.compile(rb"\n[\n\r]|\r\r")
# CRLF and CR; not a CR at the end, whose LF may still come.
_LINE_END = re.compile(rb"\r\n|\r(?!\Z)")

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
        text = bytes(self._buffer)
        if b"\r" in text:
            text = _LINE_END.sub(b"\n", text)
        *blocks, rest = text.split(b"\n\n")
        self._buffer = bytearray(rest)
        return [payload for block in blocks if (payload := _event_data(block))]

    def close(self) -> list[bytes]:
        """Return the last event if only its closing blank line is missing."""
        return self.feed(b"\n\n")


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
                frame, offset = buffer[offset:end], end
                if payload := self._open_frame(frame):
                    payloads.append(payload)
        except FramingError as error:
            self.failure = error
        self._buffer = bytearray(buffer[offset:])
        return payloads

    def close(self) -> list[bytes]:
        """Check that the stream ended between two frames."""
        if self._buffer and not self.failure:
            self.failure = FramingError(f"the stream ended {len(self._buffer)} bytes into a frame")
        return []

    def _open_frame(self, frame: bytes) -> bytes:
        """Return the event inside ``{"bytes": base64, "p": padding}``, if it has one."""
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
            return b""
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

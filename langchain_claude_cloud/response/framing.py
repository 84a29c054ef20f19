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

import struct
from base64 import b64decode
from typing import Protocol, TypeAlias
from zlib import crc32

from jiter import from_json

from langchain_claude_cloud.errors.types import Framing

MAX_EVENT_BYTES = 24 * 1024 * 1024
"""No event is larger: botocore's limit for one frame's payload."""

_PRELUDE = struct.Struct(">III")
_CHECKSUM_BYTES = 4
_MAX_HEADER_BYTES = 128 * 1024
_CACHED_HEADERS = 64
_BLANK_LINES = (b"\n\n", b"\n\r", b"\r\r")

HeaderValue: TypeAlias = str | bytes | int | bool
Headers: TypeAlias = dict[str, HeaderValue]


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


class Decoder(Protocol):
    """What both framings offer.

    Attributes:
        failure: Why nothing more can be decoded, once that is so. It is an attribute and not
            raised by `feed`, so that the events that came before it are not lost.
    """

    failure: FramingError | None

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes, return the JSON payloads that are complete with them."""

    def close(self) -> list[bytes]:
        """Return what the end of the stream completes; a cut event is a `failure`."""


class SseDecoder:
    """Splits server-sent events into their ``data``."""

    def __init__(self) -> None:
        self.failure: FramingError | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._tail = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes, return the data of the events that are complete with them."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > MAX_EVENT_BYTES + len(data):
            self.failure = FramingError(f"an event is larger than {MAX_EVENT_BYTES} bytes")
            return []
        joint, self._tail = self._tail + data, (self._tail + data)[-2:]
        if not any(end in joint for end in _BLANK_LINES):
            return []  # Nothing is complete: putting the parts together each time is quadratic.
        buffer = b"".join(self._parts)
        if b"\r" in buffer:
            buffer = _unix_line_ends(buffer)
        *blocks, rest = buffer.split(b"\n\n")
        self._parts, self._size = [rest], len(rest)
        return [payload for block in blocks if (payload := _event_data(block))]

    def close(self) -> list[bytes]:
        """Return the last event if only its closing blank line is missing."""
        payload = _event_data(_unix_line_ends(b"".join(self._parts), final=True))
        self._parts, self._size = [], 0
        return [payload] if payload else []


def _unix_line_ends(buffer: bytes, *, final: bool = False) -> bytes:
    """Turn CRLF and CR into LF, leaving a CR at the end whose LF may still come."""
    held = b"\r" if buffer.endswith(b"\r") and not final else b""
    body = buffer[: len(buffer) - len(held)]
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held


def _event_data(block: bytes) -> bytes:
    """Return an event's ``data`` lines, joined; empty for comments and bare fields."""
    if block.startswith(b"data:") and b"\n" not in block:
        return block[5:].strip()
    lines = [line[5:] for line in block.split(b"\n") if line.startswith(b"data:")]
    return lines[0].strip() if len(lines) == 1 else b"\n".join(lines).strip()


class EventStreamDecoder:
    """Splits an AWS event stream into the events that its ``chunk`` frames wrap."""

    def __init__(self) -> None:
        self.failure: FramingError | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._needed = _PRELUDE.size
        self._headers: dict[bytes, Headers] = {}

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes, return the events of the frames that are complete with them."""
        self._parts.append(data)
        self._size += len(data)
        if self.failure or self._size < self._needed:
            return []
        return self._split(b"".join(self._parts))

    def close(self) -> list[bytes]:
        """Check that the stream ended between two frames."""
        if self._size and not self.failure:
            self.failure = FramingError(f"the stream ended {self._size} bytes into a frame")
        return []

    def _split(self, buffer: bytes) -> list[bytes]:
        payloads: list[bytes] = []
        offset, size = 0, len(buffer)
        self._needed = _PRELUDE.size
        try:
            while size - offset >= _PRELUDE.size:
                total = _frame_length(buffer, offset)
                if size - offset < total:
                    self._needed = total
                    break
                payload = self._open_frame(buffer, offset, total)
                offset += total
                if payload is not None:
                    payloads.append(payload)
        except FramingError as error:
            self.failure = error
        self._parts, self._size = [buffer[offset:]], size - offset
        return payloads

    def _open_frame(self, buffer: bytes, offset: int, total: int) -> bytes | None:
        headers, payload = self._read_frame(buffer, offset, total)
        message_type = headers.get(":message-type", "event")
        if message_type != "event":
            kind = headers.get(":exception-type") or headers.get(":error-code") or message_type
            raise ExceptionFrameError(str(kind), payload or _error_message(headers))
        if headers.get(":event-type") != "chunk":
            return None
        return _unwrap(payload)

    def _read_frame(self, buffer: bytes, offset: int, total: int) -> tuple[Headers, bytes]:
        end = offset + total
        expected = int.from_bytes(buffer[end - _CHECKSUM_BYTES : end], "big")
        if crc32(buffer[offset : end - _CHECKSUM_BYTES]) != expected:
            raise FramingError("a frame's checksum does not match its bytes")
        header_length = int.from_bytes(buffer[offset + 4 : offset + 8], "big")
        start = offset + _PRELUDE.size
        raw = buffer[start : start + header_length]
        headers = self._headers.get(raw)
        if headers is None:
            headers = _parse_headers(raw)
            if len(self._headers) < _CACHED_HEADERS:
                self._headers[raw] = headers
        return headers, buffer[start + header_length : end - _CHECKSUM_BYTES]


def read_frame(frame: bytes) -> tuple[Headers, bytes]:
    """Decode one whole frame: its headers and its payload.

    Raises:
        FramingError: A checksum, a length or a header is wrong, or bytes are left over.
    """
    if len(frame) < _PRELUDE.size or _frame_length(frame, 0) != len(frame):
        raise FramingError("not exactly one frame")
    return EventStreamDecoder()._read_frame(frame, 0, len(frame))  # noqa: SLF001 - same module


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


def _parse_headers(raw: bytes) -> Headers:
    headers: Headers = {}
    position = 0
    try:
        while position < len(raw):
            name_end = position + 1 + raw[position]
            name = raw[position + 1 : name_end].decode()
            value, position = _parse_value(raw, name_end)
            if name in headers:
                raise FramingError(f"a frame has the header {name} twice")
            headers[name] = value
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise FramingError("a frame's headers are cut or malformed") from error
    return headers


_FIXED_SIZES = {2: 1, 3: 2, 4: 4, 5: 8, 8: 8}
_TEXT, _BYTES, _UUID = 7, 6, 9


def _parse_value(raw: bytes, position: int) -> tuple[HeaderValue, int]:
    kind = raw[position]
    position += 1
    if kind in (0, 1):
        return kind == 0, position
    if kind in _FIXED_SIZES:
        end = position + _FIXED_SIZES[kind]
        return int.from_bytes(_exactly(raw, position, end), "big", signed=True), end
    if kind == _UUID:
        return _exactly(raw, position, position + 16), position + 16
    if kind not in (_TEXT, _BYTES):
        raise FramingError(f"a frame has a header of the unknown type {kind}")
    (length,) = struct.unpack_from(">H", raw, position)
    value = _exactly(raw, position + 2, position + 2 + length)
    return (value.decode() if kind == _TEXT else value), position + 2 + length


def _exactly(raw: bytes, start: int, end: int) -> bytes:
    if end > len(raw):
        raise IndexError(end)
    return raw[start:end]


def _error_message(headers: Headers) -> bytes:
    return str(headers.get(":error-message", "")).encode()


def _unwrap(payload: bytes) -> bytes | None:
    """Return the event inside ``{"bytes": base64, "p": padding}``."""
    try:
        wrapped = from_json(payload)
        return b64decode(wrapped["bytes"], validate=True)
    except (ValueError, KeyError, TypeError) as error:
        raise FramingError("a frame's payload is not a base64 event") from error


def decoder_for(framing: Framing) -> Decoder:
    """Return a fresh decoder for a framing."""
    return SseDecoder() if framing == "sse" else EventStreamDecoder()

"""Writes events as the clouds frame them: SSE on Vertex, event-stream frames on Bedrock.

Frames are written with ``struct`` and ``zlib`` from the AWS event stream specification, not with
a library that a client under test may use as well.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterator, Mapping

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.reply.ids import Noise

_STRING = 7
_DAMAGE = 0xFF
# Two lengths and the checksum of both, before the headers; one checksum after the payload.
_PRELUDE = 12
_OVERHEAD = _PRELUDE + 4


def dumps(value: object) -> str:
    """Return compact JSON with the letters of all languages left as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sse_event(event: JsonObject, noise: Noise) -> bytes:
    """Return one SSE event, padded before the last brace as Vertex does."""
    kind = event.get("type", "")
    if kind == "ping":
        return b'event: ping\ndata: {"type": "ping"}\n\n'
    data = dumps(event)[:-1] + noise.spaces() + "}"
    return f"event: {kind}\ndata: {data}\n\n".encode()


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one event-stream message with both checksums.

    Args:
        headers: Header names to string values, in order.
        payload: The message's body.
    """
    encoded = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", _OVERHEAD + len(encoded) + len(payload), len(encoded))
    start = prelude + struct.pack(">I", zlib.crc32(prelude)) + encoded + payload
    return start + struct.pack(">I", zlib.crc32(start))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", _STRING, len(text)) + text


def chunk_frame(event: JsonObject, noise: Noise) -> bytes:
    """Return the ``chunk`` frame of one event, with the filler that hides its length."""
    data = base64.b64encode(dumps(event).encode()).decode()
    payload = dumps({"bytes": data, "p": noise.padding()}).encode()
    return frame(
        {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"},
        payload,
    )


def exception_frame(kind: str, payload: JsonObject) -> bytes:
    """Return an exception frame, such as ``throttlingException``; its payload is bare JSON."""
    return frame(
        {
            ":exception-type": kind,
            ":content-type": "application/json",
            ":message-type": "exception",
        },
        dumps(payload).encode(),
    )


def damage(data: bytes) -> bytes:
    """Return a frame or an SSE event with one wrong byte: bad checksum, bad JSON."""
    if data.startswith(b"event:"):
        at = data.rindex(b"}")
        return data[:at] + b"," + data[at + 1 :]
    return data[:-1] + bytes([data[-1] ^ _DAMAGE])


def read_frames(data: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """Yield headers and payload of each whole message in recorded bytes."""
    start = 0
    while start + _OVERHEAD <= len(data):
        total, length = struct.unpack_from(">II", data, start)
        if total < _OVERHEAD or start + total > len(data):
            return
        head = data[start + _PRELUDE : start + _PRELUDE + length]
        yield dict(_read_headers(head)), data[start + _PRELUDE + length : start + total - 4]
        start += total


def _read_headers(data: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(data):
        name_end = at + 1 + data[at]
        (size,) = struct.unpack_from(">H", data, name_end + 1)
        end = name_end + 3 + size
        yield data[at + 1 : name_end].decode(), data[name_end + 3 : end].decode()
        at = end

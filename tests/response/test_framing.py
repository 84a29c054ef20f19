"""Both framings give the same payloads however the bytes are cut, and refuse what is broken."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable
from itertools import pairwise
from typing import Any
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from data import load_recordings, load_vector, needs_data
from hypothesis import given
from hypothesis import strategies as st

from langchain_claude_cloud.response.framing import (
    MAX_EVENT_BYTES,
    EventStreamDecoder,
    ExceptionFrameError,
    SseDecoder,
    parse_headers,
)


def frame(payload: bytes, headers: dict[str, str]) -> bytes:
    """Return one event-stream frame."""
    raw = b"".join(
        bytes([len(name)])
        + name.encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(raw) + len(payload), len(raw))
    head = prelude + struct.pack(">I", crc32(prelude)) + raw + payload
    return head + struct.pack(">I", crc32(head))


CHUNK = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}


def chunk(event: dict[str, Any], padding: str = "abc") -> bytes:
    """Return the frame of an event, padded as Bedrock does."""
    wrapped = {"bytes": base64.b64encode(json.dumps(event).encode()).decode(), "p": padding}
    return frame(json.dumps(wrapped).encode(), CHUNK)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut bytes at the given places."""
    bounds = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in pairwise(bounds)]


def fed(decoder: Any, pieces: Iterable[bytes]) -> list[Any]:
    """Return the events that a decoder makes of the pieces."""
    payloads = [payload for piece in pieces for payload in decoder.feed(piece)]
    return [json.loads(payload) for payload in [*payloads, *decoder.close()]]


EVENTS = st.lists(st.fixed_dictionaries({"type": st.text(max_size=12)}), max_size=5)
CUTS = st.lists(st.integers(0, 10_000), max_size=12)


@given(EVENTS, CUTS, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["", "x"]))
def test_server_sent_events_survive_any_cut_and_line_end(
    events: list[dict[str, Any]], places: list[int], line_end: str, name: str
) -> None:
    """LF, CRLF and CR, with event names and comments or without: the same events."""
    head = f": comment{line_end}event: {name}{line_end}" if name else ""
    text = "".join(f"{head}data: {json.dumps(event)}{line_end * 2}" for event in events)
    assert fed(SseDecoder(), cut(text.encode(), places)) == events


@given(EVENTS, CUTS)
def test_event_stream_frames_survive_any_cut(
    events: list[dict[str, Any]], places: list[int]
) -> None:
    """However the network cuts frames, the events in them are the same."""
    decoder = EventStreamDecoder()
    assert fed(decoder, cut(b"".join(map(chunk, events)), places)) == events
    assert decoder.failure is None


def test_the_last_event_needs_no_blank_line_behind_it() -> None:
    """Recorded streams end without one; the event is whole all the same."""
    assert fed(SseDecoder(), [b'data: {"type":"message_stop"}']) == [{"type": "message_stop"}]


def test_data_in_several_lines_is_one_event() -> None:
    """The standard joins the lines of one event."""
    assert fed(SseDecoder(), [b'data: {"type":\ndata: "x"}\n\n']) == [{"type": "x"}]


@given(st.data())
def test_a_frame_cut_at_any_byte_is_not_a_clean_end(data: st.DataObject) -> None:
    """What is missing of a frame is missing of the answer."""
    whole = chunk({"type": "ping"})
    decoder = EventStreamDecoder()
    decoder.feed(whole + whole[: data.draw(st.integers(1, len(whole) - 1))])
    decoder.close()
    assert "into a frame" in str(decoder.failure)


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    """A flipped bit is a failure, or an incomplete frame; never another event."""
    whole = bytearray(chunk({"type": "ping"}))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    decoder = EventStreamDecoder()
    assert decoder.feed(bytes(whole)) == []
    decoder.close()
    assert decoder.failure is not None


def test_events_before_an_exception_frame_are_not_lost() -> None:
    """The events come out first, then the reason why nothing follows."""
    exception = frame(
        b'{"message":"slow down"}',
        {":exception-type": "throttlingException", ":message-type": "exception"},
    )
    decoder = EventStreamDecoder()
    assert len(decoder.feed(chunk({"type": "a"}) + exception)) == 1
    assert isinstance(decoder.failure, ExceptionFrameError)
    assert decoder.failure.exception_type == "throttlingException"
    assert decoder.failure.payload == b'{"message":"slow down"}'


def test_a_payload_that_wraps_no_event_is_a_failure() -> None:
    """Frames of events wrap base64; anything else cannot be read as an answer."""
    decoder = EventStreamDecoder()
    decoder.feed(frame(b'{"p":"x"}', CHUNK))
    assert "base64" in str(decoder.failure)


def test_events_of_other_types_are_passed_over() -> None:
    """Only `chunk` frames carry events of the answer."""
    assert fed(EventStreamDecoder(), [frame(b"{}", {**CHUNK, ":event-type": "initial"})]) == []


def test_an_event_without_end_is_refused_and_not_collected() -> None:
    """Memory is bounded, whatever the server sends."""
    decoder = SseDecoder()
    for _ in range(MAX_EVENT_BYTES // 1_000_000 + 2):
        decoder.feed(b"x" * 1_000_000)
    assert decoder.failure is not None
    frames = EventStreamDecoder()
    prelude = struct.pack(">II", 0x7FFFFFFF, 0)
    frames.feed(prelude + struct.pack(">I", crc32(prelude)))
    assert "larger" in str(frames.failure)


@given(st.binary(max_size=300), CUTS)
def test_any_bytes_are_events_or_a_failure(data: bytes, places: list[int]) -> None:
    """No bytes raise out of a decoder."""
    for decoder in (SseDecoder(), EventStreamDecoder()):
        for piece in cut(data, places):
            decoder.feed(piece)
        decoder.close()


def _vectors(kind: str) -> list[tuple[str, bytes, Any]]:
    vectors = load_vector("event_stream.json") or {"botocore": {}, "ruby": []}
    named = [(name, case) for name, case in vectors["botocore"].items()]
    named += [(case["case"], case) for case in vectors["ruby"]]
    return [(name, _bytes(case), case) for name, case in named if case["kind"] == kind]


def _bytes(case: dict[str, Any]) -> bytes:
    if "encoded_hex" in case:
        return bytes.fromhex(case["encoded_hex"])
    parts = case["encoded_parts"]
    return b"".join(
        bytes.fromhex(part.get("hex") or part["repeat_hex"]) * part.get("count", 1)
        for part in parts
    )


@needs_data
@pytest.mark.parametrize(("name", "data", "case"), _vectors("positive"), ids=lambda v: str(v)[:30])
def test_the_vendors_vectors_decode(name: str, data: bytes, case: dict[str, Any]) -> None:
    """Headers of all types are passed, and text comes out as botocore reads it."""
    del name, case
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    expected: Any
    (expected,) = list(buffer)
    decoder = EventStreamDecoder()
    decoder.feed(data)
    decoder.close()
    assert decoder.failure is None or isinstance(decoder.failure, ExceptionFrameError)
    headers = parse_headers(data[12 : 12 + int.from_bytes(data[4:8], "big")])
    assert headers.keys() == expected.headers.keys()
    text = {name: value for name, value in headers.items() if value}
    assert text == {name: expected.headers[name] for name in text}


@needs_data
@pytest.mark.parametrize(("name", "data", "case"), _vectors("negative"), ids=lambda v: str(v)[:30])
def test_the_vendors_broken_vectors_are_refused(name: str, data: bytes, case: Any) -> None:
    """Wrong checksums, wrong lengths and headers that come twice."""
    del name, case
    decoder = EventStreamDecoder()
    decoder.feed(data)
    decoder.close()
    assert decoder.failure is not None


@needs_data
def test_the_recorded_exception_frame_is_one() -> None:
    """A frame with the headers that were quoted from a real failure."""
    data = bytes.fromhex(load_vector("bedrock_midstream_service_unavailable.frame.hex").strip())
    decoder = EventStreamDecoder()
    assert decoder.feed(data) == []
    assert isinstance(decoder.failure, ExceptionFrameError)
    assert decoder.failure.exception_type == "serviceUnavailableException"


@needs_data
def test_recorded_event_streams_decode_as_botocore_decodes_them() -> None:
    """Every recorded frame of every stream."""
    rows = [row for row in load_recordings("bedrock") if row["op"] == "invoke-with-response-stream"]
    checked = 0
    for row in rows:
        if row["kind"] != "aws":
            continue
        buffer = EventStreamBuffer()
        buffer.add_data(row["body"])
        expected = [json.loads(base64.b64decode(json.loads(m.payload)["bytes"])) for m in buffer]
        assert fed(EventStreamDecoder(), [row["body"]]) == expected
        checked += len(expected)
    assert checked > 100

"""Frames, as botocore and the public vectors understand them."""

from __future__ import annotations

import base64
import json
from typing import Any

from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_claude_cloud.testing.reply.framing import (
    chunk_frame,
    damage,
    frame,
    read_frames,
    sse_event,
)
from langchain_claude_cloud.testing.reply.ids import Noise
from langchain_claude_cloud.testing.reply.signatures import is_valid, sign_thinking

NAMES = st.text("abcdefghijklmnopqrstuvwxyz:-", min_size=1, max_size=20)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(NAMES, st.text(max_size=40), max_size=4), st.binary(max_size=300))
def test_frames_are_read_back(headers: dict[str, str], payload: bytes) -> None:
    """By botocore, with both checksums, and by our own reader of recordings."""
    data = frame(headers, payload)
    buffer = EventStreamBuffer()
    buffer.add_data(data + data)
    message: Any
    for message in buffer:
        assert (message.headers, message.payload) == (headers, payload)
    assert list(read_frames(data + data + data[:-1])) == [(headers, payload)] * 2


@given(st.text(max_size=50), st.binary(max_size=8))
@settings(max_examples=50, deadline=None)
def test_padding_never_changes_the_event(text: str, seed: bytes) -> None:
    """Spaces on Vertex, filler on Bedrock."""
    event = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": text},
    }
    data = sse_event(event, Noise(seed))
    assert data.endswith(b"}\n\n")
    assert json.loads(data.split(b"data: ", 1)[1]) == event
    ((_, payload),) = read_frames(chunk_frame(event, Noise(seed)))
    assert json.loads(base64.b64decode(json.loads(payload)["bytes"])) == event


@given(st.text(max_size=200), st.one_of(st.none(), st.integers(1, 9)), st.binary(max_size=8))
def test_pieces_join_to_the_text(text: str, chunk: int | None, seed: bytes) -> None:
    """Nothing is lost or empty."""
    pieces = Noise(seed).piece(text, chunk)
    assert "".join(pieces) == text
    assert all(pieces)
    assert all(len(piece) == chunk for piece in pieces[:-1] if chunk)


def test_damage_changes_one_thing() -> None:
    """The length stays, so that only a checksum or the JSON can tell."""
    good = frame({"a": "b"}, b"{}")
    assert len(damage(good)) == len(good)
    assert damage(good) != good


@given(st.text(max_size=50), st.text(max_size=50))
def test_signatures_stand_for_their_text(shown: str, other: str) -> None:
    """Another text is found out; another server's signature is taken on trust."""
    signature = sign_thinking(shown)
    assert is_valid(signature, shown)
    assert is_valid(signature, other) == (shown == other)
    assert is_valid("ErUBCkYICBgC", shown)
    assert not is_valid("", shown)
    assert not is_valid("not base64!", shown)

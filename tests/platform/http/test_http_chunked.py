"""The pure decoders against h11, which is the oracle."""

from __future__ import annotations

from itertools import pairwise

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from langchain_claude_cloud.platform.http.chunked import (
    ChunkedDecoder,
    HeadBoundary,
    MalformedChunkError,
)

_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def _pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def _encode(chunks: list[bytes], extension: bytes, trailer: bytes) -> bytes:
    framed = [b"%X%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks if chunk]
    return b"".join(framed) + b"0\r\n" + trailer + b"\r\n"


def _by_h11(body: bytes) -> bytes:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(_HEAD + body)
    payload = b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        assert not isinstance(event, type), "h11 wants more"
        payload += bytes(getattr(event, "data", b""))
    return payload


@settings(deadline=None)
@given(
    chunks=st.lists(st.binary(max_size=60)),
    cuts=st.lists(st.integers(0, 400), max_size=12),
    extension=st.sampled_from([b"", b";name=value", b"  "]),
    trailer=st.sampled_from([b"", b"x-checksum: 1\r\n"]),
)
@example(chunks=[b"\r\n0\r\n\r\n"], cuts=list(range(40)), extension=b"", trailer=b"")
def test_payload_is_what_h11_reads(
    chunks: list[bytes], cuts: list[int], extension: bytes, trailer: bytes
) -> None:
    """However the bytes are cut, the payload is h11's, and the end is seen exactly once."""
    body = _encode(chunks, extension, trailer)
    decoder = ChunkedDecoder()
    payload = b""
    for piece in _pieces(body, cuts):
        assert not piece or not decoder.is_finished
        payload += decoder.feed(piece)
    assert payload == b"".join(chunks) == _by_h11(body)
    assert decoder.is_finished
    assert decoder.excess == b""


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\n",
        b"-1\r\n",
        b"+1\r\na\r\n",
        b"0x1\r\na\r\n",
        b"1_0\r\n",
        b"\r\n",
        b";extension\r\n",
        b"11111111111111111\r\n",
        b"2\r\nabc\r\n",
        b"2\r\nabXY\r\n",
        b"a" * 9_000,
        b"0\r\n" + b"name: value\r\n" * 9_000,
    ],
)
def test_malformed_bodies_are_refused(body: bytes) -> None:
    """What is not a chunked body is an error, not a guess, and takes no memory without end."""
    with pytest.raises(MalformedChunkError):
        ChunkedDecoder().feed(body)


def test_bytes_after_the_end_are_kept_apart() -> None:
    """What follows the body is not payload, and says that the connection is unfit."""
    decoder = ChunkedDecoder()
    assert decoder.feed(b"1\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK") == b"a"
    assert decoder.excess == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("cut", range(1, 43))
def test_an_unfinished_body_is_not_finished(cut: int) -> None:
    """No prefix of a body counts as the whole."""
    body = b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nname: value\r\n\r\n"
    assert cut < len(body)
    decoder = ChunkedDecoder()
    decoder.feed(body[:cut])
    assert not decoder.is_finished


@settings(deadline=None)
@given(
    interim=st.lists(
        st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early\r\na: b\r\n\r\n"]),
        max_size=2,
    ),
    rest=st.binary(max_size=40),
    cuts=st.lists(st.integers(0, 200), max_size=8),
)
def test_a_read_stops_where_the_final_head_ends(
    interim: list[bytes], rest: bytes, cuts: list[int]
) -> None:
    """Interim responses are passed, the body's first byte is never taken, nothing is lost."""
    head = b"".join(interim) + _HEAD
    boundary = HeadBoundary()
    boundary.begin()
    taken, left = b"", b""
    for piece in _pieces(head + rest, cuts):
        pending = piece
        while pending and boundary.is_searching:
            part, pending = boundary.split(pending)
            taken += part
        left += pending
    assert taken == head
    assert left == rest
    assert not boundary.is_searching

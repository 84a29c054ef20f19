"""A body of JSON in place of a stream, with status 200, is the error that it holds."""

from __future__ import annotations

from typing import Any

import pytest
from answers import ORIGIN, WRITERS, sse
from test_response_stream import WHOLE

from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ContextOverflowError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from langchain_claude_cloud.errors.types import Framing
from langchain_claude_cloud.response.accumulator import MessageAccumulator
from langchain_claude_cloud.response.stream import ResponseStream

UNKNOWN = (
    b'{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}'
)


@pytest.mark.parametrize("framing", ["sse", "event-stream"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (UNKNOWN, NotFoundError),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', OverloadedError),
        (
            b'\n [{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"x"}}]',
            RateLimitError,
        ),
        (
            b'{"error":{"code":403,"status":"PERMISSION_DENIED","message":"x"}}',
            PermissionDeniedError,
        ),
        (b'{"__type":"ThrottlingException","message":"x"}', RateLimitError),
        (b'{"type":"message","content":[]}', StreamInterruptedError),
        (b'{"type":"err', StreamInterruptedError),
        (b'{"message":"Too many requests"}', ServerError),
        (b'{"error":{"message":"x","type":"None","code":"429"}}', RateLimitError),
        (b"<!doctype html><title>Sign in</title>", StreamInterruptedError),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_json_in_place_of_a_stream_is_the_error_that_it_holds(
    framing: Framing, body: bytes, expected: type[ClaudeCloudError], size: int
) -> None:
    """Bedrock answers an unknown path so, gateways an overload; however it is cut."""
    stream: ResponseStream[Any] = ResponseStream(
        framing, MessageAccumulator(WRITERS["v0"](ORIGIN)), ORIGIN
    )
    for start in range(0, len(body), size):
        assert list(stream.feed(body[start : start + size])) == []
    with pytest.raises(expected) as caught:
        list(stream.close())
    assert type(caught.value) is expected
    assert not stream.has_emitted
    assert "checksum" not in str(caught.value)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (b'{"error":{"message":"slow","type":"None","code":"429"}}', RateLimitError),
        (
            b'[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"slow"}}]',
            RateLimitError,
        ),
        (b'{"error":{"code":400,"message":"prompt is too long: slow"}}', ContextOverflowError),
        (b'{"pong":"slow"}', StreamInterruptedError),
    ],
)
@pytest.mark.parametrize("begins", [0, 3])
def test_an_error_without_the_type_of_an_event_is_one(
    event: bytes, expected: type[ClaudeCloudError], begins: int
) -> None:
    """Google's front end and gateways such as LiteLLM end a stream so, before or after content."""
    stream: ResponseStream[Any] = ResponseStream(
        "sse", MessageAccumulator(WRITERS["v0"](ORIGIN)), ORIGIN
    )
    with pytest.raises(expected) as caught:
        list(stream.feed(sse(WHOLE[:begins]) + b"data: " + event + b"\n\n"))
    assert type(caught.value) is expected
    assert "slow" in str(caught.value) or expected is StreamInterruptedError
    assert (caught.value.partial_message is not None) == bool(begins)


def test_events_that_are_cut_anywhere_are_events() -> None:
    """A piece in mid-stream may begin with a brace."""
    for size in range(1, 9):
        stream: ResponseStream[Any] = ResponseStream(
            "sse", MessageAccumulator(WRITERS["v0"](ORIGIN)), ORIGIN
        )
        whole = sse(WHOLE)
        outputs = [
            output
            for start in range(0, len(whole), size)
            for output in stream.feed(whole[start : start + size])
        ]
        assert stream.complete
        assert outputs

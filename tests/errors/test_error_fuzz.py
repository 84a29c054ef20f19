"""Whatever a cloud, a proxy or an attacker answers, the caller gets one of our exceptions.

Any status, headers and bytes; any payload of an ``error`` event; any exception frame. The
result is an exception of the tree, quickly, with a message of bounded length that can be
printed, pickled and shown.
"""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from langchain_core.exceptions import ModelError

from langchain_claude_cloud.calls.retries import delay_before_retry
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    StreamInterruptedError,
    error_from_event,
    error_from_exception_frame,
    error_from_response,
)
from langchain_claude_cloud.errors.types import Cloud
from langchain_claude_cloud.response.accumulator import MessageAccumulator
from langchain_claude_cloud.response.message import ResponseSource
from langchain_claude_cloud.response.stream import ResponseStream

MOST_CHARACTERS: Final = 10_000
"""How long ``str()`` of an exception may be, whatever the cloud said."""

KEYS: Final = (
    *("error", "message", "Message", "details", "type", "__type", "status", "code", "metadata"),
    *("retryDelay", "seconds", "nanos", "reason", "error_code", "originalStatusCode"),
    *("originalMessage", "request_id", "quota_limit_value", "error_description"),
)
PHRASES: Final = (
    "prompt is too long",
    "Signature expired: now",
    "on-demand throughput",
    "Unexpected value(s) `x` for the `anthropic-beta` header",
    'The model returned the following errors: {"error": {"type": "overloaded_error"}}',
    "exceed context limit",
    "security token is expired",
    "<title>502</title>",
    "Bearer abc123",
    "{model} %s {0} {{",
    "\ud800",
    "\x1b[31m",
)
NAMES: Final = (
    *("ThrottlingException", "RESOURCE_EXHAUSTED", "overloaded_error", "ValidationException"),
    *("RequestTimeTooSkewed", "invalid_request_error", "new_error", "", ":", "#", "a" * 500),
)
texts = st.text(max_size=40) | st.sampled_from((*PHRASES, *NAMES)) | st.text("a' ", max_size=200)
numbers = st.integers(-(10**30), 10**30) | st.floats() | st.integers(300, 700)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | texts, inner)
    ),
    max_leaves=12,
)
header_values = (
    texts
    | numbers.map(str)
    | st.sampled_from(
        (
            *("Wed, 21 Oct 2099 07:28:00 GMT", "Wed, 99 Oct 99999 07:28:00 +9999999", "-1", "nan"),
            *("9" * 500, "1e999", "Sat, 01 Jan 0001 00:00:00 +2359", "Fri, 31 Dec 9999 23:59:59"),
        )
    )
)
headers = st.dictionaries(
    st.sampled_from(
        (
            *("retry-after", "Retry-After-Ms", "x-amz-retry-after", "X-Amzn-ErrorType", "date"),
            *("request-id", "x-amzn-RequestId", "content-type"),
        )
    ),
    header_values,
    max_size=4,
)
bodies = (
    st.binary(max_size=300)
    | json_values.map(lambda value: json.dumps(value).encode())
    | json_values.map(lambda value: json.dumps([value, value]).encode("utf-16"))
)
clouds = st.sampled_from(("vertex", "bedrock"))
places: Final[dict[str, Any]] = {"model": "claude-x", "region": "us-east-1"}
fuzzed = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow], database=None
)


def check(error: object) -> None:
    """Assert that an exception is one of ours and usable in every way exceptions are used."""
    assert isinstance(error, ClaudeCloudError)
    assert isinstance(error, ModelError)
    text = str(error)
    assert 0 < len(text) <= MOST_CHARACTERS
    text.encode()
    assert "\x1b" not in text
    assert "abc123" not in text
    for name in ("error_type", "request_id"):
        assert len(getattr(error, name) or "") <= 200
    assert len(error.body or "") <= 4_000
    wait = error.retry_after
    assert wait is None or 0 <= wait < float("inf")
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301  pickled here
    assert vars(copied) == vars(error)
    assert str(copied) == text
    delay = delay_before_retry(error, 1, 2, lambda: 0.5)
    assert delay is None or 0 <= delay <= 60


@fuzzed
@given(st.integers(0, 1000), headers, bodies, clouds)
@example(429, {"retry-after": "Mon, 01 Jan 99999 00:00:00 +99999999"}, b"", "vertex")
@example(429, {"retry-after": "Fri, 31 Dec 9999 23:59:59 -2300"}, b"", "vertex")
@example(400, {}, b"\xff\xfe\x00", "bedrock")
@example(424, {}, b'{"originalStatusCode": true, "message": 7}', "bedrock")
def test_any_response_becomes_an_exception_of_the_tree(
    status: int, sent: dict[str, str], body: bytes, cloud: Cloud
) -> None:
    """Status, headers and bytes are whatever they are."""
    check(error_from_response(status, sent, body, platform=cloud, **places))


@fuzzed
@given(
    st.dictionaries(st.sampled_from(KEYS) | texts, json_values, max_size=4)
    | st.fixed_dictionaries({"type": st.just("error"), "error": json_values}),
    clouds,
)
def test_any_error_event_becomes_an_exception_of_the_tree(
    payload: dict[str, object], cloud: Cloud
) -> None:
    """The payload is any JSON object."""
    check(error_from_event(payload, platform=cloud, **places))


@fuzzed
@given(texts, bodies, clouds)
def test_any_exception_frame_becomes_an_exception_of_the_tree(
    name: str, payload: bytes, cloud: Cloud
) -> None:
    """Its type and its payload are whatever they are."""
    check(error_from_exception_frame(name, payload, platform=cloud, **places))


@fuzzed
@given(
    st.lists(bodies | texts.map(lambda text: text.encode("utf-8", "replace")), max_size=4), clouds
)
@example([b'{"type": "error", "error": null}'], "vertex")
@example([b'{"type": "error"}'], "vertex")
def test_any_stream_of_events_ends_in_an_exception_of_the_tree(
    payloads: list[bytes], cloud: Cloud
) -> None:
    """No payload of an event brings another exception out of the reader of a stream."""
    wire = b"".join(b"event: x\ndata: %s\n\n" % data.replace(b"\n", b" ") for data in payloads)
    reader: ResponseStream[object] = ResponseStream(
        "sse", MessageAccumulator(), ResponseSource(cloud, "r", "m")
    )
    with pytest.raises(ClaudeCloudError) as caught:
        read_all(reader, wire)
    check_partial(caught.value)


def read_all(reader: ResponseStream[None], wire: bytes) -> None:
    """Feed a whole response, in pieces, to its end."""
    for place in range(0, len(wire), 50):
        list(reader.feed(wire[place : place + 50]))
    list(reader.close())


def check_partial(error: ClaudeCloudError) -> None:
    """Assert that what ended a stream is printable and bounded."""
    assert len(str(error)) <= MOST_CHARACTERS
    str(error).encode("utf-8", "surrogatepass")


HUGE: Final = 1_000_000
NESTED: Final = 200_000
HOSTILE: Final[dict[str, bytes]] = {
    "a megabyte of text": b"x" * HUGE,
    "a long message": b'{"error": {"message": "%s"}}' % (b"x" * HUGE),
    "a long type": b'{"error": {"type": "%s", "message": "m"}}' % (b"x" * HUGE),
    "a long request id": b'{"error": {"type": "x"}, "request_id": "%s"}' % (b"x" * HUGE),
    "nested arrays": b"[" * NESTED,
    "closed nested arrays": b"[" * NESTED + b"]" * NESTED,
    "nested objects": b'{"error":' * NESTED,
    "many details": b'{"error": {"message": "m", "details": [%s]}}'
    % b",".join([b'{"reason": "r%d", "metadata": {"quota_limit_value": 1}}' % i for i in range(9999)]),
    "a long number": b'{"originalStatusCode": %s}' % (b"9" * 100_000),
    "titles that never close": b"<title" * 100_000,
    "open titles": b"<title>" * 100_000,
    "words that could be split in many ways": b'{"message": "exceed %s x"}'
    % b" ".join([b"a" * 500] * 4),
    "an exceeding text": b'{"message": "%s"}' % (b"exceed it's " * 50_000),
    "a token again and again": b'{"message": "%s"}' % (b"security token " * 50_000),
    "bearers": b'{"message": "%s"}' % (b"bearer " * 100_000),
    "spaces": b'{"message": "bearer%sx"}' % (b" " * HUGE),
    "limits": b'{"message": "%s"}' % (b"usage limits " * 50_000),
    "values": b'{"message": "%s"}' % (b"Unexpected value(s) " * 50_000),
    "errors in errors": b'{"message": "%s"}'
    % (b"The model returned the following errors: " * 20_000),
    "bytes as Python shows them": b'{"message": "Exception - b\'{%s\'"}' % (b"\\\\" * 100_000),
    "objects in spaces": b'{"message": "{%s"}' % (b" Received" * 50_000),
    "null bytes": b"\x00" * HUGE,
    "not UTF-8": b"\xff" * HUGE,
}  # fmt: skip
ENTRIES: Final[dict[str, Callable[[bytes], ClaudeCloudError]]] = {
    "vertex": lambda body: error_from_response(429, {}, body, platform="vertex", **places),
    "bedrock": lambda body: error_from_response(400, {}, body, platform="bedrock", **places),
    "frame": lambda body: error_from_exception_frame("x", body, platform="bedrock", **places),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_body_costs_little(entry: str, what: str) -> None:
    """Neither time nor memory: a message is bounded, a pattern is never tried for long."""
    begin = time.monotonic()
    error = ENTRIES[entry](HOSTILE[what])
    assert time.monotonic() - begin < 5, "takes 0.05 s on a slow machine"
    check(error)


@pytest.mark.parametrize("what", [name for name in HOSTILE if not name.startswith("nested")])
def test_a_hostile_event_costs_little(what: str) -> None:
    """The same inside a stream."""
    text = HOSTILE[what].decode("utf-8", "replace")
    check(error_from_event({"type": "error", "error": {"message": text}}, platform="vertex", **places))  # fmt: skip
    check(error_from_event({"type": "error", "error": text}, platform="vertex", **places))


@pytest.mark.parametrize("depth", [100, 300, NESTED])
def test_an_event_that_is_nested_too_deeply_breaks_the_stream(depth: int) -> None:
    """JSON parsers give up at some depth, each in its own way."""
    wire = b"data: " + b'{"type":' * depth + b"1" + b"}" * depth + b"\n\n"
    reader: ResponseStream[object] = ResponseStream(
        "sse", MessageAccumulator(), ResponseSource("vertex", "r", "m")
    )
    with pytest.raises(StreamInterruptedError):
        read_all(reader, wire)


def test_an_error_event_that_cannot_be_written_is_one_all_the_same() -> None:
    """No cloud sent it, as it is no JSON."""
    nested: Any = []
    for _ in range(NESTED):
        nested = [nested]
    payload = {"type": "error", "error": {"type": "api_error", "message": "m", "extra": nested}}
    error = error_from_event(payload, platform="vertex", **places)
    check(error)
    assert error.body == ""

"""Whatever a cloud answers to a call that is not streamed, it is a message or an error of ours."""

from __future__ import annotations

import asyncio
import copy
import json
import math
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from answers import finish, sse, start, text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage

from langchain_claude_cloud import ChatClaudeCloud, Vertex
from langchain_claude_cloud.errors import ClaudeCloudError

QUICK = settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.integers(-3, 3)
    | st.floats()
    | st.text(st.characters(codec=None), max_size=6)
    | st.sampled_from(["text", "tool_use", "thinking", "max_tokens", "message", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "id", "name", "input", "text", "usage", "content", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
BLOCKS = st.sampled_from(
    [
        {"type": "text", "text": "Hi", "citations": [{"type": "page_location", "cited_text": "x"}]},
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1]}},
        {"type": "server_tool_use", "id": "t2", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "t2", "content": [{"type": "x"}]},
        {"type": "hologram", "depth": 3},
    ]
)


@st.composite
def mutated_messages(draw: st.DrawFn) -> Any:
    """Draw an answer of which some values are replaced or missing."""
    message = {**start()["message"], "stop_reason": "end_turn"}
    message["content"] = draw(st.lists(BLOCKS, min_size=1, max_size=3))
    copied: Any = json.loads(json.dumps(message))
    for _ in range(draw(st.integers(1, 2))):
        holder = copied
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(holder[key], dict | list) and draw(st.booleans()):
                holder = holder[key]
                continue
            holder[key] = draw(JSON)
            break
    return copied


def model_for(body: bytes, **fields: Any) -> ChatClaudeCloud:
    """Return a model whose every request is answered with a body."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(body), request=request)

    return ChatClaudeCloud(
        model="claude-sonnet-4-6",
        platform=Vertex(project="p", access_token="token"),
        max_tokens=10,
        max_retries=0,
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
        http_async_client=httpx.AsyncClient(transport=httpx.MockTransport(answer)),
        **fields,
    )


WAYS: dict[str, Callable[[ChatClaudeCloud], Any]] = {
    "invoke": lambda model: model.invoke("Hi"),
    "ainvoke": lambda model: asyncio.run(model.ainvoke("Hi")),
}


def check(body: bytes, version: str, way: str = "invoke") -> None:
    """Check that a body gives a message or an error of ours."""
    try:
        message = WAYS[way](model_for(body, output_version=version))
    except ClaudeCloudError:
        return
    assert isinstance(message, AIMessage)
    assert message.content_blocks is not None
    assert dumpd(message)
    for call in message.tool_calls:
        assert isinstance(call["args"], dict)


@pytest.mark.parametrize("version", ["v0", "v1"])
@QUICK
@given(message=mutated_messages())
def test_an_answer_with_other_values_is_a_message_or_an_error(version: str, message: Any) -> None:
    """Every value of a message may be any JSON."""
    check(json.dumps(message).encode(), version)


@pytest.mark.parametrize("version", ["v0", "v1"])
@settings(QUICK, max_examples=40)
@given(value=JSON)
def test_any_json_is_a_message_or_an_error(version: str, value: Any) -> None:
    """Whatever answers in the cloud's place."""
    check(json.dumps(value).encode(), version)


@settings(QUICK, max_examples=30)
@given(body=st.binary(max_size=60))
def test_any_bytes_are_an_error(body: bytes) -> None:
    """Noise is no answer."""
    with pytest.raises(ClaudeCloudError):
        WAYS["invoke"](model_for(body))


DEEP = [b"[" * 100_000, b'{"content":' * 100_000, b'{"content":[],"x":' + b"[" * 50_000]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("body", DEEP)
def test_a_deeply_nested_answer_is_an_error(body: bytes, way: str) -> None:
    """Neither parser runs out of stack."""
    with pytest.raises(ClaudeCloudError):
        WAYS[way](model_for(body))


@settings(QUICK, max_examples=60)
@given(
    value=JSON.map(lambda value: {"input_tokens": value})
    | st.sampled_from(
        [{"input_tokens": math.inf}, {"inputTokens": math.nan}, {"input_tokens": "7"}]
    )
    | JSON
)
def test_any_count_is_a_number_or_an_error(value: Any) -> None:
    """Token counting reads one number, and takes nothing else for one."""
    try:
        count = model_for(json.dumps(value).encode()).count_tokens("Hi")
    except ClaudeCloudError:
        return
    assert isinstance(count, int)


def _with(place: tuple[Any, ...], value: Any) -> bytes:
    events: Any = copy.deepcopy([start(), *text(0, "Hi"), *finish()])
    holder = events
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return sse(events)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((0, "message", "usage", "input_tokens"), [1]),
        ((0, "message", "usage", "input_tokens"), "7"),
        ((0, "message", "usage", "cache_creation"), 3),
        ((-2, "usage", "output_tokens"), [None]),
        ((-2, "usage", "output_tokens"), 9.3e18),
        ((-2, "usage", "output_tokens"), 1.5),
        ((-2, "usage"), [1]),
        ((1, "content_block", "citations"), [None]),
    ],
)
def test_a_malformed_answer_that_streams_internally_is_an_error(
    place: tuple[Any, ...], value: Any, way: str
) -> None:
    """Without a low max_tokens, invoke reads a stream; what it cannot put together it says so."""
    model = model_for(_with(place, value)).model_copy(update={"max_tokens": None})
    with pytest.raises(ClaudeCloudError, match="documented form"):
        WAYS[way](model)

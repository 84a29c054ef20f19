"""Chunks may be merged in any order and any split: no error, and no call that never ended."""

from __future__ import annotations

import copy
import functools
import json
import operator
import pickle
from itertools import pairwise
from typing import Any

import pytest
from answers import chunks, finish, start, text, thinking, tool
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.load import dumpd
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    message_chunk_to_message,
)

from langchain_claude_cloud.response.chunks import ClaudeMessageChunk

QUICK = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
WHOLE = {"path": "a.txt", "lines": [1, 2]}
CUT = '{"path": "b.txt", "lines": [1'
EVENTS = [
    start(),
    *thinking(0, "Hm"),
    *text(1, "Two ", "files."),
    *tool(2, json.dumps(WHOLE), size=7),
    *tool(3, CUT, size=6, ended=False),
    *finish("max_tokens"),
]
STREAMS = {version: chunks(EVENTS, version) for version in ("v0", "v1")}
VALID_ID, CUT_ID = "toolu_2", "toolu_3"


def core_chunks() -> st.SearchStrategy[AIMessageChunk]:
    """Return a strategy for chunks that other code of LangChain makes."""
    return st.sampled_from(
        [
            AIMessageChunk(content=""),
            AIMessageChunk(content="", id="run-1"),
            AIMessageChunk(content="and more"),
            AIMessageChunk(content=[{"type": "text", "text": "x", "index": 0}]),
            AIMessageChunk(content="", chunk_position="last"),
            AIMessageChunk(content="", response_metadata={"x": 1}),
        ]
    )


def check(merged: Any) -> None:
    """Check that the cut call is never a valid one once the stream is over."""
    assert isinstance(merged, AIMessageChunk)
    content = copy.deepcopy(merged.content)
    assert merged.content_blocks is not None
    assert merged.content == content, "reading a chunk changes it"
    final = message_chunk_to_message(merged)
    copied = pickle.loads(pickle.dumps(merged))  # noqa: S301  our own bytes
    for message in (final, copied):
        assert isinstance(message, AIMessage)
        _check_calls(message)
    assert dumpd(merged)


def _check_calls(message: AIMessage) -> None:
    for call in message.tool_calls:
        assert call["id"] != CUT_ID
        assert call["args"] == WHOLE
    # core keeps a bare string among the blocks of a list as it is.
    for block in (block for block in message.content_blocks if isinstance(block, dict)):
        assert block["type"] != "tool_call" or block["id"] != CUT_ID


@pytest.mark.parametrize("version", STREAMS)
@QUICK
@given(data=st.data())
def test_any_order_of_any_chunks_merges(version: str, data: Any) -> None:
    """Chunks of the stream and core's own, some missing, in any order, added one by one."""
    ours = st.sampled_from(STREAMS[version])
    parts = data.draw(st.lists(ours | core_chunks(), min_size=1, max_size=14))
    if version == "v1":
        # As in core, fragments do not merge into standard blocks that are finished already.
        parts = sorted(parts, key=lambda part: part.chunk_position == "last")
    check(functools.reduce(operator.add, parts))


@pytest.mark.parametrize("version", STREAMS)
@QUICK
@given(data=st.data())
def test_any_grouping_of_a_prefix_merges_to_the_same(version: str, data: Any) -> None:
    """Wherever the stream is left, and however its chunks are put together before."""
    parts = STREAMS[version][: data.draw(st.integers(1, len(STREAMS[version])))]
    places = data.draw(st.sets(st.integers(1, max(1, len(parts) - 1)), max_size=4))
    bounds = [0, *sorted(place for place in places if place < len(parts)), len(parts)]
    groups = [functools.reduce(operator.add, parts[a:b]) for a, b in pairwise(bounds)]
    merged, straight = functools.reduce(operator.add, groups), functools.reduce(operator.add, parts)
    check(merged)
    for name in ("content", "tool_calls", "invalid_tool_calls", "content_blocks", "usage_metadata"):
        assert getattr(merged, name) == getattr(straight, name)


@pytest.mark.parametrize("version", STREAMS)
@QUICK
@given(data=st.data())
def test_core_chunks_may_come_anywhere(version: str, data: Any) -> None:
    """An empty chunk of core's before, between or after changes no call."""
    parts: list[Any] = list(STREAMS[version])
    at = data.draw(st.integers(0, len(parts)))
    parts.insert(at, AIMessageChunk(content=""))
    merged = functools.reduce(operator.add, parts)
    check(merged)
    assert [call["id"] for call in merged.tool_calls] == [VALID_ID]
    assert [call["id"] for call in merged.invalid_tool_calls] == [CUT_ID]


FRAGMENTS = st.fixed_dictionaries(
    {
        "name": st.none() | st.sampled_from(["f", ""]),
        "args": st.none() | st.sampled_from(["", "{", '{"a": 1}', '"', "}", "\ud800", "[" * 400]),
        "id": st.none() | st.sampled_from(["t1", "t2"]),
        "index": st.none() | st.integers(-2, 4),
        "type": st.just("tool_call_chunk"),
    }
)


@QUICK
@given(st.lists(st.lists(FRAGMENTS, max_size=2), min_size=1, max_size=6), st.booleans())
def test_fragments_without_a_verdict_are_never_a_call(
    groups: list[list[dict[str, Any]]],
    last: bool,  # noqa: FBT001  drawn
) -> None:
    """Chunks that somebody else builds of our class: calls that nobody saw end are invalid."""
    parts: list[Any] = [
        ClaudeMessageChunk(content="", tool_call_chunks=group)  # type: ignore[arg-type]
        for group in groups
    ]
    if last:
        parts.append(ClaudeMessageChunk(content="", chunk_position="last"))
    merged = functools.reduce(operator.add, parts)
    final = message_chunk_to_message(merged)
    assert isinstance(final, AIMessage)
    assert final.tool_calls == []
    if last:
        assert merged.tool_calls == []


@pytest.mark.parametrize("other", [None, 3, "text", {}, object()])
def test_what_is_no_chunk_of_an_answer_is_a_type_error(other: Any) -> None:
    """As core has it: nothing else is raised, nothing is merged silently."""
    chunk = STREAMS["v0"][0]
    with pytest.raises(TypeError):
        chunk + other
    with pytest.raises(TypeError):
        operator.add(chunk, [chunk, other])


def test_the_first_name_of_a_call_holds() -> None:
    """Other code may write the name on each fragment."""
    fragment = {"name": "f", "id": "t1", "index": 0, "type": "tool_call_chunk"}
    parts = [
        ClaudeMessageChunk(content="", tool_call_chunks=[{**fragment, "args": args}])  # type: ignore[list-item]
        for args in ("{", "}")
    ]
    (merged,) = (parts[0] + parts[1]).tool_call_chunks  # type: ignore[attr-defined]
    assert merged == {**fragment, "args": "{}"}

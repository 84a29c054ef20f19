"""Chunks that are put together without validation are what validation would have made."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import BaseModel

from langchain_claude_cloud.response.chunks import (
    ClaudeMessageChunk,
    event_chunk,
    template,
)

METADATA = {"model_provider": "anthropic"}
FRAGMENT = tool_call_chunk(args='{"a', index=1)
CASES: dict[str, tuple[Any, list[Any]]] = {
    "text": ("Hello", []),
    "no text": ("", []),
    "a text block": ([{"type": "text", "text": "Hello", "index": 0}], []),
    "thinking": ([{"type": "thinking", "thinking": "Hm", "index": 0}], []),
    "arguments": ([{"type": "input_json_delta", "partial_json": '{"a', "index": 1}], [FRAGMENT]),
    "a string among blocks": (["Hello ", {"type": "text", "text": "you", "index": 0}], []),
    "a block of text without text": ([{"type": "text", "index": 0}], []),
}


@pytest.mark.parametrize(("content", "fragments"), CASES.values(), ids=CASES.keys())
def test_a_chunk_is_what_validation_makes(content: Any, fragments: list[Any]) -> None:
    """Every field, which of them count as set, and what pydantic keeps beside them."""
    made = event_chunk(content, METADATA, fragments=fragments).message
    validated = ClaudeMessageChunk(
        content=content, response_metadata=dict(METADATA), tool_call_chunks=list(fragments)
    )
    assert type(made) is type(validated)
    assert vars(made) == vars(validated)
    assert list(vars(made)) == list(vars(validated))
    assert made.model_dump(exclude_unset=True) == validated.model_dump(exclude_unset=True)
    assert made.__pydantic_extra__ == validated.__pydantic_extra__
    assert made.__pydantic_private__ == validated.__pydantic_private__
    assert made == validated
    assert repr(made) == repr(validated)


@pytest.mark.parametrize(("content", "fragments"), CASES.values(), ids=CASES.keys())
def test_a_generation_is_what_validation_makes(content: Any, fragments: list[Any]) -> None:
    """Its text too, which core reads from the message."""
    text = ClaudeMessageChunk(content=content).text
    made = event_chunk(content, METADATA, text=text, fragments=fragments)
    validated = ChatGenerationChunk(message=made.message)
    assert made == validated
    assert vars(made) == vars(validated)
    assert made.model_fields_set == validated.model_fields_set


def test_chunks_share_nothing_that_can_be_changed() -> None:
    """Callers add keys to metadata and append to lists of a chunk."""
    one, other = (event_chunk("a", METADATA).message for _ in range(2))
    for name, value in vars(one).items():
        assert not isinstance(value, list | dict) or value is not vars(other)[name], name
    one.name = "changed"
    one.custom = 1  # type: ignore[attr-defined]  # core allows extra fields
    assert other.name is None
    assert other.__pydantic_extra__ == {}
    assert "name" not in other.model_fields_set


def test_a_field_that_a_later_core_adds_is_not_shared() -> None:
    """A value that could be changed in place is copied for each object."""

    class Later(BaseModel):
        content: str
        known: list[str] = []
        unknown: list[str] = []
        constant: int = 3

    later = template(Later(content=""))
    one, other = (later({"known": []}) for _ in range(2))
    assert one == other == Later(content="")
    one.unknown.append("changed")
    assert other.unknown == []


DELTAS = st.sampled_from(
    [
        [{"type": "text", "text": "ä", "index": 0}],
        [{"type": "text", "text": "", "index": 0}],
        [{"type": "text", "text": "b", "index": 2}],
        [{"type": "thinking", "thinking": "c", "index": 0}],
        [{"type": "input_json_delta", "partial_json": "{}", "index": 1}],
        [{"type": "text", "text": "", "citations": [{"cited_text": "x"}], "index": 0}],
        [{"type": "text", "text": "d", "index": 0}, {"type": "text", "text": "e", "index": 2}],
        [{"type": "text", "text": "apart"}],
        [],
        "",
        "plain",
    ]
)


@given(st.lists(DELTAS, min_size=2, max_size=30))
def test_merging_in_one_pass_is_merging_one_by_one(contents: list[Any]) -> None:
    """Whatever deltas follow each other, and core's own merge says the same of blocks."""
    chunks = [ClaudeMessageChunk(content=content) for content in contents]
    together = chunks[0] + chunks[1:]  # type: ignore[operator]  # as core does
    assert together == reduce(add, chunks)
    if all(isinstance(content, list) for content in contents):
        cores = [AIMessageChunk(content=content) for content in contents]
        assert together.content == reduce(add, cores).content

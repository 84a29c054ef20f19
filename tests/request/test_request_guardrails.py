"""A guardrail looks at what it is told to look at."""

from __future__ import annotations

import re
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from request_building import build, tool

CONFIG = "amazon-bedrock-guardrailConfig"
HISTORY: list[BaseMessage] = [HumanMessage("first"), AIMessage("answer"), HumanMessage("last")]


def tagged(body: Any) -> list[str]:
    """Return the texts that stand in tags with the body's suffix."""
    tag = f"amazon-bedrock-guardrails-guardContent_{body[CONFIG]['tagSuffix']}"
    return re.findall(rf"<{tag}>(.*?)</{tag}>", str(body["messages"]))


def test_only_what_was_said_last_is_looked_at() -> None:
    """As a string or in blocks, beside an image."""
    assert tagged(build(HISTORY, guard="last_turn").body) == ["last"]
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    body = build([*HISTORY[:2], HumanMessage(blocks)], guard="last_turn").body
    assert tagged(body) == ["a", "b"]
    assert re.fullmatch("[a-zA-Z0-9]{1,20}", body[CONFIG]["tagSuffix"])


FOUND = {"type": "text", "text": "found"}


@pytest.mark.parametrize(
    "content",
    [
        "found",
        [FOUND],
        [{"type": "search_result", "source": "s", "title": "t", "content": [FOUND]}],
        [{"type": "text-plain", "text": "found", "title": "t"}],
        [{"type": "document", "source": {"type": "content", "content": [FOUND]}}],
    ],
)
def test_what_a_tool_returned_last_is_looked_at(content: Any) -> None:
    """Else a guardrail would look at everything again."""
    call = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}])
    history = [HumanMessage("q"), call, ToolMessage(content, tool_call_id="1")]
    assert tagged(build(history, tools=(tool(),), guard="last_turn").body) == ["found"]


MARKED: list[Any] = [
    {"type": "guard_content", "text": "m"},
    {"type": "guard_content", "guard_content": {"text": {"text": "m", "qualifiers": ["query"]}}},
    {"guardContent": {"text": {"text": "m"}}},
]


@pytest.mark.parametrize("block", MARKED)
def test_marked_texts_are_looked_at(block: Any) -> None:
    """Wherever they stand; without a guardrail they are texts like others."""
    history = [HumanMessage([{"type": "text", "text": "a"}, block]), *HISTORY[1:]]
    assert tagged(build(history, guard="marked").body) == ["m"]
    plain = build(history).body
    assert plain["messages"][0]["content"][1] == {"type": "text", "text": "m"}
    assert CONFIG not in plain


def test_a_marked_text_keeps_its_cache_marker() -> None:
    """A breakpoint may stand on any block."""
    block = {**MARKED[0], "cache_control": {"type": "ephemeral"}}
    body = build([HumanMessage([block])], guard="marked").body
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}


def test_marked_texts_within_a_search_result_are_looked_at() -> None:
    """Those beside them are not."""
    content = [FOUND, MARKED[0]]
    found = {"type": "search_result", "source": "s", "title": "t", "content": content}
    assert tagged(build([HumanMessage([found])], guard="marked").body) == ["m"]


def test_the_tags_stay_while_the_guarded_texts_do() -> None:
    """A turn more leaves the turns before it as they were: they are read from the cache."""
    history = [HumanMessage([MARKED[0]]), *HISTORY[1:]]
    body = build(history, guard="marked").body
    longer = build([*history, AIMessage("answer"), HumanMessage("more")], guard="marked").body
    assert longer["messages"][: len(history)] == body["messages"]


def test_without_a_mark_nothing_is_tagged() -> None:
    """The guardrail looks at the whole prompt, as ever."""
    body = build(HISTORY, guard="marked").body
    assert body == build(HISTORY).body


def test_the_callers_own_suffix_is_used() -> None:
    """Beside what else the caller says to the guardrail."""
    own = {CONFIG: {"tagSuffix": "abc", "streamProcessingMode": "ASYNCHRONOUS"}}
    body = build(HISTORY, model_kwargs=own, guard="last_turn").body
    assert body[CONFIG] == own[CONFIG]
    assert tagged(body) == ["last"]

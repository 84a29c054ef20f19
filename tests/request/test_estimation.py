"""Estimates of tokens hold what they state, on recorded prompts."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from data import load_recordings, needs_data
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_claude_cloud.catalogue.resolution import resolve
from langchain_claude_cloud.request.token_estimation import (
    ESTIMATE_ERROR,
    size_of,
    size_of_tools,
)

_START = re.compile(rb'data: (\{"type":\s*"message_start".*)')
_MANY = 100


def _counted(row: dict[str, Any]) -> int:
    """Return the input tokens of a recorded exchange, 0 where it does not tell."""
    if row["kind"] == "sse" and (start := _START.search(row["body"])):
        usage = json.loads(start[1])["message"]["usage"]
    elif row["kind"] == "json" and row["status"] == 200:
        usage = json.loads(row["body"]).get("usage") or {}
    else:
        return 0
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return sum(usage.get(name) or 0 for name in names)


def _is_text(request: dict[str, Any]) -> bool:
    """Whether a prompt has neither media nor server tools, which are not estimated by size."""
    text = json.dumps(request["messages"])
    tools = request.get("tools") or []
    return not re.search(r'"(base64|url|file|format)"', text) and not any(
        tool.get("type") not in (None, "custom") for tool in tools
    )


def _estimated(request: dict[str, Any]) -> float:
    name = re.sub(r"-\d{8}$|-20\d{6}.*$", "", request.get("model") or "claude-sonnet-4-5")
    per_token = resolve(name, "vertex").info.characters_per_token
    messages: list[BaseMessage] = [HumanMessage(turn["content"]) for turn in request["messages"]]
    if request.get("system"):
        messages.append(HumanMessage(request["system"]))
    sizes = sum(size_of(message, per_token).tokens for message in messages)
    return sizes + size_of_tools(request.get("tools") or [], per_token)


@needs_data
def test_nine_in_ten_recorded_prompts_are_within_the_stated_error() -> None:
    """Of those with more than a hundred tokens, each prompt once."""
    errors: dict[str, float] = {}
    for row in load_recordings("anthropic", "vertex"):
        request = row["request"]
        if not isinstance(request, dict) or not isinstance(request.get("messages"), list):
            continue
        counted = _counted(row)
        if counted > _MANY and _is_text(request) and "output_config" not in request:
            key = json.dumps([request["messages"], request.get("tools")])
            errors[key] = abs(_estimated(request) / counted - 1)
    within = [error <= ESTIMATE_ERROR for error in errors.values()]
    assert len(within) > _MANY
    assert sum(within) >= 0.9 * len(within)


def test_what_costs_tokens_counts() -> None:
    """Tool calls, results, nested blocks, media by the piece and not by their base64."""
    picture = {"type": "image", "source": {"type": "base64", "data": "A" * 400_000}}
    call = {"name": "f", "args": {"q": "w" * 400}, "id": "1"}
    sizes = [
        size_of(message, 4.0).tokens
        for message in (
            HumanMessage(""),
            AIMessage("", tool_calls=[call]),
            HumanMessage(
                [{"type": "tool_result", "content": [{"type": "text", "text": "w" * 800}]}]
            ),
            ToolMessage("w" * 1200, tool_call_id="1"),
            HumanMessage([picture]),
        )
    ]
    assert sizes == sorted(sizes)
    assert sizes[1] > sizes[0] + 100
    assert sizes[-1] < 2_000
    assert size_of_tools([], 4.0) == 0


@pytest.mark.parametrize(("text", "least"), [("\u6f22" * 90, 90), ("\u0434" * 90, 45)])
def test_other_scripts_have_more_tokens(text: str, least: int) -> None:
    """A Chinese character is about a token, a Cyrillic one more than a third of one."""
    assert (
        size_of(HumanMessage(text), 4.0).tokens
        >= least
        > size_of(HumanMessage("a" * 90), 4.0).tokens
    )


@given(st.text(), st.text())
def test_a_message_is_no_smaller_than_a_piece_of_it(first: str, second: str) -> None:
    """And of two equal messages each has the same size."""
    whole, piece = HumanMessage(first + second), HumanMessage(first)
    assert size_of(whole, 4.0).tokens >= size_of(piece, 4.0).tokens
    assert size_of(whole, 4.0) == size_of(HumanMessage(first + second), 4.0)


def test_a_source_that_cannot_be_sent_has_a_size() -> None:
    """Trimming asks for it before anything is converted."""
    assert size_of(HumanMessage([{"type": "document", "source": "a.pdf"}]), 3.5).tokens > 0
